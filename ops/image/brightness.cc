// AdjustBrightness, RandomBrightness.
#include "nomograph/core/gradient/draws.h"
#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/image/image.h"
#include "nomograph/ops/image/range.h"

namespace nomograph::image {
namespace {

struct Brightness {
  double delta;
  Range limits;

  template <typename T>
  void operator()(const Image<const T>& x, const Image<T>& y) const {
    for (int64_t i = 0; i < x.size(); ++i) {
      y.data[i] = Rounded<T>(limits.Clamp(static_cast<double>(x.data[i]) + delta));
    }
  }
};

Brightness FixedBrightness(const Attributes& attrs) {
  return {attrs.Float("delta"), RangeOf(attrs, "value_range")};
}

Brightness DrawBrightness(const Attributes& attrs, const Words& words) {
  const Range factor = RangeOf(attrs, "factor");
  const Range values = RangeOf(attrs, "value_range");
  return {Between(factor.low, factor.high, words[0]) * (values.high - values.low), values};
}

std::vector<Example> AdjustExamples() {
  return {
      {.name = "float",
       .attrs = {{"delta", 0.25}},
       .inputs = {Tensor::Of<float>({1, 2, 2}, {0, 0.5f, 0.75f, 1})},
       .outputs = {Tensor::Of<float>({1, 2, 2}, {0.25f, 0.75f, 1, 1.25f})}},
      {.name = "within a range",
       .attrs = {{"delta", -0.5}, {"value_range", std::vector<double>{0, 1}}},
       .inputs = {Tensor::Of<float>({1, 1, 2, 2}, {0, 0.5f, 0.75f, 1})},
       .outputs = {Tensor::Of<float>({1, 1, 2, 2}, {0, 0, 0.25f, 0.5f})}},
      {.name = "uint8 is rounded and clamped",
       .attrs = {{"delta", 20.5}},
       .inputs = {Tensor::Of<uint8_t>({4, 1, 1}, {0, 1, 100, 250})},
       .outputs = {Tensor::Of<uint8_t>({4, 1, 1}, {20, 22, 120, 255})}},
  };
}

std::vector<Example> RandomExamples() {
  return {
      {.name = "inference",
       .attrs = {{"factor", 0.2}},
       .inputs = {Tensor::Of<float>({1, 2, 1}, {-3, 300})},
       .outputs = {Tensor::Of<float>({1, 2, 1}, {-3, 300})}},
      {.name = "training",
       .attrs = {{"factor", 0.2}},
       .inputs = {Tensor::Of<float>({2, 2, 2, 1}, {50, 100, 150, 200, 50, 100, 150, 200})},
       .outputs = {Tensor::Of<float>(
           {2, 2, 2, 1}, {96.3893092f, 146.389309f, 196.389309f, 246.389309f, 57.6031792f,
                          107.603179f, 157.603179f, 207.603179f})},
       .training = true,
       .seed = 1,
       .keyed_by_node = true},
      {.name = "training, own seed, limits",
       .attrs = {{"factor", std::vector<double>{0.1, 0.5}},
                 {"seed", 2},
                 {"value_range", std::vector<double>{0, 1}}},
       .inputs = {Tensor::Of<float>({2, 2, 1}, {0.25f, 0.5f, 0.75f, 1})},
       .outputs = {Tensor::Of<float>({2, 2, 1}, {0.603056359f, 0.853056359f, 1, 1})},
       .training = true,
       .keyed_by_node = true},
  };
}

// What flows back is dy, but for elements at the limits.
absl::StatusOr<std::vector<Value>> AdjustGradient(const GradientContext& g) {
  const Value dy = g.gradient(0);
  if (!g.attrs().Has("value_range")) return std::vector<Value>{dy};
  return std::vector<Value>{
      Call("array.Where", {WithinRange(g.attrs(), g.output(0)), dy, ConstantLike(0, dy)})};
}

// In inference there are no limits: then a grey image, with the same draws, stays as it is.
absl::StatusOr<std::vector<Value>> RandomGradient(const GradientContext& g) {
  NOMO_ASSIGN_OR_RETURN(const Attributes attrs, AttributesOfSameDraws(g));
  const Range range = RangeOf(attrs, "value_range");
  const Value dy = g.gradient(0), zeros = ZerosLike(g.input(0));
  const Value grey = zeros + 0.5 * (range.low + range.high);
  const Value is_same = Call("image.RandomBrightness", {grey}, attrs) == grey;
  return std::vector<Value>{
      Call("array.Where", {WithinRange(attrs, g.output(0)) || is_same, dy, ConstantLike(0, dy)})};
}

NOMO_REGISTER_OP(ImageOp("image.AdjustBrightness", kNumbers)
                     .RequiredAttr("delta", AttrType::kFloat, "what is added, in the units of x")
                     .OptionalAttr("value_range", AttrType::kFloats,
                                   "[low, high] of the results; absent: no limits")
                     .Infer(InferWithRanges({"value_range"}))
                     .Doc("y = x + delta, limited to value_range. Integers are rounded to the "
                          "nearest, ties to even, and clamped.")
                     .Source("tf.image.adjust_brightness")
                     .Reference(FilterImages(NumberTypes{}, FixedBrightness))
                     .InPlace()
                     .Gradient(AdjustGradient)
                     .Examples(AdjustExamples));

NOMO_REGISTER_OP(RandomImageOp("image.RandomBrightness", kNumbers)
                     .RequiredAttr("factor", AttrType::kFloats,
                                   "the range of the change as fractions of value_range: [low, "
                                   "high], or one number f for [-f, f]")
                     .Min(-1)
                     .Max(1)
                     .Attr("value_range", std::vector<double>{0, 255},
                           "[low, high] of the values of x, and of the results")
                     .Infer(InferWithRanges({"factor", "value_range"}))
                     .Doc("In training y = x + d (value_range[1] - value_range[0]), limited to "
                          "value_range, with d evenly drawn from [low, high] for each image; "
                          "integers are rounded to the nearest. In inference y = x.")
                     .Source("Keras RandomBrightness")
                     .Reference(AugmentImages(NumberTypes{}, DrawBrightness))
                     .InPlace()
                     .Gradient(RandomGradient)
                     .Examples(RandomExamples));

}  // namespace
}  // namespace nomograph::image
