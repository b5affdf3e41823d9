// What the ops share that move images: how an image goes on beyond its edges, and what is between
// its pixels.
#ifndef NOMOGRAPH_OPS_IMAGE_SAMPLING_H_
#define NOMOGRAPH_OPS_IMAGE_SAMPLING_H_

#include <cmath>
#include <vector>

#include "nomograph/core/gradient/gradient.h"
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

  // The four pixels around a place, -1 for the fill value, and how far it lies from the first.
  struct Around {
    int64_t rows[2], columns[2];
    double down, right;
  };
  Around AroundPlace(double row, double column, int64_t height, int64_t width) const {
    const double shift = bilinear ? 0 : 0.5;
    const double r0 = std::floor(row + shift), c0 = std::floor(column + shift);
    Around around;
    around.down = bilinear ? row - r0 : 0;
    around.right = bilinear ? column - c0 : 0;
    for (int i = 0; i < 2; ++i) {
      around.rows[i] = Continued(static_cast<int64_t>(r0) + i, height, mode);
      around.columns[i] = Continued(static_cast<int64_t>(c0) + i, width, mode);
    }
    return around;
  }

  // The pixel of the continued image at a place between pixels.
  template <typename T>
  void operator()(const Image<const T>& x, double row, double column, T* y, int64_t y_step) const {
    const auto [rows, columns, down, right] = AroundPlace(row, column, x.height, x.width);
    for (int64_t k = 0; k < x.channels; ++k) {
      const auto pixel = [&](int i, int j) {
        return rows[i] < 0 || columns[j] < 0 ? fill_value
                                             : static_cast<double>(x.at(rows[i], columns[j], k));
      };
      y[k * y_step] = Rounded<T>(
          Mix(Mix(pixel(0, 0), pixel(0, 1), right), Mix(pixel(1, 0), pixel(1, 1), right), down));
    }
  }

  // Adds pixel (r, c) of dy, which was made of those around a place, to these pixels of dx.
  template <typename T>
  void SpreadPixel(const Image<const T>& dy, int64_t r, int64_t c, double row, double column,
                   const Image<double>& dx) const {
    const Around around = AroundPlace(row, column, dx.height, dx.width);
    for (int i = 0; i < 2; ++i) {
      for (int j = 0; j < 2; ++j) {
        const double weight =
            (i == 0 ? 1 - around.down : around.down) * (j == 0 ? 1 - around.right : around.right);
        if (weight == 0 || around.rows[i] < 0 || around.columns[j] < 0) continue;
        for (int64_t k = 0; k < dx.channels; ++k) {
          dx.at(around.rows[i], around.columns[j], k) +=
              weight * static_cast<double>(dy.at(r, c, k));
        }
      }
    }
  }
};

// A filter that moves images, turned round: what flows back through it. Each pixel of dy is spread
// over those of dx that it was made of. `Filter` has `sample`, a Sampling, and
// ForEachPlace(height, width, f), which calls f(r, c, row, column) for each pixel (r, c) of the
// result and the place from which it comes.
template <typename Filter>
struct Spread {
  Filter filter;

  template <typename T>
  void operator()(const Image<const T>& dy, const Image<T>& dx) const {
    std::vector<double> sums(dx.size());
    const Image<double> to{sums.data(), dx.height, dx.width,  dx.channels,
                           dx.row,      dx.column, dx.channel};
    filter.ForEachPlace(dy.height, dy.width, [&](int64_t r, int64_t c, double row, double column) {
      filter.sample.SpreadPixel(dy, r, c, row, column, to);
    });
    for (int64_t i = 0; i < dx.size(); ++i) dx.data[i] = static_cast<T>(sums[i]);
  }
};

// Adds fill_mode, interpolation, fill_value and data_format.
OpDef WithSampling(OpDef op);

// The gradient of a filter: another op of the same attributes and draws. Of an op that spreads,
// that is one which fills with 0.
GradientFn SampledGradient(std::string op);

}  // namespace nomograph::image

#endif  // NOMOGRAPH_OPS_IMAGE_SAMPLING_H_
