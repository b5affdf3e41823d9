// Normal, NormalLike.
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/random/draw.h"

namespace nomograph::random {
namespace {

void DrawNormal(KernelContext& context) {
  const PhiloxStream stream = RandomStream(context);
  const double mean = context.attrs().Float("mean"), deviation = context.attrs().Float("stddev");
  Dispatch(FloatTypes{}, context.output_dtype(0), [&]<typename T>() {
    Fill(stream, context.output<T>(0), [&](const Words& words) {
      const auto [a, b] = NormalFloats(words[0], words[1]);
      const auto [c, d] = NormalFloats(words[2], words[3]);
      return std::array{mean + a * deviation, mean + b * deviation, mean + c * deviation,
                        mean + d * deviation};
    });
  });
}

std::vector<Example> Examples() {
  return {
      {.name = "standard",
       .attrs = {{"shape", std::vector<int64_t>{5, 1}}},
       .outputs = {Tensor::Of<float>(
           {5, 1}, {-0.282250368f, -0.113346202f, -2.05385166f, 0.936456784f, -1.01696702f})},
       .seed = 1,
       .keyed_by_node = true},
      {.name = "shape as an input, great seed and step, float64",
       .attrs = {{"mean", 10}, {"stddev", 2}, {"dtype", DType::kFloat64}},
       .inputs = {Tensor::Vector<int32_t>({2, 2})},
       .outputs = {Tensor::Of<double>({2, 2}, {7.41206154, 10.4486775, 11.7042361, 8.37438724})},
       .seed = (uint64_t{1} << 40) + 5,
       .step = uint64_t{1} << 33,
       .keyed_by_node = true},
      {.name = "no deviation",
       .attrs = {{"shape", 2}, {"mean", 1.5}, {"stddev", 0}},
       .outputs = {Tensor::Vector<float>({1.5f, 1.5f})}},
  };
}

std::vector<Example> LikeExamples() {
  return {
      {.name = "of the same type",
       .inputs = {Tensor::Of<float>({2, 2}, {0, 0, 0, 0})},
       .outputs = {Tensor::Of<float>({2, 2},
                                     {0.0861841085f, -0.242494805f, -0.486805488f, -2.59803541f})},
       .seed = 3,
       .keyed_by_node = true},
  };
}

constexpr char kDoc[] =
    "Random numbers of the normal distribution, the same in training and inference: elements 2 i "
    "and 2 i + 1 come from words 2 i and 2 i + 1 of the Philox4x32-10 stream of (seed, node, step) "
    "by the method of Box and Muller, rounded to float32, then times stddev, plus mean. No number "
    "is more than 6.67 stddev from the mean.";

OpDef Normal(OpDef schema) {
  return WithDraw(std::move(schema), DrawNormal)
      .Doc(kDoc)
      .Attr("mean", 0.0, "of the distribution")
      .Attr("stddev", 1.0, "the standard deviation")
      .Min(0);
}

NOMO_REGISTER_OP(Normal(ShapedOp("random.Normal", kFloats, DType::kFloat32))
                     .Source("ONNX RandomNormal; Keras random.normal")
                     .Examples(Examples));

NOMO_REGISTER_OP(Normal(LikeOp("random.NormalLike", kAnyType, kFloats))
                     .Source("ONNX RandomNormalLike; Keras GaussianNoise")
                     .Examples(LikeExamples));

}  // namespace
}  // namespace nomograph::random
