// AdjustContrast, RandomContrast.
#include "nomograph/core/gradient/draws.h"
#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/image/image.h"
#include "nomograph/ops/image/range.h"

namespace nomograph::image {
namespace {

struct Contrast {
  double factor;
  Range limits;

  template <typename T>
  void operator()(const Image<const T>& x, const Image<T>& y) const {
    for (int64_t k = 0; k < x.channels; ++k) {
      double sum = 0;
      for (int64_t r = 0; r < x.height; ++r) {
        for (int64_t c = 0; c < x.width; ++c) sum += static_cast<double>(x.at(r, c, k));
      }
      const double mean = sum / static_cast<double>(x.height * x.width);
      for (int64_t r = 0; r < x.height; ++r) {
        for (int64_t c = 0; c < x.width; ++c) {
          const double value = (static_cast<double>(x.at(r, c, k)) - mean) * factor + mean;
          y.at(r, c, k) = Rounded<T>(limits.Clamp(value));
        }
      }
    }
  }
};

Contrast FixedContrast(const Attributes& attrs) {
  return {attrs.Float("factor"), RangeOf(attrs, "value_range")};
}

Contrast DrawContrast(const Attributes& attrs, const Words& words) {
  const std::vector<double>& factor = attrs.Floats("factor");
  return {Between(1 - factor.front(), 1 + factor.back(), words[0]), RangeOf(attrs, "value_range")};
}

absl::StatusOr<std::vector<TensorType>> InferRandom(const InferContext& context) {
  const std::vector<double>& factor = context.attrs().Floats("factor");
  if (factor.size() != 1 && factor.size() != 2) {
    return InvalidArgument("factor: expected [lower, upper] or one number, found ",
                           AttrValue(factor).ToString());
  }
  return InferWithRanges({"value_range"})(context);
}

std::vector<Example> AdjustExamples() {
  return {
      {.name = "each channel has its mean",
       .attrs = {{"factor", 2}},
       .inputs = {Tensor::Of<float>({1, 2, 2}, {1, 10, 3, 30})},
       .outputs = {Tensor::Of<float>({1, 2, 2}, {0, 0, 4, 40})}},
      {.name = "within a range, channels first, batch",
       .attrs = {{"factor", 2},
                 {"value_range", std::vector<double>{0, 20}},
                 {"data_format", "channels_first"}},
       .inputs = {Tensor::Of<float>({1, 2, 1, 2}, {1, 3, 10, 30})},
       .outputs = {Tensor::Of<float>({1, 2, 1, 2}, {0, 4, 0, 20})}},
      {.name = "uint8 is rounded",
       .attrs = {{"factor", 0.5}},
       .inputs = {Tensor::Of<uint8_t>({1, 3, 1}, {0, 10, 201})},
       .outputs = {Tensor::Of<uint8_t>({1, 3, 1}, {35, 40, 136})}},
  };
}

std::vector<Example> RandomExamples() {
  return {
      {.name = "inference",
       .attrs = {{"factor", 0.5}},
       .inputs = {Tensor::Of<float>({1, 2, 1}, {-3, 300})},
       .outputs = {Tensor::Of<float>({1, 2, 1}, {-3, 300})}},
      {.name = "training",
       .attrs = {{"factor", 0.5}},
       .inputs = {Tensor::Of<float>({2, 2, 2, 1}, {1, 2, 3, 4, 1, 2, 3, 4})},
       .outputs = {Tensor::Of<float>(
           {2, 2, 2, 1}, {0.317804277f, 1.77260143f, 3.22739857f, 4.68219572f, 0.888188541f,
                          1.96272951f, 3.03727049f, 4.11181146f})},
       .training = true,
       .seed = 1,
       .keyed_by_node = true},
      {.name = "training, own seed, limits",
       .attrs = {{"factor", std::vector<double>{0.1, 0.3}},
                 {"seed", 2},
                 {"value_range", std::vector<double>{0, 3.5}}},
       .inputs = {Tensor::Of<float>({2, 2, 1}, {1, 2, 3, 4})},
       .outputs = {Tensor::Of<float>({2, 2, 1}, {0.770415461f, 1.92347182f, 3.07652818f, 3.5f})},
       .training = true,
       .keyed_by_node = true},
  };
}

// Without the limits, the op is a symmetric matrix: what flows back has its contrast changed alike.
absl::StatusOr<std::vector<Value>> AdjustGradient(const GradientContext& g) {
  Attributes attrs = g.attrs();
  Value dy = g.gradient(0);
  if (attrs.Has("value_range")) {
    dy = Call("array.Where", {WithinRange(attrs, g.output(0)), dy, ConstantLike(0, dy)});
    attrs.Erase("value_range");
  }
  return std::vector<Value>{Call("image.AdjustContrast", {dy}, attrs)};
}

// The limits, which only training has, were of no matter where y is the same without them.
absl::StatusOr<std::vector<Value>> RandomGradient(const GradientContext& g) {
  NOMO_ASSIGN_OR_RETURN(Attributes attrs, AttributesOfSameDraws(g));
  constexpr double kGreatest = std::numeric_limits<double>::max();
  attrs.Set("value_range", std::vector<double>{-kGreatest, kGreatest});
  const Value is_same = Call("image.RandomContrast", {g.input(0)}, attrs) == g.output(0);
  const Value dy = Call("array.Where", {is_same, g.gradient(0), ConstantLike(0, g.gradient(0))});
  return std::vector<Value>{Call("image.RandomContrast", {dy}, attrs)};
}

NOMO_REGISTER_OP(
    WithDataFormat(ImageOp("image.AdjustContrast", kNumbers))
        .RequiredAttr("factor", AttrType::kFloat, "the factor; 1 keeps the image as it is")
        .OptionalAttr("value_range", AttrType::kFloats,
                      "[low, high] of the results; absent: no limits")
        .Infer(InferWithRanges({"value_range"}))
        .Doc(
            "y = (x - mean) factor + mean, limited to value_range, where mean is that of the "
            "channel in the image. Integers are rounded to the nearest, ties to even, and clamped.")
        .Source("tf.image.adjust_contrast")
        .Reference(FilterImages(NumberTypes{}, FixedContrast))
        .InPlace()
        .Gradient(AdjustGradient)
        .Examples(AdjustExamples));

NOMO_REGISTER_OP(
    WithDataFormat(RandomImageOp("image.RandomContrast", kNumbers))
        .RequiredAttr(
            "factor", AttrType::kFloats,
            "how far the contrast is reduced and raised: [lower, upper], or one number for both")
        .Min(0)
        .Max(1)
        .Attr("value_range", std::vector<double>{0, 255}, "[low, high] of the results")
        .Infer(InferRandom)
        .Doc("In training y = (x - mean) f + mean, limited to value_range, where mean is that of "
             "the channel in the image and f is evenly drawn from [1 - lower, 1 + upper] for each "
             "image; integers are rounded to the nearest. In inference y = x.")
        .Source("Keras RandomContrast")
        .Reference(AugmentImages(NumberTypes{}, DrawContrast))
        .InPlace()
        .Gradient(RandomGradient)
        .Examples(RandomExamples));

}  // namespace
}  // namespace nomograph::image
