// Rotate, RandomRotation.
#include "nomograph/core/numeric/exact_math.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/image/image.h"
#include "nomograph/ops/image/range.h"
#include "nomograph/ops/image/sampling.h"

namespace nomograph::image {
namespace {

constexpr double kTwoPi = 6.283185307179586;

struct Rotation {
  double sine, cosine;
  Sampling sample;

  Rotation(double angle, const Attributes& attrs)
      : sine(exact::Sin(angle)), cosine(exact::Cos(angle)), sample(attrs) {}

  template <typename F>
  void ForEachPlace(int64_t height, int64_t width, F f) const {
    const double center_row = 0.5 * static_cast<double>(height - 1);
    const double center_column = 0.5 * static_cast<double>(width - 1);
    for (int64_t r = 0; r < height; ++r) {
      const double down = static_cast<double>(r) - center_row;
      for (int64_t c = 0; c < width; ++c) {
        const double right = static_cast<double>(c) - center_column;
        f(r, c, Snapped(center_row + (sine * right + cosine * down)),
          Snapped(center_column + (cosine * right - sine * down)));
      }
    }
  }

  template <typename T>
  void operator()(const Image<const T>& x, const Image<T>& y) const {
    ForEachPlace(y.height, y.width, [&](int64_t r, int64_t c, double row, double column) {
      sample(x, row, column, &y.at(r, c, 0), y.channel);
    });
  }
};

Rotation FixedRotation(const Attributes& attrs) { return Rotation(attrs.Float("angle"), attrs); }

Rotation DrawRotation(const Attributes& attrs, const Words& words) {
  const Range factor = RangeOf(attrs, "factor");
  return Rotation(kTwoPi * Between(factor.low, factor.high, words[0]), attrs);
}

const Tensor& Ramp() {  // 3 rows of 4 pixels
  static const Tensor image = Tensor::Of<float>({3, 4, 1}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  return image;
}

std::vector<Example> RotateExamples() {
  return {
      {.name = "a quarter turn is exact",
       .attrs = {{"angle", kTwoPi / 4}, {"fill_mode", "constant"}},
       .inputs = {Tensor::Of<uint8_t>({3, 3, 1}, {0, 1, 2, 3, 4, 5, 6, 7, 8})},
       .outputs = {Tensor::Of<uint8_t>({3, 3, 1}, {2, 5, 8, 1, 4, 7, 0, 3, 6})}},
      {.name = "reflect",
       .attrs = {{"angle", 0.5}},
       .inputs = {Ramp()},
       .outputs = {Tensor::Of<float>(
           {3, 4, 1},
           {0.663051696f, 1.54063426f, 3.86673765f, 6.36622298f, 1.30707293f, 4.10235764f,
            6.89764236f, 9.69292707f, 4.63377702f, 7.13326235f, 9.45936574f, 10.3369483f})}},
      {.name = "constant",
       .attrs = {{"angle", 0.5}, {"fill_mode", "constant"}},
       .inputs = {Ramp()},
       .outputs = {Tensor::Of<float>(
           {3, 4, 1},
           {0.267394911f, 1.35992505f, 3.86673765f, 4.48309817f, 1.30707293f, 4.10235764f,
            6.89764236f, 9.69292707f, 3.26310864f, 7.13326235f, 8.34982631f, 4.16867552f})}},
      {.name = "another constant, clockwise, channels first, batch",
       .attrs = {{"angle", -1},
                 {"fill_mode", "constant"},
                 {"fill_value", 9},
                 {"data_format", "channels_first"}},
       .inputs = {Tensor::Of<double>({1, 1, 3, 2}, {0, 1, 4, 5, 8, 9})},
       .outputs = {Tensor::Of<double>({1, 1, 3, 2}, {6.87236228, 0.786612185, 5.91279082,
                                                     3.08720918, 8.8552663, 7.63223696})}},
      {.name = "nearest",
       .attrs = {{"angle", 2.5}, {"fill_mode", "nearest"}},
       .inputs = {Ramp()},
       .outputs = {Tensor::Of<float>(
           {3, 4, 1},
           {6.6137416f, 8.50667412f, 9.69790034f, 8.89675672f, 3.11088256f, 4.70362752f,
            6.29637248f, 7.88911744f, 2.10324328f, 1.30209966f, 2.49332588f, 4.3862584f})}},
      {.name = "wrap",
       .attrs = {{"angle", 0.8}, {"fill_mode", "wrap"}},
       .inputs = {Ramp()},
       .outputs = {Tensor::Of<float>(
           {3, 4, 1},
           {7.35422279f, 2.31208078f, 5.21359479f, 7.73006124f, 1.06321302f, 3.71693447f,
            7.28306553f, 9.93678698f, 3.26993876f, 5.78640521f, 8.68791922f, 3.64577721f})}},
      {.name = "the nearest pixel",
       .attrs = {{"angle", 0.8}, {"fill_mode", "wrap"}, {"interpolation", "nearest"}},
       .inputs = {Ramp()},
       .outputs = {Tensor::Of<float>({3, 4, 1}, {9, 2, 7, 7, 0, 5, 6, 11, 4, 4, 9, 2})}},
      {.name = "uint8 is rounded",
       .attrs = {{"angle", 0.3}},
       .inputs = {Tensor::Of<uint8_t>({3, 3, 2}, {0, 255, 20, 225, 40, 195, 60, 165, 80, 135, 100,
                                                  105, 120, 75, 140, 45, 160, 15})},
       .outputs = {Tensor::Of<uint8_t>({3, 3, 2}, {7, 245, 29, 212, 60, 164, 43, 190, 80, 135, 117,
                                                   80, 100, 106, 131, 58, 153, 25})}},
  };
}

std::vector<Example> RandomExamples() {
  return {
      {.name = "inference", .attrs = {{"factor", 0.5}}, .inputs = {Ramp()}, .outputs = {Ramp()}},
      {.name = "training",
       .attrs = {{"factor", 0.5}},
       .inputs = {Tensor::Of<float>({2, 3, 4, 1}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
                                                   0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})},
       .outputs = {Tensor::Of<float>(
           {2, 3, 4, 1},
           {9.15846033f,  9.5395031f,  9.30024617f, 8.34030885f, 5.25861704f, 5.41953901f,
            5.58046099f,  5.74138296f, 2.65969115f, 1.69975383f, 1.4604969f,  1.84153967f,
            0.612950523f, 1.50526272f, 3.73116376f, 6.13926411f, 1.45301882f, 4.15100627f,
            6.84899373f,  9.54698118f, 4.86073589f, 7.26883624f, 9.49473728f, 10.3870495f})},
       .training = true,
       .seed = 1,
       .keyed_by_node = true},
      {.name = "training, own seed, limits",
       .attrs = {{"factor", std::vector<double>{0.1, 0.2}},
                 {"seed", 9},
                 {"fill_mode", "constant"},
                 {"fill_value", -1},
                 {"interpolation", "nearest"}},
       .inputs = {Ramp()},
       .outputs = {Tensor::Of<float>({3, 4, 1}, {-1, 2, 7, 7, 1, 5, 6, 10, 4, 4, 9, -1})},
       .training = true,
       .keyed_by_node = true},
  };
}

// NumPy: the transpose of the matrix whose columns are single pixels, continued by numpy.pad and
// sampled bilinearly.
std::vector<Example> RotateGradExamples() {
  return {
      {.name = "reflect",
       .attrs = {{"angle", 0.5}, {"fill_mode", "reflect"}},
       .inputs = {Tensor::Of<float>({3, 4, 1}, {1, -2, 3, 0.5, -1, 2, 0, 4, 1.5, -0.5, 2, -3})},
       .outputs = {Tensor::Of<float>(
           {3, 4, 1},
           {-0.2501374, 0.0623481226, 0.0613822577, 0.879525755, 0.957321008, 1.27058786,
            0.931410419, 1.79227726, 0.104282443, 0.895717557, -0.542213187, 1.3374979})}},
      {.name = "constant",
       .attrs = {{"angle", 0.5}, {"fill_mode", "constant"}},
       .inputs = {Tensor::Of<float>({3, 4, 1}, {1, -2, 3, 0.5, -1, 2, 0, 4, 1.5, -0.5, 2, -3})},
       .outputs = {Tensor::Of<float>(
           {3, 4, 1},
           {-0.451201485, -0.225545748, 0.188210006, 0.856091899, 0.583923505, 1.27058786,
            0.931410419, 1.66781142, 0.0339808745, 0.768889808, 0.536994253, 1.94069016})}},
      {.name = "nearest",
       .attrs = {{"angle", 0.5}, {"fill_mode", "nearest"}},
       .inputs = {Tensor::Of<float>({3, 4, 1}, {1, -2, 3, 0.5, -1, 2, 0, 4, 1.5, -0.5, 2, -3})},
       .outputs = {Tensor::Of<float>(
           {3, 4, 1},
           {-0.2501374, 0.0623481226, 0.0613822577, 0.879525755, 0.957321008, 1.27058786,
            0.931410419, 1.79227726, 0.104282443, 0.895717557, -0.542213187, 1.3374979})}},
      {.name = "wrap",
       .attrs = {{"angle", 0.5}, {"fill_mode", "wrap"}},
       .inputs = {Tensor::Of<float>({3, 4, 1}, {1, -2, 3, 0.5, -1, 2, 0, 4, 1.5, -0.5, 2, -3})},
       .outputs = {Tensor::Of<float>(
           {3, 4, 1},
           {-0.427767629, -0.0987179996, -0.890997434, 0.252899643, 0.708389339, 1.27058786,
            0.931410419, 2.04120893, 0.23504496, 1.05678368, 0.410166505, 2.01099173})}},
  };
}

// As those of image.RotateGrad: the range is one number.
std::vector<Example> RandomGradExamples() {
  return {
      {.name = "inference", .attrs = {{"factor", 0.5}}, .inputs = {Ramp()}, .outputs = {Ramp()}},
      {.name = "training",
       .attrs = {{"factor", std::vector<double>{0.1, 0.1}}, {"fill_mode", "wrap"}},
       .inputs = {Tensor::Of<float>({3, 4, 1}, {1, -2, 3, 0.5, -1, 2, 0, 4, 1.5, -0.5, 2, -3})},
       .outputs = {Tensor::Of<float>(
           {3, 4, 1},
           {-0.514056472, 0.121864296, -2.13155039, 0.533073362, 0.907814964, 1.12037677,
            1.00896276, 1.79689392, -0.0290013623, 1.63381507, 0.626701117, 2.42510595})},
       .atol = 1e-5,
       .training = true},
  };
}

const auto kRotate = FilterImages(NumberTypes{}, FixedRotation);
const auto kRotateGrad = FilterImages(
    FloatTypes{}, [](const Attributes& attrs) { return Spread<Rotation>{FixedRotation(attrs)}; });
const auto kRandomRotation = AugmentImages(NumberTypes{}, DrawRotation);
const auto kRandomRotationGrad =
    AugmentImages(FloatTypes{}, [](const Attributes& attrs, const Words& words) {
      return Spread<Rotation>{DrawRotation(attrs, words)};
    });

NOMO_REGISTER_OP(
    WithSampling(ImageOp("image.Rotate", kNumbers)
                     .RequiredAttr("angle", AttrType::kFloat, "in radians, counter-clockwise")
                     .Min(-1e6)
                     .Max(1e6))
        .Doc("Each image rotated about its centre, in a frame of the same size. The image is "
             "continued beyond its edges as fill_mode says, then sampled at the place from which "
             "each pixel comes: with dx and dy the distances of pixel (row, column) from the "
             "centre ((height - 1) / 2, (width - 1) / 2) to the right and downwards, that is dx' = "
             "cos(angle) dx - sin(angle) dy and dy' = sin(angle) dx + cos(angle) dy from the "
             "centre, to 2^-20 of a pixel. Integers are rounded to the nearest, ties to even.")
        .Source("Keras RandomRotation; SciPy ndimage.rotate with the modes grid-constant, nearest, "
                "reflect, grid-wrap")
        .Reference(kRotate)
        .Fast(SideBySide(kRotate))
        .Gradient(SampledGradient("image.RotateGrad"))
        .Examples(RotateExamples));

NOMO_REGISTER_OP(
    WithSampling(ImageOp("image.RotateGrad", kFloats)
                     .RequiredAttr("angle", AttrType::kFloat, "in radians, counter-clockwise")
                     .Min(-1e6)
                     .Max(1e6))
        .Doc("What flows back through image.Rotate: each pixel is added to those that it was made "
             "of, by their weights. Sums are computed in float64.")
        .Source("image.Rotate, transposed")
        .Reference(kRotateGrad)
        .Fast(SideBySide(kRotateGrad))
        .Gradient(SampledGradient("image.Rotate"))
        .Examples(RotateGradExamples));

NOMO_REGISTER_OP(
    WithSampling(RandomImageOp("image.RandomRotation", kNumbers)
                     .RequiredAttr("factor", AttrType::kFloats,
                                   "the range of the angle as fractions of a full turn, "
                                   "counter-clockwise: [low, high], or one number f for [-f, f]")
                     .Min(-1)
                     .Max(1)
                     .Infer(InferWithRanges({"factor"})))
        .Doc("In training each image is rotated by an angle of its own, evenly drawn from 2 pi "
             "[low, high], as image.Rotate does. In inference y = x.")
        .Source("Keras RandomRotation")
        .Reference(kRandomRotation)
        .Fast(SideBySide(kRandomRotation))
        .Gradient(SampledGradient("image.RandomRotationGrad"))
        .Examples(RandomExamples));

NOMO_REGISTER_OP(
    WithSampling(RandomImageOp("image.RandomRotationGrad", kFloats)
                     .RequiredAttr("factor", AttrType::kFloats, "as image.RandomRotation has it")
                     .Min(-1)
                     .Max(1)
                     .Infer(InferWithRanges({"factor"})))
        .Doc("What flows back through image.RandomRotation whose attributes, key and seed these "
             "are: in training as through image.Rotate, in inference y = x.")
        .Source("image.RandomRotation, transposed")
        .Reference(kRandomRotationGrad)
        .Fast(SideBySide(kRandomRotationGrad))
        .Gradient(SampledGradient("image.RandomRotation"))
        .Examples(RandomGradExamples));

}  // namespace
}  // namespace nomograph::image
