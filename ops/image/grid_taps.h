// Which elements of an image make up its sample at a point: what image.GridSample and its gradients
// share.
#ifndef NOMOGRAPH_OPS_IMAGE_GRID_TAPS_H_
#define NOMOGRAPH_OPS_IMAGE_GRID_TAPS_H_

#include <algorithm>
#include <array>
#include <cmath>

#include "nomograph/ops/image/volume.h"

namespace nomograph::image {

// The elements of one axis that make up a sample; those that count as 0 are left out.
struct AxisTaps {
  int count = 0;
  std::array<int64_t, 4> index;
  std::array<double, 4> weight;
  std::array<double, 4> slope;  // how the weight changes with the grid's number

  void Add(double at, double w, double s, int64_t size, bool with_slopes) {
    if (at < 0 || at >= static_cast<double>(size) || (w == 0 && !with_slopes)) return;
    index[count] = static_cast<int64_t>(at);
    weight[count] = w;
    slope[count++] = s;
  }
};

// The weight of an element at a distance up to 2 in cubic convolution.
inline double Cubic(double distance) {
  constexpr double kA = -0.75;  // as in PyTorch
  const double x = std::abs(distance);
  if (x <= 1) return ((kA + 2) * x - (kA + 3)) * x * x + 1;
  return ((kA * x - 5 * kA) * x + 8 * kA) * x - 4 * kA;
}

// Its derivative.
inline double CubicSlope(double distance) {
  constexpr double kA = -0.75;
  const double x = std::abs(distance), sign = distance < 0 ? -1 : 1;
  if (x <= 1) return sign * (3 * (kA + 2) * x - 2 * (kA + 3)) * x;
  return sign * ((3 * kA * x - 10 * kA) * x + 8 * kA);
}

// What the attributes say of the way from the grid's numbers to elements.
class GridSampler {
 public:
  GridSampler(const Attributes& attrs, int spatial_rank)
      : nearest_(attrs.String("mode") == "nearest"),
        cubic_(attrs.String("mode") == "cubic"),
        border_(attrs.String("padding_mode") == "border"),
        reflection_(attrs.String("padding_mode") == "reflection"),
        align_corners_(attrs.Bool("align_corners")),
        ties_away_(spatial_rank == 3 && attrs.String("nearest_ties") != "even") {}

  int taps_per_axis() const { return nearest_ ? 1 : cubic_ ? 4 : 2; }

  // The taps for a number of the grid, on an axis of `size` elements. With slopes, those of weight
  // 0 are among them.
  AxisTaps At(double number, int64_t size, bool with_slopes = false) const {
    constexpr double kFar = static_cast<double>(int64_t{1} << 40);
    const double n = static_cast<double>(size);
    double at = align_corners_ ? (number + 1) / 2 * (n - 1) : ((number + 1) * n - 1) / 2;
    double slope = align_corners_ ? (n - 1) / 2 : n / 2;
    if (!(std::abs(at) < kFar)) {
      at = at > 0 ? kFar : -kFar;
      slope = 0;
    }
    AxisTaps taps;
    const auto add = [&](double index, double weight, double weight_slope) {
      taps.Add(index, weight, weight_slope, size, with_slopes);
    };
    if (cubic_) {
      const double first = std::floor(at) - 1;
      for (double i = first; i < first + 4; ++i)
        add(Pad(i, n), Cubic(i - at), -slope * CubicSlope(i - at));
      return taps;
    }
    if (with_slopes) slope *= PadSlope(at, n);
    at = Pad(at, n);
    if (nearest_) {
      add(ties_away_ ? std::round(at) : std::nearbyint(at), 1, 0);
    } else {
      const double low = std::floor(at);
      add(low, 1 - (at - low), -slope);
      add(low + 1, at - low, slope);
    }
    return taps;
  }

 private:
  // Moves what is outside of [0, n) into it, as the padding mode has it.
  double Pad(double at, double n) const {
    if (reflection_) at = Reflect(at, align_corners_ ? 0 : -0.5, align_corners_ ? n - 1 : n);
    return border_ || reflection_ ? std::clamp(at, 0.0, n - 1) : at;
  }
  // How what Pad() yields changes with `at`: -1, 0 or 1.
  double PadSlope(double at, double n) const {
    double slope = 1;
    if (reflection_) {
      const double low = align_corners_ ? 0 : -0.5, span = align_corners_ ? n - 1 : n;
      if (span == 0) return 0;
      if (at < low) slope = -1;
      if (std::fmod(std::floor(std::abs(at - low) / span), 2) != 0) slope = -slope;
      at = Reflect(at, low, span);
    }
    return (border_ || reflection_) && (at < 0 || at > n - 1) ? 0 : slope;
  }
  static double Reflect(double at, double low, double span) {
    if (span == 0) return 0;
    const double distance = std::abs(at - low);
    const double extra = std::fmod(distance, span);
    const bool odd = std::fmod(std::floor(distance / span), 2) != 0;
    return low + (odd ? span - extra : extra);
  }

  bool nearest_, cubic_, border_, reflection_, align_corners_, ties_away_;
};

// A concrete node of image.GridSample.
struct SampledGrid {
  SampledGrid(const Shape& x_shape, const Shape& y_shape, const Attributes& attrs)
      : sampler(attrs, x_shape.rank() - 2), x(x_shape, attrs), y(y_shape, attrs) {
    taps = 1;
    for (int i = 0; i < x.spatial_rank; ++i) taps *= sampler.taps_per_axis();
  }

  // The taps along the three axes for a point, whose numbers name the last axis first.
  template <typename G>
  std::array<AxisTaps, 3> TapsAt(const G* point, bool with_slopes = false) const {
    std::array<AxisTaps, 3> axes;
    for (int i = 0; i < 3; ++i) {
      if (i < 3 - x.spatial_rank) {
        axes[i].Add(0, 1, 0, 1, with_slopes);
      } else {
        axes[i] = sampler.At(static_cast<double>(point[2 - i]), x.sizes[i], with_slopes);
      }
    }
    return axes;
  }

  // Calls f(position in x, weight) for each element that makes up the sample at a point.
  template <typename G, typename F>
  void ForEachTap(const G* point, F f) const {
    const std::array<AxisTaps, 3> axes = TapsAt(point);
    for (int d = 0; d < axes[0].count; ++d) {
      for (int h = 0; h < axes[1].count; ++h) {
        const int64_t row = (axes[0].index[d] * x.sizes[1] + axes[1].index[h]) * x.sizes[2];
        const double weight = axes[0].weight[d] * axes[1].weight[h];
        for (int w = 0; w < axes[2].count; ++w) {
          f(row + axes[2].index[w], weight * axes[2].weight[w]);
        }
      }
    }
  }

  GridSampler sampler;
  VolumeLayout x, y;
  int taps;  // the greatest number of taps for a point
};

// The type of y for x and a grid of these shapes. InvalidArgument where they do not fit.
absl::StatusOr<PartialShape> SampledShape(const PartialShape& x, const PartialShape& grid,
                                          const Attributes& attrs);

// Declares the attributes of image.GridSample and its gradients.
OpDef WithGridSampling(OpDef op);

}  // namespace nomograph::image

#endif  // NOMOGRAPH_OPS_IMAGE_GRID_TAPS_H_
