// The narrow element types that tensors store and few ops compute with: 8-bit floats and 4-bit
// integers, each in a byte of its own. Cast and the quantisation ops turn them into others; ops
// that only move elements take them as they are.
#ifndef NOMOGRAPH_CORE_TYPES_STORAGE_TYPES_H_
#define NOMOGRAPH_CORE_TYPES_STORAGE_TYPES_H_

#include "nomograph/core/types/dtype.h"

namespace nomograph {

// An 8-bit float, `kType` one of the four. Like Half it is converted to float, which holds each of
// its values exactly, and back.
//
// Sources: Micikevicius et al., "FP8 Formats for Deep Learning", 2022 (e4m3fn, e5m2); Noune et al.,
// "8-bit Numerical Formats for Deep Neural Networks", 2022 (the fnuz forms: no infinity, no
// negative zero, 0x80 is NaN).
template <DType kType>
class Float8 {
 public:
  Float8() = default;
  // Round to nearest, ties to even. What is then past the greatest finite value, infinity included,
  // becomes that value where `saturate`, else infinity where the type has one, else NaN.
  explicit Float8(float value, bool saturate = true);
  operator float() const;
  static Float8 FromBits(uint8_t bits) {
    Float8 result;
    result.bits_ = bits;
    return result;
  }
  uint8_t bits() const { return bits_; }

 private:
  uint8_t bits_ = 0;
};

extern template class Float8<DType::kFloat8E4M3FN>;
extern template class Float8<DType::kFloat8E4M3FNUZ>;
extern template class Float8<DType::kFloat8E5M2>;
extern template class Float8<DType::kFloat8E5M2FNUZ>;
using Float8E4M3FN = Float8<DType::kFloat8E4M3FN>;
using Float8E4M3FNUZ = Float8<DType::kFloat8E4M3FNUZ>;
using Float8E5M2 = Float8<DType::kFloat8E5M2>;
using Float8E5M2FNUZ = Float8<DType::kFloat8E5M2FNUZ>;

// A signed integer of -8 to 7, sign-extended to its byte.
class Int4 {
 public:
  using Wide = int8_t;
  static constexpr Wide kMin = -8, kMax = 7;
  Int4() = default;
  // The low four bits.
  explicit Int4(int64_t value) : value_(static_cast<int8_t>(((value & 15) ^ 8) - 8)) {}
  operator Wide() const { return value_; }

 private:
  int8_t value_ = 0;
};

// An unsigned integer of 0 to 15.
class UInt4 {
 public:
  using Wide = uint8_t;
  static constexpr Wide kMin = 0, kMax = 15;
  UInt4() = default;
  explicit UInt4(int64_t value) : value_(static_cast<uint8_t>(value & 15)) {}
  operator Wide() const { return value_; }

 private:
  uint8_t value_ = 0;
};

template <DType kType>
inline constexpr DType kDTypeOf<Float8<kType>> = kType;
template <>
inline constexpr DType kDTypeOf<Int4> = DType::kInt4;
template <>
inline constexpr DType kDTypeOf<UInt4> = DType::kUInt4;

using Float8Types = TypeList<Float8E4M3FN, Float8E4M3FNUZ, Float8E5M2, Float8E5M2FNUZ>;
using Int4Types = TypeList<Int4, UInt4>;
// AllTypes and those of this file.
using StoredTypes = TypeList<float, double, Half, BFloat16, int8_t, int16_t, int32_t, int64_t,
                             uint8_t, uint16_t, uint32_t, uint64_t, bool, Float8E4M3FN,
                             Float8E4M3FNUZ, Float8E5M2, Float8E5M2FNUZ, Int4, UInt4>;

// The types of this file by their C++ types.
template <typename T>
inline constexpr bool kIsFloat8 = kFloat8s.Contains(kDTypeOf<T>);
template <typename T>
inline constexpr bool kIsInt4 = kInt4s.Contains(kDTypeOf<T>);

// The type to compute with that holds each value of `dtype`: float32 for 8-bit floats, int8 and
// uint8 for 4-bit integers, `dtype` itself for the others.
DType WideType(DType dtype);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_TYPES_STORAGE_TYPES_H_
