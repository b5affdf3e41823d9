// The 16-bit floating-point types to float and back, and float to bytes, many at a time. The
// results are those of the constructors and conversions of Half and BFloat16, bit by bit.
#ifndef NOMOGRAPH_CORE_TYPES_FLOAT16_H_
#define NOMOGRAPH_CORE_TYPES_FLOAT16_H_

#include <cstdint>

#include "nomograph/core/types/dtype.h"

namespace nomograph {

// The memory must not overlap.
void ConvertFloats(const Half* from, float* to, int64_t count);
void ConvertFloats(const BFloat16* from, float* to, int64_t count);
void ConvertFloats(const float* from, Half* to, int64_t count);
void ConvertFloats(const float* from, BFloat16* to, int64_t count);
// Cut towards zero and clamped; NaN becomes 0.
void ConvertFloats(const float* from, int8_t* to, int64_t count);
void ConvertFloats(const float* from, uint8_t* to, int64_t count);

inline bool Is16BitFloat(DType dtype) {
  return dtype == DType::kFloat16 || dtype == DType::kBFloat16;
}

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_TYPES_FLOAT16_H_
