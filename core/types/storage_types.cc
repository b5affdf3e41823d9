#include "nomograph/core/types/storage_types.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace nomograph {
namespace {

// An exponent of `bias` is 2^0. Codes up to `greatest` are finite, without the sign bit.
struct Format {
  int significand_bits, bias;
  uint8_t greatest, overflow, nan;  // `overflow`: what stands for values past the greatest
  bool negative_zero;
};

constexpr Format FormatOf(DType dtype) {
  switch (dtype) {
    case DType::kFloat8E4M3FN:
      return {3, 7, 0x7e, 0x7f, 0x7f, true};
    case DType::kFloat8E4M3FNUZ:
      return {3, 8, 0x7f, 0x80, 0x80, false};
    case DType::kFloat8E5M2:
      return {2, 15, 0x7b, 0x7c, 0x7f, true};
    default:
      return {2, 16, 0x7f, 0x80, 0x80, false};
  }
}

// The code of a magnitude, not yet limited to the greatest one. Steps between neighbours are those
// of its binade, and below the least normal number all alike.
int64_t RoundedCode(double magnitude, const Format& format) {
  if (magnitude == 0) return 0;
  int exponent = 0;  // magnitude = f * 2^exponent, 1/2 <= f < 1
  std::frexp(magnitude, &exponent);
  const int binade = std::max(exponent - 1, 1 - format.bias);
  const auto steps =
      static_cast<int64_t>(std::nearbyint(std::ldexp(magnitude, format.significand_bits - binade)));
  return (static_cast<int64_t>(binade + format.bias - 1) << format.significand_bits) + steps;
}

}  // namespace

template <DType kType>
Float8<kType>::Float8(float value, bool saturate) {
  constexpr Format kFormat = FormatOf(kType);
  if (std::isnan(value)) {
    bits_ = kFormat.nan;
    return;
  }
  const bool infinite = std::isinf(value);
  const int64_t code =
      infinite ? 0x100 : RoundedCode(std::fabs(static_cast<double>(value)), kFormat);
  const bool fits = code <= kFormat.greatest;
  bits_ = fits ? static_cast<uint8_t>(code) : saturate ? kFormat.greatest : kFormat.overflow;
  if (std::signbit(value) && (bits_ != 0 || kFormat.negative_zero)) bits_ |= 0x80;
}

template <DType kType>
Float8<kType>::operator float() const {
  constexpr Format kFormat = FormatOf(kType);
  const int magnitude = bits_ & 0x7f;
  const float sign = (bits_ & 0x80) != 0 ? -1.0f : 1.0f;
  if (!kFormat.negative_zero && bits_ == kFormat.nan)
    return std::numeric_limits<float>::quiet_NaN();
  if (magnitude > kFormat.greatest) {
    return magnitude == kFormat.overflow && kFormat.overflow != kFormat.nan
               ? sign * std::numeric_limits<float>::infinity()
               : std::numeric_limits<float>::quiet_NaN();
  }
  const int exponent = magnitude >> kFormat.significand_bits;
  const int fraction = magnitude & ((1 << kFormat.significand_bits) - 1);
  const int significand = exponent == 0 ? fraction : fraction + (1 << kFormat.significand_bits);
  const int binade = std::max(exponent, 1) - kFormat.bias - kFormat.significand_bits;
  return sign * std::ldexp(static_cast<float>(significand), binade);
}

DType WideType(DType dtype) {
  if (kFloat8s.Contains(dtype)) return DType::kFloat32;
  if (dtype == DType::kInt4) return DType::kInt8;
  return dtype == DType::kUInt4 ? DType::kUInt8 : dtype;
}

template class Float8<DType::kFloat8E4M3FN>;
template class Float8<DType::kFloat8E4M3FNUZ>;
template class Float8<DType::kFloat8E5M2>;
template class Float8<DType::kFloat8E5M2FNUZ>;

}  // namespace nomograph
