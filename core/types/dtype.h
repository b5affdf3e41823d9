// Element types of tensors, the two 16-bit floating-point scalars, and dispatch from a run-time
// DType to a C++ type.
#ifndef NOMOGRAPH_CORE_TYPES_DTYPE_H_
#define NOMOGRAPH_CORE_TYPES_DTYPE_H_

#include <bit>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>

#include "absl/strings/string_view.h"

namespace nomograph {

// The numbers are those of proto/tensor.proto and never change.
enum class DType : uint8_t {
  kInvalid = 0,
  kFloat32 = 1,
  kFloat64 = 2,
  kFloat16 = 3,   // IEEE 754 binary16
  kBFloat16 = 4,  // the upper half of a binary32
  kInt8 = 5,
  kInt16 = 6,
  kInt32 = 7,
  kInt64 = 8,
  kUInt8 = 9,
  kUInt16 = 10,
  kUInt32 = 11,
  kUInt64 = 12,
  kBool = 13,  // one byte, 0 or 1
  // Tensors store these, but few ops compute with them: see core/types/storage_types.h. A byte
  // each.
  kFloat8E4M3FN = 14,
  kFloat8E4M3FNUZ = 15,
  kFloat8E5M2 = 16,
  kFloat8E5M2FNUZ = 17,
  kInt4 = 18,
  kUInt4 = 19,
};
inline constexpr int kNumDTypes = 20;  // kInvalid included

// "float32", "bool", …; "invalid" for kInvalid and for numbers outside the enumeration.
absl::string_view DTypeName(DType dtype);
// kInvalid when there is no such type.
DType DTypeFromName(absl::string_view name);
// Bytes of an element, 0 for kInvalid.
int64_t DTypeSize(DType dtype);

// A binary16 value. Arithmetic happens in float: convert, compute, convert back (round to nearest,
// ties to even).
class Half {
 public:
  Half() = default;
  explicit Half(float value);
  template <typename T>
  requires std::is_arithmetic_v<T>
  explicit Half(T value) : Half(static_cast<float>(value)) {}
  operator float() const;
  static Half FromBits(uint16_t bits) { return std::bit_cast<Half>(bits); }
  uint16_t bits() const { return bits_; }

 private:
  uint16_t bits_ = 0;
};

// A bfloat16 value, used in the same way as Half.
class BFloat16 {
 public:
  BFloat16() = default;
  explicit BFloat16(float value);
  template <typename T>
  requires std::is_arithmetic_v<T>
  explicit BFloat16(T value) : BFloat16(static_cast<float>(value)) {}
  operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits_) << 16); }
  static BFloat16 FromBits(uint16_t bits) { return std::bit_cast<BFloat16>(bits); }
  uint16_t bits() const { return bits_; }

 private:
  uint16_t bits_ = 0;
};

// A set of element types, for the type constraints of ops.
class DTypeSet {
 public:
  constexpr DTypeSet() = default;
  constexpr DTypeSet(std::initializer_list<DType> types) {
    for (DType t : types) bits_ |= 1u << static_cast<int>(t);
  }
  constexpr bool Contains(DType t) const { return (bits_ >> static_cast<int>(t)) & 1u; }
  constexpr DTypeSet operator|(DTypeSet other) const {
    DTypeSet result;
    result.bits_ = bits_ | other.bits_;
    return result;
  }
  constexpr bool operator==(const DTypeSet&) const = default;
  // "float32, float64 or bool".
  std::string ToString() const;

 private:
  uint32_t bits_ = 0;
};

inline constexpr DTypeSet kFloats = {DType::kFloat32, DType::kFloat64, DType::kFloat16,
                                     DType::kBFloat16};
inline constexpr DTypeSet kSignedInts = {DType::kInt8, DType::kInt16, DType::kInt32, DType::kInt64};
inline constexpr DTypeSet kUnsignedInts = {DType::kUInt8, DType::kUInt16, DType::kUInt32,
                                           DType::kUInt64};
inline constexpr DTypeSet kInts = kSignedInts | kUnsignedInts;
inline constexpr DTypeSet kSigned = kFloats | kSignedInts;
inline constexpr DTypeSet kNumbers = kFloats | kInts;
inline constexpr DTypeSet kBools = {DType::kBool};
// All that C++ computes with.
inline constexpr DTypeSet kAnyType = kNumbers | kBools;
inline constexpr DTypeSet kFloat8s = {DType::kFloat8E4M3FN, DType::kFloat8E4M3FNUZ,
                                      DType::kFloat8E5M2, DType::kFloat8E5M2FNUZ};
inline constexpr DTypeSet kInt4s = {DType::kInt4, DType::kUInt4};
// For ops that only move elements.
inline constexpr DTypeSet kStoredType = kAnyType | kFloat8s | kInt4s;

template <typename T>
inline constexpr DType kDTypeOf = DType::kInvalid;
template <>
inline constexpr DType kDTypeOf<float> = DType::kFloat32;
template <>
inline constexpr DType kDTypeOf<double> = DType::kFloat64;
template <>
inline constexpr DType kDTypeOf<Half> = DType::kFloat16;
template <>
inline constexpr DType kDTypeOf<BFloat16> = DType::kBFloat16;
template <>
inline constexpr DType kDTypeOf<int8_t> = DType::kInt8;
template <>
inline constexpr DType kDTypeOf<int16_t> = DType::kInt16;
template <>
inline constexpr DType kDTypeOf<int32_t> = DType::kInt32;
template <>
inline constexpr DType kDTypeOf<int64_t> = DType::kInt64;
template <>
inline constexpr DType kDTypeOf<uint8_t> = DType::kUInt8;
template <>
inline constexpr DType kDTypeOf<uint16_t> = DType::kUInt16;
template <>
inline constexpr DType kDTypeOf<uint32_t> = DType::kUInt32;
template <>
inline constexpr DType kDTypeOf<uint64_t> = DType::kUInt64;
template <>
inline constexpr DType kDTypeOf<bool> = DType::kBool;

template <typename... Ts>
struct TypeList {};
using FloatTypes = TypeList<float, double, Half, BFloat16>;
using IntTypes = TypeList<int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t>;
using SignedTypes = TypeList<float, double, Half, BFloat16, int8_t, int16_t, int32_t, int64_t>;
using NumberTypes = TypeList<float, double, Half, BFloat16, int8_t, int16_t, int32_t, int64_t,
                             uint8_t, uint16_t, uint32_t, uint64_t>;
using AllTypes = TypeList<float, double, Half, BFloat16, int8_t, int16_t, int32_t, int64_t, uint8_t,
                          uint16_t, uint32_t, uint64_t, bool>;
using BoolTypes = TypeList<bool>;

template <typename... Ts>
constexpr DTypeSet DTypesOf(TypeList<Ts...>) {
  return {kDTypeOf<Ts>...};
}

// The type in which arithmetic on T is done: float for the 16-bit types, T itself otherwise.
template <typename T>
using ComputeType =
    std::conditional_t<std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>, float, T>;
// The type in which reference kernels sum T: double for floating point, a 64-bit integer of T's
// sign otherwise.
template <typename T>
using SumType = std::conditional_t<std::is_floating_point_v<ComputeType<T>>, double,
                                   std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>>;

// Calls f.operator()<T>() with the T of `List` that has this dtype. False when the list has none:
// the callers' schemas have checked the dtype by then, so that most of them may ignore the result.
template <typename F, typename... Ts>
bool Dispatch(TypeList<Ts...>, DType dtype, F&& f) {
  return ((kDTypeOf<Ts> == dtype ? (f.template operator()<Ts>(), true) : false) || ...);
}

}  // namespace nomograph

template <>
class std::numeric_limits<nomograph::Half> {
 public:
  static constexpr bool is_specialized = true, is_integer = false, is_signed = true,
                        has_infinity = true;
  static nomograph::Half lowest() { return nomograph::Half::FromBits(0xfbff); }
  static nomograph::Half max() { return nomograph::Half::FromBits(0x7bff); }
  static nomograph::Half infinity() { return nomograph::Half::FromBits(0x7c00); }
};
template <>
class std::numeric_limits<nomograph::BFloat16> {
 public:
  static constexpr bool is_specialized = true, is_integer = false, is_signed = true,
                        has_infinity = true;
  static nomograph::BFloat16 lowest() { return nomograph::BFloat16::FromBits(0xff7f); }
  static nomograph::BFloat16 max() { return nomograph::BFloat16::FromBits(0x7f7f); }
  static nomograph::BFloat16 infinity() { return nomograph::BFloat16::FromBits(0x7f80); }
};

#endif  // NOMOGRAPH_CORE_TYPES_DTYPE_H_
