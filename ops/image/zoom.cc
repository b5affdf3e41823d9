// RandomZoom, RandomTranslation.
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/image/image.h"
#include "nomograph/ops/image/range.h"
#include "nomograph/ops/image/sampling.h"

namespace nomograph::image {
namespace {

// Pixel (row, column) comes from (rows.at(row), columns.at(column)).
struct Line {
  double scale, offset;
  double at(int64_t i) const { return Snapped(scale * static_cast<double>(i) + offset); }
};

template <typename Place>
struct Move {
  Place place;  // yields the two lines for an image
  Sampling sample;

  template <typename F>
  void ForEachPlace(int64_t height, int64_t width, F f) const {
    const Line rows = place.Along(0, height), columns = place.Along(1, width);
    for (int64_t r = 0; r < height; ++r) {
      for (int64_t c = 0; c < width; ++c) f(r, c, rows.at(r), columns.at(c));
    }
  }

  template <typename T>
  void operator()(const Image<const T>& x, const Image<T>& y) const {
    ForEachPlace(y.height, y.width, [&](int64_t r, int64_t c, double row, double column) {
      sample(x, row, column, &y.at(r, c, 0), y.channel);
    });
  }
};

// About the centre.
struct Zoom {
  double factors[2];
  Line Along(int axis, int64_t size) const {
    const double center = 0.5 * static_cast<double>(size - 1);
    return {factors[axis], center * (1 - factors[axis])};
  }
};

struct Shift {
  double parts[2];
  Line Along(int axis, int64_t size) const { return {1, -parts[axis] * static_cast<double>(size)}; }
};

double Draw(const Attributes& attrs, absl::string_view name, uint32_t bits) {
  const Range range = RangeOf(attrs, name);
  return Between(range.low, range.high, bits);
}

Move<Zoom> DrawZoom(const Attributes& attrs, const Words& words) {
  const double height = 1 + Draw(attrs, "height_factor", words[0]);
  const double width =
      attrs.Has("width_factor") ? 1 + Draw(attrs, "width_factor", words[1]) : height;
  return {{{height, width}}, Sampling(attrs)};
}

Move<Shift> DrawShift(const Attributes& attrs, const Words& words) {
  return {{{Draw(attrs, "height_factor", words[0]), Draw(attrs, "width_factor", words[1])}},
          Sampling(attrs)};
}

const Tensor& Ramp() {  // 3 rows of 4 pixels
  static const Tensor image = Tensor::Of<float>({3, 4, 1}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  return image;
}

std::vector<Example> ZoomExamples() {
  return {
      {.name = "inference",
       .attrs = {{"height_factor", 0.5}},
       .inputs = {Ramp()},
       .outputs = {Ramp()}},
      {.name = "training, one factor",
       .attrs = {{"height_factor", 0.5}},
       .inputs = {Ramp()},
       .outputs = {Tensor::Of<float>({3, 4, 1}, {0, 0.772601426f, 2.22739857f, 3, 4, 4.77260143f,
                                                 6.22739857f, 7, 8, 8.77260143f, 10.2273986f, 11})},
       .training = true,
       .seed = 1,
       .keyed_by_node = true},
      {.name = "training, own seed, both factors, constant",
       .attrs = {{"height_factor", std::vector<double>{0.2, 0.4}},
                 {"width_factor", std::vector<double>{-0.5, -0.3}},
                 {"seed", 9},
                 {"fill_mode", "constant"},
                 {"fill_value", -1}},
       .inputs = {Ramp()},
       .outputs = {Tensor::Of<float>(
           {3, 4, 1},
           {0.125606138f, 0.589686499f, 1.05376686f, 1.51784722f, 4.54469678f, 5.1815656f,
            5.8184344f, 6.45530322f, 5.95513151f, 6.41921188f, 6.88329224f, 7.3473726f})},
       .training = true,
       .keyed_by_node = true},
  };
}

std::vector<Example> TranslationExamples() {
  return {
      {.name = "inference",
       .attrs = {{"height_factor", 0.5}, {"width_factor", 0.5}},
       .inputs = {Ramp()},
       .outputs = {Ramp()}},
      {.name = "one pixel down and one to the left",
       .attrs = {{"height_factor", std::vector<double>{1.0 / 3, 1.0 / 3}},
                 {"width_factor", std::vector<double>{-0.25, -0.25}},
                 {"fill_mode", "constant"}},
       .inputs = {Ramp()},
       .outputs = {Tensor::Of<float>({3, 4, 1}, {0, 0, 0, 0, 1, 2, 3, 0, 5, 6, 7, 0})},
       .training = true},
      {.name = "training",
       .attrs = {{"height_factor", 0.5}, {"width_factor", 0.25}, {"fill_mode", "wrap"}},
       .inputs = {Ramp()},
       .outputs = {Tensor::Of<float>(
           {3, 4, 1},
           {6.90709126f, 7.42088187f, 8.42088187f, 9.42088187f, 3.27978861f, 3.79357922f,
            4.79357922f, 5.79357922f, 2.90709126f, 3.42088187f, 4.42088187f, 5.42088187f})},
       .training = true,
       .seed = 1,
       .keyed_by_node = true},
  };
}

// NumPy: the transpose of the matrix whose columns are single pixels, continued by numpy.pad and
// sampled bilinearly.
std::vector<Example> ZoomGradExamples() {
  return {
      {.name = "inference",
       .attrs = {{"height_factor", 0.5}},
       .inputs = {Ramp()},
       .outputs = {Ramp()}},
      {.name = "training",
       .attrs = {{"height_factor", std::vector<double>{0.25, 0.25}},
                 {"width_factor", std::vector<double>{-0.5, -0.5}}},
       .inputs = {Tensor::Of<float>({3, 4, 1}, {1, -2, 3, 0.5, -1, 2, 0, 4, 1.5, -0.5, 2, -3})},
       .outputs = {Tensor::Of<float>(
           {3, 4, 1}, {0.25, 0, 2.125, 0.125, -0.25, 0.75, 3.5, 1, 0.375, 1.25, -0.875, -0.75})},
       .training = true},
      {.name = "training, one factor, constant",
       .attrs = {{"height_factor", std::vector<double>{0.3, 0.3}},
                 {"fill_mode", "constant"},
                 {"fill_value", 7}},
       .inputs = {Tensor::Of<float>({3, 4, 1}, {1, -2, 3, 0.5, -1, 2, 0, 4, 1.5, -0.5, 2, -3})},
       .outputs = {Tensor::Of<float>({3, 4, 1}, {0.175, -1.19, 1.785, 0.5075, -0.25, 1.7, 0, 2.2,
                                                 0.525, -0.2975, 1.19, -0.945})},
       .training = true},
  };
}

// NumPy, as above.
std::vector<Example> TranslationGradExamples() {
  return {
      {.name = "inference",
       .attrs = {{"height_factor", 0.5}, {"width_factor", 0.5}},
       .inputs = {Ramp()},
       .outputs = {Ramp()}},
      {.name = "training",
       .attrs = {{"height_factor", std::vector<double>{0.1, 0.1}},
                 {"width_factor", std::vector<double>{-0.2, -0.2}},
                 {"fill_mode", "nearest"}},
       .inputs = {Tensor::Of<float>({3, 4, 1}, {1, -2, 3, 0.5, -1, 2, 0, 4, 1.5, -0.5, 2, -3})},
       .outputs = {Tensor::Of<float>(
           {3, 4, 1}, {0.14, 0.28, -0.52, 4.1, -0.05, 0.05, 1.12, 2.38, 0.21, 0.77, 0, -0.98})},
       .training = true},
  };
}

const auto kZoom = AugmentImages(NumberTypes{}, DrawZoom);
const auto kZoomGrad = AugmentImages(FloatTypes{}, [](const Attributes& attrs, const Words& words) {
  return Spread<Move<Zoom>>{DrawZoom(attrs, words)};
});
const auto kTranslation = AugmentImages(NumberTypes{}, DrawShift);
const auto kTranslationGrad =
    AugmentImages(FloatTypes{}, [](const Attributes& attrs, const Words& words) {
      return Spread<Move<Shift>>{DrawShift(attrs, words)};
    });

NOMO_REGISTER_OP(
    WithSampling(RandomImageOp("image.RandomZoom", kNumbers)
                     .RequiredAttr("height_factor", AttrType::kFloats,
                                   "the range of the change of what is seen of the height: [low, "
                                   "high], or one number f for [-f, f]; above 0 things get smaller")
                     .Min(-1)
                     .Max(1e6)
                     .OptionalAttr("width_factor", AttrType::kFloats,
                                   "the same for the width; absent: the height's draw")
                     .Min(-1)
                     .Max(1e6)
                     .Infer(InferWithRanges({"height_factor", "width_factor"})))
        .Doc("In training each image is zoomed about its centre in a frame of the same size: pixel "
             "(row, column) comes from the place whose distances from the centre are 1 + h and 1 + "
             "w times as great, h and w evenly drawn from the ranges from words 0 and 1 of the "
             "image's block, sampled as image.Rotate does. In inference y = x.")
        .Source("Keras RandomZoom")
        .Reference(kZoom)
        .Fast(SideBySide(kZoom))
        .Gradient(SampledGradient("image.RandomZoomGrad"))
        .Examples(ZoomExamples));

NOMO_REGISTER_OP(
    WithSampling(RandomImageOp("image.RandomZoomGrad", kFloats)
                     .RequiredAttr("height_factor", AttrType::kFloats,
                                   "this and the next as image.RandomZoom has them")
                     .Min(-1)
                     .Max(1e6)
                     .OptionalAttr("width_factor", AttrType::kFloats, "absent: the height's draw")
                     .Min(-1)
                     .Max(1e6)
                     .Infer(InferWithRanges({"height_factor", "width_factor"})))
        .Doc("What flows back through image.RandomZoom whose attributes, key and seed these are: "
             "in training each pixel is added to those that it was made of, by their weights, in "
             "inference y = x.")
        .Source("image.RandomZoom, transposed")
        .Reference(kZoomGrad)
        .Fast(SideBySide(kZoomGrad))
        .Gradient(SampledGradient("image.RandomZoom"))
        .Examples(ZoomGradExamples));

NOMO_REGISTER_OP(
    WithSampling(RandomImageOp("image.RandomTranslation", kNumbers)
                     .RequiredAttr("height_factor", AttrType::kFloats,
                                   "the range of the way downwards, as a part of the height: [low, "
                                   "high], or one number f for [-f, f]")
                     .Min(-1)
                     .Max(1)
                     .RequiredAttr("width_factor", AttrType::kFloats,
                                   "the range of the way to the right, as a part of the width")
                     .Min(-1)
                     .Max(1)
                     .Infer(InferWithRanges({"height_factor", "width_factor"})))
        .Doc(
            "In training each image is moved by parts of its size that are evenly drawn from the "
            "ranges, from words 0 and 1 of the image's block, and sampled as image.Rotate does. In "
            "inference y = x.")
        .Source("Keras RandomTranslation")
        .Reference(kTranslation)
        .Fast(SideBySide(kTranslation))
        .Gradient(SampledGradient("image.RandomTranslationGrad"))
        .Examples(TranslationExamples));

NOMO_REGISTER_OP(
    WithSampling(RandomImageOp("image.RandomTranslationGrad", kFloats)
                     .RequiredAttr("height_factor", AttrType::kFloats,
                                   "this and the next as image.RandomTranslation has them")
                     .Min(-1)
                     .Max(1)
                     .RequiredAttr("width_factor", AttrType::kFloats, "as the height's")
                     .Min(-1)
                     .Max(1)
                     .Infer(InferWithRanges({"height_factor", "width_factor"})))
        .Doc("What flows back through image.RandomTranslation whose attributes, key and seed these "
             "are: in training each pixel is added to those that it was made of, by their weights, "
             "in inference y = x.")
        .Source("image.RandomTranslation, transposed")
        .Reference(kTranslationGrad)
        .Fast(SideBySide(kTranslationGrad))
        .Gradient(SampledGradient("image.RandomTranslation"))
        .Examples(TranslationGradExamples));

}  // namespace
}  // namespace nomograph::image
