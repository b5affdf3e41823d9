// Tensors of floats as integers with scales.
#ifndef NOMOGRAPH_INSPECT_QUANTIZE_QUANTIZE_TENSOR_H_
#define NOMOGRAPH_INSPECT_QUANTIZE_QUANTIZE_TENSOR_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "nomograph/core/types/tensor.h"
#include "nomograph/inspect/quantize/ranges.h"

namespace nomograph {

// A number r of an activation is the uint8 nearest to r / scale + zero_point.
struct ActivationScale {
  float scale = 1;
  uint8_t zero_point = 0;
};
// The range is widened to take in 0, which is then exact: padding is 0.
ActivationScale ScaleOf(const Range& range);

// The largest magnitude at each index of an axis. REQUIRES: float32, finite.
std::vector<float> LargestAlong(const Tensor& tensor, int axis);

// For each index of the axis the int8 nearest to r / scale, at most `limit` in magnitude.
// REQUIRES: float32; scales are positive. ResourceExhausted where memory does not suffice.
absl::StatusOr<Tensor> QuantizeAlong(const Tensor& tensor, int axis, absl::Span<const float> scales,
                                     int limit);

// 4 bits, -7 to 7, with a scale for each block of `block_size` neighbouring indices of an axis: the
// integers (int4), and the scales, of the tensor's shape but for the axis, which has one for each
// block. REQUIRES: float32, finite.
struct Blocks {
  Tensor integers, scales;
};
absl::StatusOr<Blocks> QuantizeBlocks(const Tensor& tensor, int axis, int64_t block_size);

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_QUANTIZE_QUANTIZE_TENSOR_H_
