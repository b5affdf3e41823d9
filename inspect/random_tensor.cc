#include "nomograph/inspect/random_tensor.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "nomograph/core/numeric/philox.h"
#include "nomograph/core/types/memory.h"
#include "nomograph/core/types/status.h"

namespace nomograph {
namespace {

template <typename T>
T FromBits(uint32_t bits) {
  if constexpr (std::is_same_v<T, bool>) {
    return (bits >> 31) != 0;
  } else if constexpr (std::is_same_v<T, uint8_t>) {
    return static_cast<uint8_t>(bits >> 24);
  } else if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(uint64_t{10} * bits >> 32);
  } else {
    // Rounding to 16 bits may reach 1.
    return static_cast<T>(UniformFloat(bits));
  }
}

}  // namespace

absl::StatusOr<Tensor> RandomTensor(DType dtype, const Shape& shape, uint64_t seed,
                                    absl::string_view name) {
  if ((kFloat8s | kInt4s).Contains(dtype)) {
    const DType wide = kInt4s.Contains(dtype) ? DType::kInt8 : DType::kFloat32;
    NOMO_ASSIGN_OR_RETURN(const Tensor tensor, RandomTensor(wide, shape, seed, name));
    // By way of float, from which integers are clamped: 9 does not fit int4.
    NOMO_ASSIGN_OR_RETURN(const Tensor floats, TryCast(tensor, DType::kFloat32));
    return TryCast(floats, dtype);
  }
  NOMO_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Create(dtype, shape));
  const PhiloxStream stream(seed, StableHash(name), /*step=*/0);
  Dispatch(AllTypes{}, dtype, [&]<typename T>() {
    const absl::Span<T> elements = tensor.mutable_data<T>();
    for (size_t i = 0; i < elements.size(); ++i) elements[i] = FromBits<T>(stream.At(i));
  });
  return tensor;
}

absl::StatusOr<Tensor> RandomTensor(DType dtype, const Shape& shape, uint64_t seed,
                                    absl::string_view name, const RandomRange& range) {
  const bool floats = kFloats.Contains(dtype) || kFloat8s.Contains(dtype);
  const auto fits = [&](double end) {
    if (floats) return std::isfinite(end);
    // Within 2^53 every integer is a double.
    return end == std::floor(end) && std::abs(end) <= 9007199254740992.0;
  };
  if (dtype == DType::kBool || !fits(range.low) || !fits(range.high) || range.low > range.high) {
    return InvalidArgument("there are no random numbers of ", DTypeName(dtype), " from ", range.low,
                           " to ", range.high);
  }
  NOMO_ASSIGN_OR_RETURN(Tensor numbers, Tensor::Create(DType::kFloat64, shape));
  const PhiloxStream stream(seed, StableHash(name), /*step=*/0);
  // A fraction of 32 bits times a difference of up to 2^54 leaves gaps, and no number out of range.
  const double width = range.high - range.low + (floats ? 0 : 1);
  const absl::Span<double> elements = numbers.mutable_data<double>();
  for (size_t i = 0; i < elements.size(); ++i) {
    const double value = range.low + std::ldexp(static_cast<double>(stream.At(i)), -32) * width;
    elements[i] = floats ? value : std::min(std::floor(value), range.high);
  }
  NOMO_ASSIGN_OR_RETURN(Tensor cast, TryCast(numbers, dtype));
  for (size_t i = 0; i < elements.size() && !floats; ++i) {
    if (cast.AsDouble(static_cast<int64_t>(i)) != elements[i]) {
      return InvalidArgument("not all numbers from ", range.low, " to ", range.high, " are ",
                             DTypeName(dtype));
    }
  }
  return cast;
}

}  // namespace nomograph
