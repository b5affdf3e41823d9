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

// sums += the products of four bytes of x with four of w. Of the intrinsic GCC 12 makes copies of
// the sums in loops that have many of them, unless all begin as zeros.
HWY_INLINE void AddProducts(__m512i& sums, __m512i x, __m512i w) {
  asm("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(x), "v"(w));
}

// What QuadFinish says, for sums that began with their biases.
struct FinishVectors {
  explicit FinishVectors(const QuadFinish& finish)
      : zero_point(_mm512_set1_epi16(static_cast<int16_t>(finish.zero_point))),
        flip(_mm512_set1_epi8(static_cast<char>(finish.flip))) {}

  // Numbers less than all of int32 become the least one, and great ones what saturates.
  HWY_INLINE __m512i Rounded(__m512i sums, __m512 scale) const {
    const __m512 value = _mm512_mul_ps(_mm512_cvtepi32_ps(sums), scale);
    return _mm512_cvtps_epi32(_mm512_min_ps(value, _mm512_set1_ps(1 << 20)));
  }
  // Bytes of four vectors of rounded numbers: four of each in turn.
  HWY_INLINE __m512i Bytes(__m512i a, __m512i b, __m512i c, __m512i d) const {
    const __m512i first = _mm512_adds_epi16(_mm512_packs_epi32(a, b), zero_point);
    const __m512i second = _mm512_adds_epi16(_mm512_packs_epi32(c, d), zero_point);
    return _mm512_xor_si512(_mm512_packus_epi16(first, second), flip);
  }

  __m512i zero_point, flip;
};

// Bytes of four vectors in turn, as FinishVectors::Bytes() has them, one vector behind the other.
HWY_INLINE __m512i OneByOne(__m512i bytes) {
  return _mm512_permutexvar_epi32(
      _mm512_set_epi32(15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0), bytes);
}

HWY_INLINE void StoreBytes(uint8_t* to, int64_t count, __m512i bytes) {
  if (count >= 64) {
    _mm512_storeu_si512(to, bytes);
  } else {
    _mm512_mask_storeu_epi8(to, BytesBelow(count), bytes);
  }
}

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
