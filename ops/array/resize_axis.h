// Resizing along one axis: of which elements of the input, and with which weights, each element of
// the output is the sum. Resizing along several axes multiplies their weights.
#ifndef NOMOGRAPH_OPS_ARRAY_RESIZE_AXIS_H_
#define NOMOGRAPH_OPS_ARRAY_RESIZE_AXIS_H_

#include <cstdint>
#include <vector>

#include "nomograph/core/types/attributes.h"

namespace nomograph {

struct ResizeAxis {
  int64_t input = 1, output = 1;
  // The output's size before it was rounded: input * scale.
  double length = 1;
  // For tf_crop_and_resize: the part of the input that is resized; 0 and 1 are its ends.
  double roi_start = 0, roi_end = 1;
};

// Output element i is the sum over t < count of weights[i * count + t] * x[first[i] + t]; what lies
// outside of the input has been moved to its ends.
struct ResizeTaps {
  ResizeAxis axis;
  int64_t count = 1;
  std::vector<int64_t> first;
  std::vector<double> weights;
  // By how much each weight changes with the coordinate of its element.
  std::vector<double> slopes;
  // Whether the element takes the value of extrapolation_value instead.
  std::vector<bool> extrapolated;

  double weight(int64_t i, int64_t t) const { return weights[i * count + t]; }
  double slope(int64_t i, int64_t t) const { return slopes[i * count + t]; }
  // Whether each element of the output is one of the input's.
  bool copies() const;
  // Whether the output is the input.
  bool identity() const;
};

// The taps for the attributes of array.Resize. REQUIRES: the input is not empty unless the output
// is.
ResizeTaps MakeResizeTaps(const Attributes& attrs, const ResizeAxis& axis);

// For tf_crop_and_resize: by how much the coordinate of output element `index` changes with
// roi_start and roi_end.
struct RoiSlopes {
  double start, end;
};
RoiSlopes GetRoiSlopes(const ResizeAxis& axis, int64_t index);

}  // namespace nomograph

#endif  // NOMOGRAPH_OPS_ARRAY_RESIZE_AXIS_H_
