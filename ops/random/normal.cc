// Normal, NormalLike.
#include "nomograph/core/registry.h"
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
      // NORMAL_EXAMPLES
  };
}

std::vector<Example> LikeExamples() {
  return {
      // NORMAL_LIKE_EXAMPLES
  };
}

constexpr char kDoc[] =
    "Random numbers of the normal distribution, the same in training and inference: elements 2 i and 2 i + 1 come from "
    "words 2 i and 2 i + 1 of the Philox4x32-10 stream of (seed, node, step) by the method of Box and Muller, rounded to "
    "float32, then times stddev, plus mean. No number is more than 6.67 stddev from the mean.";

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
