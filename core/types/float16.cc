#include "nomograph/core/types/float16.h"

#include <bit>
#include <limits>
#include <type_traits>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// The loops below have no branches, so that the compiler vectorises them; for AVX2, too, where it
// can put both into one program. (The sanitizers do not work in what chooses between the two.)
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define NOMO_VECTORISED __attribute__((target_clones("avx2", "default")))
#else
#define NOMO_VECTORISED
#endif

namespace nomograph {
namespace {

// By arithmetic: the compiler would make a branch of a condition that spares a floating-point
// operation.
inline uint32_t Select(bool condition, uint32_t yes, uint32_t no) {
  const uint32_t mask = -static_cast<uint32_t>(condition);
  return (yes & mask) | (no & ~mask);
}

inline float Widened(Half half) {
  const uint32_t sign = (half.bits() & 0x8000u) << 16;
  const uint32_t magnitude = half.bits() & 0x7fffu;
  const uint32_t normal = (magnitude << 13) + (112u << 23);  // the exponent from 15 to 127
  const uint32_t special = (magnitude << 13) | 0x7f800000u;  // infinity and NaN
  const auto subnormal =
      std::bit_cast<uint32_t>(static_cast<float>(static_cast<int32_t>(magnitude)) * 0x1p-24f);
  const uint32_t finite = Select(magnitude < 0x400u, subnormal, normal);
  return std::bit_cast<float>(sign | Select(magnitude >= 0x7c00u, special, finite));
}

inline Half Narrowed(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  const uint32_t rebiased = magnitude - (112u << 23);
  const uint32_t normal = (rebiased + 0xfffu + ((rebiased >> 13) & 1u)) >> 13;
  // Neighbours of 0.5 are as far apart as subnormal halves are: the addition rounds.
  const uint32_t subnormal =
      std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000u;
  const uint32_t finite = Select(magnitude < 0x38800000u, subnormal, normal);
  const uint32_t number = Select(magnitude >= 0x47800000u, 0x7c00u, finite);
  return Half::FromBits(
      static_cast<uint16_t>(sign | Select(magnitude > 0x7f800000u, 0x7e00u, number)));
}

inline BFloat16 NarrowedB(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t number = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
  return BFloat16::FromBits(static_cast<uint16_t>(nan ? (bits >> 16) | 0x40u : number));
}

template <typename T>
inline T CutAndClamped(float value) {
  constexpr float kLeast = std::numeric_limits<T>::min(), kGreatest = std::numeric_limits<T>::max();
  // NaN is not greater than 0, the least number without a sign, either.
  if (std::is_signed_v<T>) value = value == value ? value : 0.0f;
  value = value > kLeast ? value : kLeast;
  return static_cast<T>(static_cast<int32_t>(value < kGreatest ? value : kGreatest));
}

NOMO_VECTORISED void NarrowAll(const float* from, Half* to, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) to[i] = Narrowed(from[i]);
}

#if defined(__x86_64__)
// With the processor's own conversion, which keeps what is in a NaN. Yields how many it has done.
__attribute__((target("avx,f16c"))) int64_t NarrowInVectors(const float* from, Half* to,
                                                            int64_t count) {
  constexpr int64_t kLanes = 8;
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const __m256 wide = _mm256_loadu_ps(from + i);
    const __m128i narrow = _mm256_cvtps_ph(wide, _MM_FROUND_TO_NEAREST_INT);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i), narrow);
    if (_mm256_movemask_ps(_mm256_cmp_ps(wide, wide, _CMP_UNORD_Q)) == 0) continue;
    for (int64_t k = i; k < i + kLanes; ++k) to[k] = Narrowed(from[k]);
  }
  return i;
}
#endif

}  // namespace

NOMO_VECTORISED void ConvertFloats(const Half* from, float* to, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) to[i] = Widened(from[i]);
}

NOMO_VECTORISED void ConvertFloats(const BFloat16* from, float* to, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) to[i] = from[i];
}

void ConvertFloats(const float* from, Half* to, int64_t count) {
  int64_t done = 0;
#if defined(__x86_64__)
  static const bool converts = __builtin_cpu_supports("f16c") && __builtin_cpu_supports("avx");
  if (converts) done = NarrowInVectors(from, to, count);
#endif
  NarrowAll(from + done, to + done, count - done);
}

NOMO_VECTORISED void ConvertFloats(const float* from, BFloat16* to, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) to[i] = NarrowedB(from[i]);
}

NOMO_VECTORISED void ConvertFloats(const float* from, int8_t* to, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) to[i] = CutAndClamped<int8_t>(from[i]);
}

NOMO_VECTORISED void ConvertFloats(const float* from, uint8_t* to, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) to[i] = CutAndClamped<uint8_t>(from[i]);
}

}  // namespace nomograph
