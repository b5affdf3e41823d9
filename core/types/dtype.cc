#include "nomograph/core/types/dtype.h"

#include <array>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace nomograph {
namespace {

struct DTypeInfo {
  absl::string_view name;
  int64_t size;
};

constexpr std::array<DTypeInfo, kNumDTypes> kInfos = {{
    {"invalid", 0},    {"float32", 4},        {"float64", 8},      {"float16", 2},
    {"bfloat16", 2},   {"int8", 1},           {"int16", 2},        {"int32", 4},
    {"int64", 8},      {"uint8", 1},          {"uint16", 2},       {"uint32", 4},
    {"uint64", 8},     {"bool", 1},           {"float8e4m3fn", 1}, {"float8e4m3fnuz", 1},
    {"float8e5m2", 1}, {"float8e5m2fnuz", 1}, {"int4", 1},         {"uint4", 1},
}};

const DTypeInfo& Info(DType dtype) {
  const auto index = static_cast<size_t>(dtype);
  return kInfos[index < kInfos.size() ? index : 0];
}

// Rounds a right shift of a significand to nearest, ties to even.
uint32_t ShiftRightRounded(uint32_t value, int shift) {
  const uint32_t half = 1u << (shift - 1);
  const uint32_t odd = (value >> shift) & 1u;
  return (value + half - 1 + odd) >> shift;
}

}  // namespace

absl::string_view DTypeName(DType dtype) { return Info(dtype).name; }

DType DTypeFromName(absl::string_view name) {
  for (int i = 1; i < kNumDTypes; ++i) {
    if (kInfos[i].name == name) return static_cast<DType>(i);
  }
  return DType::kInvalid;
}

int64_t DTypeSize(DType dtype) { return Info(dtype).size; }

Half::Half(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) {  // NaN: keep it quiet
    bits_ = sign | 0x7e00u;
  } else if (magnitude >= 0x47800000u) {  // 2^16 and more, infinity included
    bits_ = sign | 0x7c00u;
  } else if (magnitude >= 0x38800000u) {  // normal: rebias the exponent from 127 to 15; a carry may
                                          // reach infinity
    bits_ = sign | static_cast<uint16_t>(ShiftRightRounded(magnitude - (112u << 23), 13));
  } else if (magnitude >= 0x33000000u) {  // subnormal: 2^-25 and more
    const uint32_t significand = (magnitude & 0x7fffffu) | 0x800000u;
    bits_ = sign | static_cast<uint16_t>(
                       ShiftRightRounded(significand, 126 - static_cast<int>(magnitude >> 23)));
  } else {
    bits_ = sign;
  }
}

Half::operator float() const {
  const uint32_t sign = (bits_ & 0x8000u) << 16;
  const uint32_t exponent = (bits_ >> 10) & 0x1fu;
  const uint32_t significand = bits_ & 0x3ffu;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | (significand << 13));
  if (exponent != 0)
    return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (significand << 13));
  const float magnitude = static_cast<float>(significand) * 0x1p-24f;
  return sign != 0 ? -magnitude : magnitude;
}

BFloat16::BFloat16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
  bits_ = static_cast<uint16_t>(nan ? (bits >> 16) | 0x40u
                                    : (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

std::string DTypeSet::ToString() const {
  std::vector<absl::string_view> names;
  for (int i = 1; i < kNumDTypes; ++i) {
    if (Contains(static_cast<DType>(i))) names.push_back(kInfos[i].name);
  }
  if (names.empty()) return "none";
  const absl::string_view last = names.back();
  names.pop_back();
  return absl::StrCat(absl::StrJoin(names, ", "), names.empty() ? "" : " or ", last);
}

}  // namespace nomograph
