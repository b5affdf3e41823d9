#include "nomograph/ops/quant/quads/narrow_loops.h"

#include <algorithm>
#include <cstring>

#if defined(__x86_64__)

#include <immintrin.h>

#include "hwy/base.h"

// GCC 12 takes for uninitialised what its own header leaves undefined.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

HWY_PUSH_ATTRIBUTES("avx2,bmi2,fma")

namespace nomograph::quant::narrow {
namespace {

// Places in a vector, and in a tile.
constexpr int64_t kLanes = 8, kTile = 2 * kLanes;

HWY_INLINE __m256i Load(const int32_t* from) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}

// sums[c][v] += the products of the four bytes of x[v] with those of w[c].
template <int kChannels, int kVectors>
HWY_INLINE void AddProducts(const int32_t* HWY_RESTRICT x, const int32_t* HWY_RESTRICT w,
                            __m256i (&sums)[kChannels][kVectors]) {
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i bytes[kVectors];
#pragma GCC unroll 2
  for (int v = 0; v < kVectors; ++v) bytes[v] = Load(x + v * kLanes);
#pragma GCC unroll 6
  for (int c = 0; c < kChannels; ++c) {
    const __m256i factor = _mm256_set1_epi32(w[c]);
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      const __m256i pairs = _mm256_maddubs_epi16(bytes[v], factor);
      sums[c][v] = _mm256_add_epi32(sums[c][v], _mm256_madd_epi16(pairs, ones));
    }
  }
}

HWY_INLINE __m256i Rounded(__m256i sums, __m256 scale) {
  // Numbers less than all of int32 become the least one, and great ones what saturates.
  const __m256 value = _mm256_mul_ps(_mm256_cvtepi32_ps(sums), scale);
  return _mm256_cvtps_epi32(_mm256_min_ps(value, _mm256_set1_ps(1 << 20)));
}

// Up to kTile places, `count` of them.
template <int kChannels, int kVectors>
void MultiplyTile(const QuadProduct& product, const int32_t* HWY_RESTRICT x,
                  const int32_t* HWY_RESTRICT w, int64_t count, const QuadFinish& finish,
                  uint8_t* HWY_RESTRICT y, int64_t y_stride) {
  __m256i sums[kChannels][kVectors];
#pragma GCC unroll 6
  for (int c = 0; c < kChannels; ++c) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) sums[c][v] = _mm256_set1_epi32(finish.biases[c]);
  }
  const int32_t* quad = x;
  for (int64_t q = 0; q < product.quads; ++q, quad += product.quad_stride) {
    for (int64_t t = 0; t < product.taps; ++t, w += kChannels) {
      AddProducts(quad + product.offsets[t], w, sums);
    }
  }
  const int32_t* extra = product.extras;
  for (int64_t i = 0; i < product.num_extras; ++i, extra += 1 + kChannels) {
    const int64_t term = *extra;
    AddProducts(
        x + term / product.taps * product.quad_stride + product.offsets[term % product.taps],
        extra + 1, sums);
  }
  const __m256i zero_point = _mm256_set1_epi16(static_cast<int16_t>(finish.zero_point));
  const __m128i flip = _mm_set1_epi8(static_cast<char>(finish.flip));
#pragma GCC unroll 6
  for (int c = 0; c < kChannels; ++c) {
    const __m256 scale = _mm256_set1_ps(finish.scales[c]);
    const __m256i first = Rounded(sums[c][0], scale);
    const __m256i second = kVectors == 2 ? Rounded(sums[c][kVectors - 1], scale) : first;
    // Halves of both vectors in turn, put in order.
    const __m256i halves = _mm256_permute4x64_epi64(_mm256_packs_epi32(first, second), 0xd8);
    const __m256i moved = _mm256_adds_epi16(halves, zero_point);
    const __m128i bytes = _mm_xor_si128(
        _mm_packus_epi16(_mm256_castsi256_si128(moved), _mm256_extracti128_si256(moved, 1)), flip);
    uint8_t* const to = y + c * y_stride;
    if (count == kTile) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bytes);
    } else {
      alignas(16) uint8_t all[kTile];
      _mm_store_si128(reinterpret_cast<__m128i*>(all), bytes);
      std::memcpy(to, all, static_cast<size_t>(count));
    }
  }
}

template <int kChannels>
void MultiplyBlock(const QuadProduct& product, const int32_t* x, int64_t count, const int32_t* w,
                   const QuadFinish& finish, uint8_t* y, int64_t y_stride) {
  for (int64_t p = 0; p < count; p += kTile) {
    const int64_t left = std::min(count - p, kTile);
    (left > kLanes ? MultiplyTile<kChannels, 2>
                   : MultiplyTile<kChannels, 1>)(product, x + p, w, left, finish, y + p, y_stride);
  }
}

// Each second byte of 32, from the first on.
HWY_INLINE __m128i EvenBytes(const uint8_t* from) {
  const __m128i low = _mm_set1_epi16(0xff);
  const auto half = [&](int64_t i) {
    return _mm_and_si128(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i)), low);
  };
  return _mm_packus_epi16(half(0), half(16));
}

}  // namespace

void MultiplyQuads(const QuadProduct& product, const int32_t* x, int64_t count, const int32_t* w,
                   int64_t channels, const QuadFinish& finish, uint8_t* y, int64_t y_stride) {
  using Fn = decltype(&MultiplyBlock<1>);
  static constexpr Fn kBlocks[] = {&MultiplyBlock<1>, &MultiplyBlock<2>, &MultiplyBlock<3>,
                                   &MultiplyBlock<4>, &MultiplyBlock<5>, &MultiplyBlock<6>};
  kBlocks[channels - 1](product, x, count, w, finish, y, y_stride);
}

void CopyLine(const uint8_t* x, int64_t count, uint8_t fill, uint8_t* to) {
  if (count <= 0) return;
  std::memcpy(to, x, static_cast<size_t>(count));
  std::fill(to + count, to + (count + 63) / 64 * 64, fill);
}

void CopyRows(const uint8_t* x, int64_t pitch, int64_t rows, int64_t width, uint8_t* to) {
  for (int64_t r = 0; r < rows; ++r, x += pitch, to += width) {
    std::memcpy(to, x, static_cast<size_t>(width));
  }
}

void JoinLines(const uint8_t* const* lines, int64_t count, int64_t stride, uint8_t flip,
               int32_t* to) {
  constexpr int64_t kBytes = 16;
  const __m128i flips = _mm_set1_epi8(static_cast<char>(flip));
  int64_t i = 0;
  if (stride <= 2) {
    // Of a stride of 2 the last byte that is read is one behind the last that is needed.
    for (; i + kBytes < count; i += kBytes) {
      __m128i bytes[4];
#pragma GCC unroll 4
      for (int k = 0; k < 4; ++k) {
        bytes[k] = stride == 1 ? _mm_loadu_si128(reinterpret_cast<const __m128i*>(lines[k] + i))
                               : EvenBytes(lines[k] + 2 * i);
        bytes[k] = _mm_xor_si128(bytes[k], flips);
      }
      const __m128i low[2] = {_mm_unpacklo_epi8(bytes[0], bytes[1]),
                              _mm_unpacklo_epi8(bytes[2], bytes[3])};
      const __m128i high[2] = {_mm_unpackhi_epi8(bytes[0], bytes[1]),
                               _mm_unpackhi_epi8(bytes[2], bytes[3])};
      auto* const quads = reinterpret_cast<__m128i*>(to + i);
      _mm_storeu_si128(quads, _mm_unpacklo_epi16(low[0], low[1]));
      _mm_storeu_si128(quads + 1, _mm_unpackhi_epi16(low[0], low[1]));
      _mm_storeu_si128(quads + 2, _mm_unpacklo_epi16(high[0], high[1]));
      _mm_storeu_si128(quads + 3, _mm_unpackhi_epi16(high[0], high[1]));
    }
  }
  for (; i < count; ++i) {
    uint32_t quad = 0;
    for (int k = 0; k < 4; ++k) quad |= static_cast<uint32_t>(lines[k][i * stride]) << (8 * k);
    to[i] = static_cast<int32_t>(quad ^ flip * 0x01010101u);
  }
}

}  // namespace nomograph::quant::narrow

HWY_POP_ATTRIBUTES

#else

#include "nomograph/core/types/status.h"

namespace nomograph::quant::narrow {

// REQUIRED of callers: MultipliesQuads().
void MultiplyQuads(const QuadProduct&, const int32_t*, int64_t, const int32_t*, int64_t,
                   const QuadFinish&, uint8_t*, int64_t) {
  NOMO_CHECK(false);
}
void CopyLine(const uint8_t*, int64_t, uint8_t, uint8_t*) { NOMO_CHECK(false); }
void CopyRows(const uint8_t*, int64_t, int64_t, int64_t, uint8_t*) { NOMO_CHECK(false); }
void JoinLines(const uint8_t* const*, int64_t, int64_t, uint8_t, int32_t*) { NOMO_CHECK(false); }

}  // namespace nomograph::quant::narrow

#endif
