// Vectors of 512 bits for the loops on quads of bytes. Only what stands between NOMO_QUADS_BEGIN
// and NOMO_QUADS_END may call them, and only where HasQuads().
#ifndef NOMOGRAPH_OPS_QUANT_QUADS_QUAD_VECTORS_H_
#define NOMOGRAPH_OPS_QUANT_QUADS_QUAD_VECTORS_H_

#include <immintrin.h>

#include <algorithm>
#include <cstdint>

#include "hwy/base.h"
#include "nomograph/ops/quant/quads/quad_loops.h"

// GCC 12 takes for uninitialised what its own header leaves undefined.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#define NOMO_QUADS_BEGIN                                                        \
  HWY_PUSH_ATTRIBUTES(                                                          \
      "avx512f,avx512cd,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,bmi2," \
      "fma")
#define NOMO_QUADS_END HWY_POP_ATTRIBUTES

NOMO_QUADS_BEGIN

namespace nomograph::quant {

inline __mmask16 LanesBelow(int64_t count) {
  return static_cast<__mmask16>(_bzhi_u32(0xffff, static_cast<unsigned>(count)));
}
inline __mmask64 BytesBelow(int64_t count) {
  return _bzhi_u64(~uint64_t{0}, static_cast<unsigned>(std::min<int64_t>(count, 64)));
}

struct FinishVectors {
  explicit FinishVectors(const QuadFinish& finish)
      : low(_mm512_set1_ps(finish.low)),
        high(_mm512_set1_ps(finish.high)),
        zero_point(_mm512_set1_epi32(finish.zero_point)) {}

  HWY_INLINE __m128i operator()(__m512i sums, __m512i bias, __m512 scale) const {
    __m512 value = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_add_epi32(sums, bias)), scale);
    value = _mm512_min_ps(_mm512_max_ps(value, low), high);
    return _mm512_cvtepi32_epi8(_mm512_add_epi32(_mm512_cvtps_epi32(value), zero_point));
  }

  __m512 low, high;
  __m512i zero_point;
};

inline __m128i Load16(const uint8_t* from) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
}
inline __m256i Load32(const uint8_t* from) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}

inline __m512i SideBySide(__m128i a, __m128i b, __m128i c, __m128i d) {
  const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1);
  const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(c), d, 1);
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}
inline __m512i SideBySide(__m256i a, __m256i b) {
  return _mm512_inserti64x4(_mm512_castsi256_si512(a), b, 1);
}

}  // namespace nomograph::quant

NOMO_QUADS_END

#endif  // NOMOGRAPH_OPS_QUANT_QUADS_QUAD_VECTORS_H_
