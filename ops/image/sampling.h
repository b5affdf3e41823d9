// What the ops share that move images: how an image goes on beyond its edges, and what is between
// its pixels.
#ifndef NOMOGRAPH_OPS_IMAGE_SAMPLING_H_
#define NOMOGRAPH_OPS_IMAGE_SAMPLING_H_

#include <cmath>

#include "nomograph/core/op/op.h"
#include "nomograph/ops/image/image.h"

namespace nomograph::image {

enum class FillMode { kConstant, kNearest, kReflect, kWrap };

// Which pixel of 0 … size - 1 stands at `index` of the continued image; -1 for the fill value.
int64_t Continued(int64_t index, int64_t size, FillMode mode);

inline double Mix(double a, double b, double weight) {
  return weight == 0 ? a : (1 - weight) * a + weight * b;  // 0 times infinity would be NaN
}

// Multiples of 2^-20 of a pixel: places that are computed a little off then hit pixels exactly.
inline double Snapped(double coordinate) { return std::floor(coordinate * 0x1p20 + 0.5) * 0x1p-20; }

struct Sampling {
  FillMode mode;
  bool bilinear;
  double fill_value;

  // The attributes of WithSampling().
  explicit Sampling(const Attributes& attrs);

  // The pixel of the continued image at a place between pixels.
  template <typename T>
  void operator()(const Image<const T>& x, double row, double column, T* y, int64_t y_step) const {
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
      y[k * y_step] = Rounded<T>(
          Mix(Mix(pixel(0, 0), pixel(0, 1), right), Mix(pixel(1, 0), pixel(1, 1), right), down));
    }
  }
};

// Adds fill_mode, interpolation, fill_value and data_format.
OpDef WithSampling(OpDef op);

}  // namespace nomograph::image

#endif  // NOMOGRAPH_OPS_IMAGE_SAMPLING_H_
