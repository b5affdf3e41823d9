#include "nomograph/inspect/quantize/quantize_tensor.h"

#include <algorithm>
#include <cmath>

#include "nomograph/core/types/memory.h"
#include "nomograph/core/types/status.h"

namespace nomograph {
namespace {

// A tensor's elements as [outer, axis, inner].
struct Axes {
  Axes(const Shape& shape, int axis) : size(shape[axis]) {
    for (int i = 0; i < axis; ++i) outer *= shape[i];
    for (int i = axis + 1; i < shape.rank(); ++i) inner *= shape[i];
  }
  int64_t outer = 1, size, inner = 1;
};

int8_t Nearest(float x, float scale, int limit) {
  const float bound = static_cast<float>(limit);
  return static_cast<int8_t>(std::clamp(std::nearbyint(x / scale), -bound, bound));
}

}  // namespace

ActivationScale ScaleOf(const Range& range) {
  const double low = std::min(range.low, 0.0), high = std::max(range.high, 0.0);
  ActivationScale result;
  if (!(high - low > 1e-30)) return result;
  result.scale = static_cast<float>((high - low) / 255);
  result.zero_point =
      static_cast<uint8_t>(std::clamp(std::nearbyint(-low / result.scale), 0.0, 255.0));
  return result;
}

std::vector<float> LargestAlong(const Tensor& tensor, int axis) {
  const Axes axes(tensor.shape(), axis);
  std::vector<float> largest(axes.size, 0);
  const float* x = tensor.data<float>().data();
  for (int64_t o = 0; o < axes.outer; ++o) {
    for (int64_t i = 0; i < axes.size; ++i) {
      for (int64_t k = 0; k < axes.inner; ++k) largest[i] = std::max(largest[i], std::abs(*x++));
    }
  }
  return largest;
}

absl::StatusOr<Tensor> QuantizeAlong(const Tensor& tensor, int axis, absl::Span<const float> scales,
                                     int limit) {
  NOMO_ASSIGN_OR_RETURN(Tensor result, TryFull(DType::kInt8, tensor.shape(), 0));
  const Axes axes(tensor.shape(), axis);
  const float* x = tensor.data<float>().data();
  int8_t* y = result.mutable_data<int8_t>().data();
  for (int64_t o = 0; o < axes.outer; ++o) {
    for (int64_t i = 0; i < axes.size; ++i) {
      for (int64_t k = 0; k < axes.inner; ++k) *y++ = Nearest(*x++, scales[i], limit);
    }
  }
  return result;
}

absl::StatusOr<Blocks> QuantizeBlocks(const Tensor& tensor, int axis, int64_t block_size) {
  constexpr int kLimit = 7;
  const Axes axes(tensor.shape(), axis);
  const int64_t blocks = (axes.size + block_size - 1) / block_size;
  Shape scales_shape = tensor.shape();
  scales_shape[axis] = blocks;
  NOMO_ASSIGN_OR_RETURN(Tensor bytes, TryFull(DType::kInt8, tensor.shape(), 0));
  NOMO_ASSIGN_OR_RETURN(Tensor scales, TryFull(DType::kFloat32, scales_shape, 0));
  const float* x = tensor.data<float>().data();
  int8_t* y = bytes.mutable_data<int8_t>().data();
  float* scale = scales.mutable_data<float>().data();
  for (int64_t o = 0; o < axes.outer; ++o) {
    for (int64_t b = 0; b < blocks; ++b) {
      const int64_t first = b * block_size, last = std::min(first + block_size, axes.size);
      for (int64_t k = 0; k < axes.inner; ++k) {
        const auto at = [&](int64_t i) { return (o * axes.size + i) * axes.inner + k; };
        float largest = 0;
        for (int64_t i = first; i < last; ++i) largest = std::max(largest, std::abs(x[at(i)]));
        const float found = largest > 0 ? largest / kLimit : 1;
        scale[(o * blocks + b) * axes.inner + k] = found;
        for (int64_t i = first; i < last; ++i) y[at(i)] = Nearest(x[at(i)], found, kLimit);
      }
    }
  }
  NOMO_ASSIGN_OR_RETURN(Tensor integers, TryCast(bytes, DType::kInt4));
  return Blocks{std::move(integers), std::move(scales)};
}

}  // namespace nomograph
