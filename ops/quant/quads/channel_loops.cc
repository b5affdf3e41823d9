#include "nomograph/ops/quant/quads/channel_loops.h"

#if defined(__x86_64__)

#include <array>
#include <utility>

#include "nomograph/ops/quant/quads/quad_vectors.h"

NOMO_QUADS_BEGIN

namespace nomograph::quant {
namespace {

// Places that a loop has sums of.
constexpr int64_t kPlaces = 14;
// Rows of so few places are taken two at once: those of a plane of 224 after five strides.
constexpr int64_t kShortRow = kPlaces / 2;

// [channel][place] of 16 places' rounded numbers of 16 channels, 4 channels to a vector.
struct Turned {
  __m512i channels[4];
};
HWY_INLINE Turned Turn(const FinishVectors& finished, const __m512i (&places)[16]) {
  // Four channels of four places lie in 16 bytes.
  __m512i four[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    four[i] =
        finished.Bytes(places[4 * i], places[4 * i + 1], places[4 * i + 2], places[4 * i + 3]);
  }
  // 8 places of a channel are from two vectors.
  const __m512i order = _mm512_add_epi8(
      _mm512_set1_epi64(0x4c4844400c080400),
      _mm512_set_epi64(0x0303030303030303, 0x0303030303030303, 0x0202020202020202,
                       0x0202020202020202, 0x0101010101010101, 0x0101010101010101, 0, 0));
  Turned turned;
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m512i moved = _mm512_add_epi8(order, _mm512_set1_epi8(static_cast<char>(16 * i)));
    turned.channels[i] =
        _mm512_mask_blend_epi64(0xaa, _mm512_permutex2var_epi8(four[0], moved, four[1]),
                                _mm512_permutex2var_epi8(four[2], moved, four[3]));
  }
  return turned;
}

// Some places of one row, or of two that follow one another in the result; of it may be written
// up to `room` places.
template <int kRows, int kColumns, int kVectors>
void MultiplyTile(const QuadProduct& product, const int32_t* HWY_RESTRICT x, int64_t pitch,
                  const int32_t* HWY_RESTRICT w, int64_t channels, const QuadFinish& finish,
                  uint8_t* HWY_RESTRICT y, int64_t y_stride, int64_t room) {
  constexpr int kCount = kRows * kColumns;
  __m512i sums[kCount][kVectors];
  __mmask16 lanes[kVectors];
#pragma GCC unroll 2
  for (int v = 0; v < kVectors; ++v) {
    lanes[v] = LanesBelow(std::min(channels - v * kQuadLanes, kQuadLanes));
    const __m512i bias = _mm512_maskz_loadu_epi32(lanes[v], finish.biases + v * kQuadLanes);
#pragma GCC unroll 14
    for (int p = 0; p < kCount; ++p) sums[p][v] = bias;
  }
  for (int64_t q = 0; q < product.quads; ++q, x += product.quad_stride) {
    for (int64_t t = 0; t < product.taps; ++t, w += kVectors * kQuadLanes) {
      const int32_t* const first = x + product.offsets[t];
      const int32_t* const second = kRows == 2 ? first + pitch : first;
      __m512i factors[kVectors];
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) factors[v] = _mm512_loadu_si512(w + v * kQuadLanes);
#pragma GCC unroll 14
      for (int p = 0; p < kCount; ++p) {
        const __m512i bytes = _mm512_set1_epi32(p < kColumns ? first[p] : second[p - kColumns]);
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; ++v) {
          AddProducts(sums[p][v], bytes, factors[v]);
        }
      }
    }
  }
  const FinishVectors finished(finish);
  const auto places = static_cast<__mmask16>(_bzhi_u32(0xffff, kCount));
#pragma GCC unroll 2
  for (int v = 0; v < kVectors; ++v) {
    const int64_t first = v * kQuadLanes, left = std::min(channels - first, kQuadLanes);
    const __m512 scale = _mm512_maskz_loadu_ps(lanes[v], finish.scales + first);
    __m512i results[16];
#pragma GCC unroll 14
    for (int p = 0; p < kCount; ++p) results[p] = finished.Rounded(sums[p][v], scale);
#pragma GCC unroll 16
    for (int p = kCount; p < 16; ++p) results[p] = _mm512_setzero_si512();
    alignas(64) uint8_t turned[16 * 16];
    const Turned by_channel = Turn(finished, results);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) _mm512_store_si512(turned + 64 * i, by_channel.channels[i]);
    uint8_t* to = y + first * y_stride;
    for (int64_t c = 0; c < left; ++c, to += y_stride) {
      const __m128i row = _mm_load_si128(reinterpret_cast<const __m128i*>(turned + 16 * c));
      if (room >= 16) {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to), row);
      } else {
        _mm_mask_storeu_epi8(to, places, row);
      }
    }
  }
}

using TileFn = decltype(&MultiplyTile<1, 1, 1>);
template <int kVectors, size_t... kColumns>
constexpr std::array<TileFn, sizeof...(kColumns)> Tiles(std::index_sequence<kColumns...>) {
  return {&MultiplyTile<1, kColumns + 1, kVectors>...};
}
// By the number of places less 1.
template <int kVectors>
constexpr auto kTiles = Tiles<kVectors>(std::make_index_sequence<kPlaces>());

template <int kVectors>
void MultiplyRows(const QuadProduct& product, const int32_t* x, const QuadPlaces& places,
                  const int32_t* w, int64_t channels, const QuadFinish& finish, uint8_t* y,
                  int64_t y_stride) {
  const int64_t width = places.width, end = places.rows * width;
  int64_t row = 0;
  if (width == kShortRow) {
    for (; row + 1 < places.rows; row += 2) {
      MultiplyTile<2, kShortRow, kVectors>(product, x + row * places.pitch, places.pitch, w,
                                           channels, finish, y + row * width, y_stride,
                                           end - row * width);
    }
  }
  for (; row < places.rows; ++row) {
    for (int64_t c = 0; c < width; c += kPlaces) {
      const int64_t at = row * width + c, count = std::min(width - c, kPlaces);
      kTiles<kVectors>[count - 1](product, x + row * places.pitch + c, places.pitch, w, channels,
                                  finish, y + at, y_stride, end - at);
    }
  }
}

}  // namespace

void MultiplyChannels(const QuadProduct& product, const int32_t* x, const QuadPlaces& places,
                      const int32_t* w, int64_t channels, const QuadFinish& finish, uint8_t* y,
                      int64_t y_stride) {
  if (channels <= kQuadLanes) {
    return MultiplyRows<1>(product, x, places, w, channels, finish, y, y_stride);
  }
  MultiplyRows<2>(product, x, places, w, channels, finish, y, y_stride);
}

}  // namespace nomograph::quant

NOMO_QUADS_END

#else

#include "nomograph/core/types/status.h"

namespace nomograph::quant {

void MultiplyChannels(const QuadProduct&, const int32_t*, const QuadPlaces&, const int32_t*,
                      int64_t, const QuadFinish&, uint8_t*, int64_t) {
  NOMO_CHECK(false);  // HasQuads() is false
}

}  // namespace nomograph::quant

#endif
