// What image.Resize and its gradient share: which elements of the input each element of the output
// is made of.
#ifndef NOMOGRAPH_OPS_IMAGE_RESIZE_GEOMETRY_H_
#define NOMOGRAPH_OPS_IMAGE_RESIZE_GEOMETRY_H_

#include <array>
#include <vector>

#include "nomograph/ops/image/image.h"

namespace nomograph::image {

inline constexpr int64_t kMaxResized = 2147483647;

// The shape function of image.Resize.
absl::StatusOr<std::vector<TensorType>> InferResize(const InferContext& context);

// Declares its attributes.
OpDef WithResizing(OpDef op);

// The number of spatial axes, which is that of the given sizes or scales.
int SpatialRank(const Attributes& attrs);

// The first of the spatial axes.
int FirstSpatialAxis(int rank, const Attributes& attrs);

// What one element of the output is made of along one axis.
struct Sample {
  int64_t low, high;
  double high_weight;  // 0 where there is only `low`
};

// One spatial axis of a concrete node. The defaults are an axis that x does not have.
struct Axis {
  int64_t input = 1, output = 1;
  double step = 1;  // input elements per output element
};

Sample SampleAt(const Attributes& attrs, const Axis& axis, int64_t i);

// Those of all elements of the three axes. REQUIRES: no input axis is empty.
std::array<std::vector<Sample>, 3> AllSamples(const Attributes& attrs,
                                              const std::array<Axis, 3>& axes);

// A concrete tensor as [outer, three spatial axes, inner]: the first of the axes may not be there,
// and the channels are inner where they come last.
struct Geometry {
  int64_t outer = 1, inner = 1;
  std::array<Axis, 3> axes;

  Geometry(const Shape& x, const Shape& y, const Attributes& attrs) {
    const int first = FirstSpatialAxis(x.rank(), attrs), count = SpatialRank(attrs);
    for (int i = 0; i < first; ++i) outer *= x[i];
    for (int i = first + count; i < x.rank(); ++i) inner *= x[i];
    for (int i = 0; i < count; ++i) {
      Axis& axis = axes[3 - count + i];
      axis.input = x[first + i];
      axis.output = y[first + i];
      const double input = static_cast<double>(axis.input);
      const double output = static_cast<double>(axis.output);
      axis.step = input / output;
      // A scale that does not yield a whole size is taken as it is.
      const auto& scales = attrs.Floats("scales");
      if (!scales.empty() && scales[i] * input != output) axis.step = 1 / scales[i];
    }
  }
};

// The elements of the input, up to 8, of which an element of the output is the mean, and their
// weights.
struct Corners {
  std::array<int64_t, 8> positions;
  std::array<double, 8> weights;
  int count = 0;

  Corners(const Geometry& g, const std::array<Sample, 3>& samples) {
    for (int corner = 0; corner < 8; ++corner) {
      int64_t position = 0;
      double weight = 1;
      for (int a = 0; a < 3; ++a) {
        const bool high = corner >> (2 - a) & 1;
        position = position * g.axes[a].input + (high ? samples[a].high : samples[a].low);
        weight *= high ? samples[a].high_weight : 1 - samples[a].high_weight;
      }
      if (weight == 0) continue;
      positions[count] = position;
      weights[count++] = weight;
    }
  }
};

}  // namespace nomograph::image

#endif  // NOMOGRAPH_OPS_IMAGE_RESIZE_GEOMETRY_H_
