#include "nomograph/ops/quant/quads/depthwise_loops.h"

#if defined(__x86_64__)

#include "nomograph/ops/quant/quads/quad_vectors.h"

NOMO_QUADS_BEGIN

namespace nomograph::quant {
namespace {

// kQuads of a line; 0: as many as there are. The windows of the outputs ahead of kFirst end before
// the last one.
template <int kStride, int kQuads, int kFirst>
void MultiplyAll(const DepthwiseLoop& loop, const PaddedPlane& x, const int32_t* HWY_RESTRICT w,
                 const QuadFinish& finish, uint8_t* HWY_RESTRICT y) {
  constexpr int kOutputs = 4 / kStride;
  const int64_t quads = kQuads == 0 ? loop.quads() : kQuads;
  const __m512i flip = _mm512_set1_epi8(static_cast<char>(x.flip));
  const __m512i outside = _mm512_set1_epi8(static_cast<char>(x.padding));
  const __m512i padding = _mm512_xor_si512(outside, flip);
  const __m512i bias = _mm512_set1_epi32(finish.biases[0]);
  const __m512 scale = _mm512_set1_ps(finish.scales[0]);
  const FinishVectors finished(finish);
  const uint64_t* there = loop.there.data();
  for (const LaneOutputs& outputs : loop.outputs) {
    const LaneBytes& lanes = loop.lanes[outputs.lanes];
    __m512i sums[4];
#pragma GCC unroll 4
    for (int i = 0; i < kOutputs; ++i) sums[i] = bias;
    // Of two they stay in registers.
    __m512i from[2];
    __mmask64 inside[2];
    for (int q = 0; q < kQuads; ++q) {
      from[q] = _mm512_load_si512(lanes.quads[q].from);
      inside[q] = lanes.quads[q].inside;
    }
    const int32_t* factors = w;
    int64_t at = outputs.x;
    for (int64_t r = 0; r < loop.rows; ++r, ++there, at += loop.row_step) {
      __m512i line;
      if (HWY_LIKELY(~*there == 0)) {
        line = _mm512_loadu_si512(x.bytes + at);
      } else {
        line = _mm512_mask_loadu_epi8(outside, *there, x.bytes + at);
      }
      line = _mm512_xor_si512(line, flip);
#pragma GCC unroll 2
      for (int64_t q = 0; q < quads; ++q, factors += kOutputs) {
        if (kQuads == 0) {
          from[0] = _mm512_load_si512(lanes.quads[q].from);
          inside[0] = lanes.quads[q].inside;
        }
        const int64_t here = kQuads == 0 ? 0 : q;
        const __m512i bytes = _mm512_mask_permutexvar_epi8(padding, inside[here], from[here], line);
#pragma GCC unroll 4
        for (int i = 0; i < kOutputs; ++i) {
          if (i < kFirst && q + 1 == quads) continue;
          AddProducts(sums[i], bytes, _mm512_set1_epi32(factors[i]));
        }
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      sums[i] = i < kOutputs ? finished.Rounded(sums[i], scale) : _mm512_setzero_si512();
    }
    const __m512i bytes = _mm512_permutexvar_epi8(
        _mm512_load_si512(lanes.order), finished.Bytes(sums[0], sums[1], sums[2], sums[3]));
    // What is written past the end, the next ones write over.
    if (loop.y_bytes - outputs.y >= 64) {
      _mm512_storeu_si512(y + outputs.y, bytes);
    } else {
      _mm512_mask_storeu_epi8(y + outputs.y, BytesBelow(outputs.count), bytes);
    }
  }
}

template <int kStride, int kFirst>
void MultiplyBy(const DepthwiseLoop& loop, const PaddedPlane& x, const int32_t* w,
                const QuadFinish& finish, uint8_t* y) {
  if (loop.quads() == 2) return MultiplyAll<kStride, 2, kFirst>(loop, x, w, finish, y);
  MultiplyAll<kStride, 0, kFirst>(loop, x, w, finish, y);
}

}  // namespace

void MultiplyWindows(const DepthwiseLoop& loop, const PaddedPlane& x, const int32_t* w,
                     const QuadFinish& finish, uint8_t* y) {
  // The first output that reaches the last quad.
  const int64_t begin = 4 * (loop.quads() - 1);
  int64_t first = 0;
  while (first * loop.stride + loop.taps <= begin) ++first;
  using Fn = decltype(&MultiplyBy<1, 0>);
  static constexpr Fn kByOne[] = {&MultiplyBy<1, 0>, &MultiplyBy<1, 1>, &MultiplyBy<1, 2>,
                                  &MultiplyBy<1, 3>};
  static constexpr Fn kByTwo[] = {&MultiplyBy<2, 0>, &MultiplyBy<2, 1>};
  (loop.stride == 1 ? kByOne : kByTwo)[first](loop, x, w, finish, y);
}

}  // namespace nomograph::quant

NOMO_QUADS_END

#else

#include "nomograph/core/types/status.h"

namespace nomograph::quant {

void MultiplyWindows(const DepthwiseLoop&, const PaddedPlane&, const int32_t*, const QuadFinish&,
                     uint8_t*) {
  NOMO_CHECK(false);  // HasQuads() is false
}

}  // namespace nomograph::quant

#endif
