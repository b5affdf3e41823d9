// Uniform, UniformLike.
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/random/draw.h"

namespace nomograph::random {
namespace {

// In [0, 1), with the 53 bits of a double.
double UniformDouble(uint32_t bits1, uint32_t bits2) {
  return (static_cast<double>(bits1 >> 5) * 0x1p26 + static_cast<double>(bits2 >> 6)) * 0x1p-53;
}

void DrawUniform(KernelContext& context) {
  const PhiloxStream stream = RandomStream(context);
  const double low = context.attrs().Float("minval"), high = context.attrs().Float("maxval");
  const auto between = [&](double unit) { return low + unit * (high - low); };
  Dispatch(FloatTypes{}, context.output_dtype(0), [&]<typename T>() {
    Fill(stream, context.output<T>(0), [&](const Words& words) {
      if constexpr (std::is_same_v<T, double>) {
        return std::array{between(UniformDouble(words[0], words[1])),
                          between(UniformDouble(words[2], words[3]))};
      } else {
        return std::array{between(UniformFloat(words[0])), between(UniformFloat(words[1])),
                          between(UniformFloat(words[2])), between(UniformFloat(words[3]))};
      }
    });
  });
}

absl::Status CheckLimits(const Attributes& attrs) {
  if (attrs.Float("minval") <= attrs.Float("maxval")) return absl::OkStatus();
  return InvalidArgument("expected minval <= maxval, found minval ",
                         attrs.Find("minval")->ToString(), " and maxval ",
                         attrs.Find("maxval")->ToString());
}

std::vector<Example> Examples() {
  return {
      {.name = "shape as an attribute",
       .attrs = {{"shape", std::vector<int64_t>{2, 3}}},
       .outputs = {Tensor::Of<float>({2, 3}, {0.954797149f, 0.560776174f, 0.0782669783f,
                                              0.431914747f, 0.574540973f, 0.458362281f})},
       .seed = 1,
       .keyed_by_node = true},
      {.name = "shape as an input, own seed, another step",
       .attrs = {{"seed", 1}},
       .inputs = {Tensor::Vector<int64_t>({6})},
       .outputs = {Tensor::Vector<float>(
           {0.670293331f, 0.148888588f, 0.9642151f, 0.415531635f, 0.496728122f, 0.601170301f})},
       .step = 1,
       .keyed_by_node = true},
      {.name = "float16",
       .attrs = {{"shape", 3}, {"minval", -2}, {"maxval", 3}, {"dtype", DType::kFloat16}},
       .outputs = {Tensor::Vector<Half>(
           {Half(-0.349853516f), Half(-0.668457031f), Half(0.723632812f)})},
       .seed = 7,
       .keyed_by_node = true},
      {.name = "float64",
       .attrs = {{"shape", 3}, {"dtype", DType::kFloat64}},
       .outputs = {Tensor::Vector<double>(
           {0.63264090543926521, 0.050941647325992601, 0.9343748212228592})},
       .rtol = 1e-15,
       .atol = 0,
       .training = true,
       .seed = 2,
       .keyed_by_node = true},
  };
}

std::vector<Example> LikeExamples() {
  return {
      {.name = "of the same type",
       .attrs = {{"minval", 10}, {"maxval", 20}},
       .inputs = {Tensor::Of<float>({2, 2}, {0, 0, 0, 0})},
       .outputs = {Tensor::Of<float>({2, 2}, {19.674266f, 18.0434865f, 10.3039783f, 17.2052026f})},
       .seed = 3,
       .keyed_by_node = true},
      {.name = "of another type",
       .attrs = {{"minval", 10}, {"maxval", 20}, {"dtype", DType::kFloat32}},
       .inputs = {Tensor::Vector<bool>({false, true})},
       .outputs = {Tensor::Vector<float>({19.674266f, 18.0434865f})},
       .seed = 3,
       .keyed_by_node = true},
  };
}

constexpr char kDoc[] =
    "Random numbers evenly distributed over [minval, maxval), the same in training and inference: "
    "element i comes from word i of the Philox4x32-10 stream of (seed, node, step), as minval + "
    "(maxval - minval) times its upper 24 bits / 2^24; of float64 from words 2 i and 2 i + 1, with "
    "53 bits. Where the result is rounded to `dtype` it may become maxval itself.";

OpDef Uniform(OpDef schema) {
  return WithDraw(std::move(schema), DrawUniform)
      .Doc(kDoc)
      .Attr("minval", 0.0, "the least number")
      .Attr("maxval", 1.0, "the limit above");
}

NOMO_REGISTER_OP(Uniform(ShapedOp("random.Uniform", kFloats, DType::kFloat32, CheckLimits))
                     .Source("ONNX RandomUniform; Keras random.uniform")
                     .Examples(Examples));

NOMO_REGISTER_OP(Uniform(LikeOp("random.UniformLike", kAnyType, kFloats, CheckLimits))
                     .Source("ONNX RandomUniformLike")
                     .Examples(LikeExamples));

}  // namespace
}  // namespace nomograph::random
