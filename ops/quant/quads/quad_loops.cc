#include "nomograph/ops/quant/quads/quad_loops.h"

#include "nomograph/core/vector/vector_target.h"

#if defined(__x86_64__)

#include "nomograph/ops/quant/quads/quad_vectors.h"

NOMO_QUADS_BEGIN

namespace nomograph::quant {
namespace {

// `count` places in kVectors.
template <int kChannels, int kVectors>
void MultiplyTile(const QuadProduct& product, const int32_t* HWY_RESTRICT x,
                  const int32_t* HWY_RESTRICT w, int64_t count, const QuadFinish& finish,
                  uint8_t* HWY_RESTRICT y, int64_t y_stride) {
  __m512i sums[kChannels][kVectors];
#pragma GCC unroll 6
  for (int c = 0; c < kChannels; ++c) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sums[c][v] = _mm512_set1_epi32(finish.biases[c]);
  }
  for (int64_t q = 0; q < product.quads; ++q, x += product.quad_stride) {
    for (int64_t t = 0; t < product.taps; ++t, w += kChannels) {
      const int32_t* const from = x + product.offsets[t];
      __m512i bytes[kVectors];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) bytes[v] = _mm512_loadu_si512(from + v * kQuadLanes);
#pragma GCC unroll 6
      for (int c = 0; c < kChannels; ++c) {
        const __m512i factor = _mm512_set1_epi32(w[c]);
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
          AddProducts(sums[c][v], bytes[v], factor);
        }
      }
    }
  }
  const FinishVectors finished(finish);
#pragma GCC unroll 6
  for (int c = 0; c < kChannels; ++c) {
    const __m512 scale = _mm512_set1_ps(finish.scales[c]);
    __m512i rounded[4];
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
      rounded[v] = v < kVectors ? finished.Rounded(sums[c][v], scale) : _mm512_setzero_si512();
    }
    StoreBytes(y + c * y_stride, count,
               OneByOne(finished.Bytes(rounded[0], rounded[1], rounded[2], rounded[3])));
  }
}

template <int kChannels>
void MultiplyBlock(const QuadProduct& product, const int32_t* x, int64_t count, const int32_t* w,
                   const QuadFinish& finish, uint8_t* y, int64_t y_stride) {
  for (int64_t p = 0; p < count; p += kQuadTile) {
    const int64_t left = std::min(count - p, kQuadTile);
    const int64_t vectors = (left + kQuadLanes - 1) / kQuadLanes;
    if (vectors == 4) {
      MultiplyTile<kChannels, 4>(product, x + p, w, left, finish, y + p, y_stride);
    } else if (vectors == 3) {
      MultiplyTile<kChannels, 3>(product, x + p, w, left, finish, y + p, y_stride);
    } else if (vectors == 2) {
      MultiplyTile<kChannels, 2>(product, x + p, w, left, finish, y + p, y_stride);
    } else {
      MultiplyTile<kChannels, 1>(product, x + p, w, left, finish, y + p, y_stride);
    }
  }
}

// The indices of bytes in a vector of four lines of 16 bytes that lie side by side.
__m512i QuadOrder() {
  const __m512i dwords = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  return _mm512_add_epi8(_mm512_set1_epi32(0x30201000),
                         _mm512_mullo_epi32(dwords, _mm512_set1_epi32(0x01010101)));
}

void StoreQuads(int32_t* to, int64_t left, __m512i quads) {
  if (left >= kQuadLanes) {
    _mm512_storeu_si512(to, quads);
  } else {
    _mm512_mask_storeu_epi32(to, LanesBelow(left), quads);
  }
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
  const __m512i filled = _mm512_set1_epi8(static_cast<char>(fill));
  for (int64_t i = 0; i < count; i += 64) {
    _mm512_storeu_si512(to + i, _mm512_mask_loadu_epi8(filled, BytesBelow(count - i), x + i));
  }
}

void CopyRows(const uint8_t* x, int64_t pitch, int64_t rows, int64_t width, uint8_t* to) {
  for (int64_t r = 0; r < rows; ++r, x += pitch, to += width) {
    for (int64_t i = 0; i < width; i += 64) {
      _mm512_mask_storeu_epi8(to + i, BytesBelow(width - i), _mm512_loadu_si512(x + i));
    }
  }
}

void JoinLines(const uint8_t* const* lines, int64_t count, int64_t stride, uint8_t flip,
               int32_t* to) {
  const __m512i flips = _mm512_set1_epi8(static_cast<char>(flip));
  const uint8_t *const a = lines[0], *const b = lines[1], *const c = lines[2], *const d = lines[3];
  int64_t i = 0;
  if (stride == 1) {
    const __m512i order = QuadOrder();
    for (; i < count; i += kQuadLanes) {
      const __m512i bytes = SideBySide(Load16(a + i), Load16(b + i), Load16(c + i), Load16(d + i));
      StoreQuads(to + i, count - i, _mm512_xor_si512(_mm512_permutexvar_epi8(order, bytes), flips));
    }
  } else if (stride == 2) {
    // Bit 6 of an index says which of two vectors it is in.
    const __m512i dwords = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const __m512i order = _mm512_add_epi8(
        _mm512_set1_epi32(0x60402000), _mm512_mullo_epi32(dwords, _mm512_set1_epi32(0x02020202)));
    for (; i < count; i += kQuadLanes) {
      const __m512i first = SideBySide(Load32(a + 2 * i), Load32(b + 2 * i));
      const __m512i second = SideBySide(Load32(c + 2 * i), Load32(d + 2 * i));
      StoreQuads(to + i, count - i,
                 _mm512_xor_si512(_mm512_permutex2var_epi8(first, order, second), flips));
    }
  } else {
    for (; i < count; ++i) {
      const int64_t at = i * stride;
      const uint32_t quad = static_cast<uint32_t>(a[at]) | static_cast<uint32_t>(b[at]) << 8 |
                            static_cast<uint32_t>(c[at]) << 16 | static_cast<uint32_t>(d[at]) << 24;
      to[i] = static_cast<int32_t>(quad ^ flip * 0x01010101u);
    }
  }
}

void JoinWholeLines(const uint8_t* const* lines, int64_t count, uint8_t flip, int32_t* to) {
  const int64_t whole = count / kQuadLanes * kQuadLanes;
  JoinLines(lines, whole, 1, flip, to);
  if (whole == count) return;
  const __mmask16 lanes = LanesBelow(count - whole);
  __m128i ends[4];
  for (int i = 0; i < 4; ++i) ends[i] = _mm_maskz_loadu_epi8(lanes, lines[i] + whole);
  const __m512i bytes = SideBySide(ends[0], ends[1], ends[2], ends[3]);
  StoreQuads(to + whole, count - whole,
             _mm512_xor_si512(_mm512_permutexvar_epi8(QuadOrder(), bytes),
                              _mm512_set1_epi8(static_cast<char>(flip))));
}

void LookUp(const uint8_t* table, const uint8_t* x, int64_t count, uint8_t* y) {
  __m512i parts[4];
  for (int i = 0; i < 4; ++i) parts[i] = _mm512_loadu_si512(table + 64 * i);
  for (int64_t i = 0; i < count; i += 64) {
    const __mmask64 bytes = BytesBelow(count - i);
    const __m512i index = _mm512_maskz_loadu_epi8(bytes, x + i);
    const __m512i low = _mm512_permutex2var_epi8(parts[0], index, parts[1]);
    const __m512i high = _mm512_permutex2var_epi8(parts[2], index, parts[3]);
    const __m512i found = _mm512_mask_blend_epi8(_mm512_movepi8_mask(index), low, high);
    _mm512_mask_storeu_epi8(y + i, bytes, found);
  }
}

}  // namespace nomograph::quant

NOMO_QUADS_END

namespace nomograph::quant {

bool HasQuads() {
  static const bool has = BestVectorTarget() == VectorTarget::kAvx512 &&
                          __builtin_cpu_supports("avx512vnni") &&
                          __builtin_cpu_supports("avx512vbmi");
  return has;
}

}  // namespace nomograph::quant

#else

#include "nomograph/core/types/status.h"

namespace nomograph::quant {

// REQUIRED of callers: HasQuads().
bool HasQuads() { return false; }
void MultiplyQuads(const QuadProduct&, const int32_t*, int64_t, const int32_t*, int64_t,
                   const QuadFinish&, uint8_t*, int64_t) {
  NOMO_CHECK(false);
}
void CopyLine(const uint8_t*, int64_t, uint8_t, uint8_t*) { NOMO_CHECK(false); }
void CopyRows(const uint8_t*, int64_t, int64_t, int64_t, uint8_t*) { NOMO_CHECK(false); }
void JoinLines(const uint8_t* const*, int64_t, int64_t, uint8_t, int32_t*) { NOMO_CHECK(false); }
void JoinWholeLines(const uint8_t* const*, int64_t, uint8_t, int32_t*) { NOMO_CHECK(false); }
void LookUp(const uint8_t*, const uint8_t*, int64_t, uint8_t*) { NOMO_CHECK(false); }

}  // namespace nomograph::quant

#endif
