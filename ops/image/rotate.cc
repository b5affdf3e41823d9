// Rotate, RandomRotation.
#include <cmath>

#include "nomograph/core/exact_math.h"
#include "nomograph/core/registry.h"
#include "nomograph/ops/image/image.h"
#include "nomograph/ops/image/range.h"

namespace nomograph::image {
namespace {

constexpr double kTwoPi = 6.283185307179586;

enum class FillMode { kConstant, kNearest, kReflect, kWrap };

FillMode FillModeOf(absl::string_view name) {
  if (name == "constant") return FillMode::kConstant;
  if (name == "nearest") return FillMode::kNearest;
  return name == "wrap" ? FillMode::kWrap : FillMode::kReflect;
}

int64_t FloorMod(int64_t a, int64_t b) { return (a % b + b) % b; }

// Which pixel of 0 … size - 1 stands at `index` of the continued image; -1 for the fill value.
int64_t Continued(int64_t index, int64_t size, FillMode mode) {
  if (index >= 0 && index < size) return index;
  switch (mode) {
    case FillMode::kConstant:
      return -1;
    case FillMode::kNearest:
      return index < 0 ? 0 : size - 1;
    case FillMode::kWrap:
      return FloorMod(index, size);
    case FillMode::kReflect:
      const int64_t folded = FloorMod(index, 2 * size);
      return folded < size ? folded : 2 * size - 1 - folded;
  }
  return -1;
}

double Mix(double a, double b, double weight) {
  return weight == 0 ? a : (1 - weight) * a + weight * b;  // 0 times infinity would be NaN
}

// Multiples of 2^-20 of a pixel: quarter turns, whose sine and cosine are a little off, then hit pixels exactly.
double Snapped(double coordinate) { return std::floor(coordinate * 0x1p20 + 0.5) * 0x1p-20; }

struct Rotation {
  double sine, cosine;
  FillMode mode;
  bool bilinear;
  double fill_value;

  Rotation(double angle, const Attributes& attrs)
      : sine(exact::Sin(angle)),
        cosine(exact::Cos(angle)),
        mode(FillModeOf(attrs.String("fill_mode"))),
        bilinear(attrs.String("interpolation") == "bilinear"),
        fill_value(attrs.Float("fill_value")) {}

  template <typename T>
  void operator()(const Image<const T>& x, const Image<T>& y) const {
    const double center_row = 0.5 * static_cast<double>(y.height - 1);
    const double center_column = 0.5 * static_cast<double>(y.width - 1);
    for (int64_t r = 0; r < y.height; ++r) {
      const double down = static_cast<double>(r) - center_row;
      for (int64_t c = 0; c < y.width; ++c) {
        const double right = static_cast<double>(c) - center_column;
        const double row = Snapped(center_row + (sine * right + cosine * down));
        const double column = Snapped(center_column + (cosine * right - sine * down));
        Sample(x, row, column, &y.at(r, c, 0), y.channel);
      }
    }
  }

  // The pixel of the continued image at a place between pixels.
  template <typename T>
  void Sample(const Image<const T>& x, double row, double column, T* y, int64_t y_step) const {
    const double shift = bilinear ? 0 : 0.5;
    const double r0 = std::floor(row + shift), c0 = std::floor(column + shift);
    const double down = bilinear ? row - r0 : 0, right = bilinear ? column - c0 : 0;
    int64_t rows[2], columns[2];
    for (int i = 0; i < 2; ++i) {
      rows[i] = Continued(static_cast<int64_t>(r0) + i, x.height, mode);
      columns[i] = Continued(static_cast<int64_t>(c0) + i, x.width, mode);
    }
    for (int64_t k = 0; k < x.channels; ++k) {
      const auto pixel = [&](int i, int j) {
        return rows[i] < 0 || columns[j] < 0 ? fill_value
                                             : static_cast<double>(x.at(rows[i], columns[j], k));
      };
      y[k * y_step] = Rounded<T>(Mix(Mix(pixel(0, 0), pixel(0, 1), right),
                                     Mix(pixel(1, 0), pixel(1, 1), right), down));
    }
  }
};

Rotation FixedRotation(const Attributes& attrs) { return Rotation(attrs.Float("angle"), attrs); }

Rotation DrawRotation(const Attributes& attrs, const Words& words) {
  const Range factor = RangeOf(attrs, "factor");
  return Rotation(kTwoPi * Between(factor.low, factor.high, words[0]), attrs);
}

OpDef WithSampling(OpDef op) {
  op.Attr("fill_mode", "reflect",
          "how the image goes on beyond its edges. reflect: (d c b a | a b c d | d c b a); constant: with fill_value; "
          "nearest: (a a a a | a b c d | d d d d); wrap: (a b c d | a b c d | a b c d)")
      .Choices({"constant", "nearest", "reflect", "wrap"});
  op.Attr("interpolation", "bilinear",
          "bilinear: between the four pixels around a place; nearest: the nearest pixel, of equally near ones the one "
          "to the right and below")
      .Choices({"bilinear", "nearest"});
  op.Attr("fill_value", 0.0, "the value beyond the edges where fill_mode is constant");
  return WithDataFormat(std::move(op));
}

std::vector<Example> RotateExamples() {
  return {
      // ROTATE_EXAMPLES
  };
}

std::vector<Example> RandomExamples() {
  return {
      // RANDOM_ROTATION_EXAMPLES
  };
}

NOMO_REGISTER_OP(
    WithSampling(ImageOp("image.Rotate", kNumbers)
                     .RequiredAttr("angle", AttrType::kFloat, "in radians, counter-clockwise")
                     .Min(-1e6)
                     .Max(1e6))
        .Doc("Each image rotated about its centre, in a frame of the same size. The image is continued beyond its "
             "edges as fill_mode says, then sampled at the place from which each pixel comes: with dx and dy the "
             "distances of pixel (row, column) from the centre ((height - 1) / 2, (width - 1) / 2) to the right and "
             "downwards, that is dx' = cos(angle) dx - sin(angle) dy and dy' = sin(angle) dx + cos(angle) dy from the "
             "centre, to 2^-20 of a pixel. Integers are rounded to the nearest, ties to even.")
        .Source("Keras RandomRotation; SciPy ndimage.rotate with the modes grid-constant, nearest, reflect, grid-wrap")
        .Reference(FilterImages(NumberTypes{}, FixedRotation))
        .Examples(RotateExamples));

NOMO_REGISTER_OP(
    WithSampling(RandomImageOp("image.RandomRotation", kNumbers)
                     .RequiredAttr("factor", AttrType::kFloats,
                                   "the range of the angle as fractions of a full turn, counter-clockwise: "
                                   "[low, high], or one number f for [-f, f]")
                     .Min(-1)
                     .Max(1)
                     .Infer(InferWithRanges({"factor"})))
        .Doc("In training each image is rotated by an angle of its own, evenly drawn from 2 pi [low, high], as "
             "image.Rotate does. In inference y = x.")
        .Source("Keras RandomRotation")
        .Reference(AugmentImages(NumberTypes{}, DrawRotation))
        .Examples(RandomExamples));

}  // namespace
}  // namespace nomograph::image
