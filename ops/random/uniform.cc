// Uniform, UniformLike.
#include "nomograph/core/registry.h"
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
      // UNIFORM_EXAMPLES
  };
}

std::vector<Example> LikeExamples() {
  return {
      // UNIFORM_LIKE_EXAMPLES
  };
}

constexpr char kDoc[] =
    "Random numbers evenly distributed over [minval, maxval), the same in training and inference: element i comes from "
    "word i of the Philox4x32-10 stream of (seed, node, step), as minval + (maxval - minval) times its upper 24 bits / "
    "2^24; of float64 from words 2 i and 2 i + 1, with 53 bits. Where the result is rounded to `dtype` it may become "
    "maxval itself.";

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
