// Linear quantisation: a real number r is stored as an integer q such that r is about (q -
// zero_point) * scale.
#ifndef NOMOGRAPH_OPS_QUANT_LINEAR_H_
#define NOMOGRAPH_OPS_QUANT_LINEAR_H_

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>
#include <vector>

#include "nomograph/core/op/op.h"
#include "nomograph/core/types/storage_types.h"

namespace nomograph::quant {

using QuantizedTypes = TypeList<int8_t, uint8_t, int16_t, uint16_t, int32_t, Int4, UInt4,
                                Float8E4M3FN, Float8E4M3FNUZ, Float8E5M2, Float8E5M2FNUZ>;
inline constexpr DTypeSet kQuantized = DTypesOf(QuantizedTypes{});
// Those of at most 16 bits that C++ computes with: every difference of two is exact in float.
using FastQuantizedTypes = TypeList<int8_t, uint8_t, int16_t, uint16_t>;
inline constexpr DTypeSet kFastQuantized = DTypesOf(FastQuantizedTypes{});
using ByteTypes = TypeList<int8_t, uint8_t>;
inline constexpr DTypeSet kBytes = DTypesOf(ByteTypes{});
inline constexpr DTypeSet kScales = {DType::kFloat32, DType::kFloat16, DType::kBFloat16};

// The integer for a number that has been divided by the scale: rounded to the nearest one, a tie to
// the even one, moved by the zero point, and brought into Q's range. NaN counts as 0.
template <typename Q>
Q Quantized(double value, int64_t zero_point) {
  const double moved =
      (std::isnan(value) ? 0.0 : std::nearbyint(value)) + static_cast<double>(zero_point);
  return static_cast<Q>(std::clamp(moved, static_cast<double>(std::numeric_limits<Q>::min()),
                                   static_cast<double>(std::numeric_limits<Q>::max())));
}

// A sum of products of integers with the scales x_scale and w_scale as an integer with y_scale. The
// arithmetic is float's, so that fast kernels can yield the same.
template <typename Q>
Q Requantized(int32_t sum, float x_scale, float w_scale, float y_scale, int64_t zero_point) {
  return Quantized<Q>(static_cast<float>(sum) * (x_scale * w_scale / y_scale), zero_point);
}

// A finite scale with which each sum becomes the same integer: a result that is NaN counts as 0,
// and there the sum is 0 or the scale NaN.
inline float FiniteScale(float scale) {
  return std::isnan(scale) ? 0.0f : std::clamp(scale, -FLT_MAX, FLT_MAX);
}

// Whether `shape` is that of a single number, [] or [1].
inline bool IsSingle(const PartialShape& shape) {
  return shape.rank() == 0 || (shape.rank() == 1 && shape[0] == Dim(1));
}
// InvalidArgument unless input i, where it is there, can be a single number.
absl::Status CheckSingle(const InferContext& context, int i, absl::string_view name);

// InvalidArgument unless input i, where it is there, can be a single number or a vector of `size`.
absl::Status CheckSingleOrVector(const InferContext& context, int i, absl::string_view name,
                                 const Dim& size);

// InvalidArgument when input 2 is an 8-bit float other than 0: such a type has no zero point.
absl::Status CheckFloat8ZeroPoint(const KernelContext& context, absl::string_view name);

// The numbers of input i; one 0 where it is not there.
std::vector<int64_t> IntsOf(const KernelContext& context, int i);
std::vector<float> FloatsOf(const KernelContext& context, int i);

}  // namespace nomograph::quant

#endif  // NOMOGRAPH_OPS_QUANT_LINEAR_H_
