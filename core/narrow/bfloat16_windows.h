// What is under windows, in pairs of bfloat16, for bfloat16_product.cc, which includes this file
// for the instruction set that it needs.
//
// A pair has the same place of two planes, so that planes are rounded once and not under every tap.
// They are kept with the padding around them, and the columns of a row sorted by their remainder
// modulo the stride: what a tap sees at neighbouring places lies side by side.
#if defined(NOMOGRAPH_CORE_NARROW_BFLOAT16_WINDOWS_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_NARROW_BFLOAT16_WINDOWS_H_
#undef NOMOGRAPH_CORE_NARROW_BFLOAT16_WINDOWS_H_
#else
#define NOMOGRAPH_CORE_NARROW_BFLOAT16_WINDOWS_H_
#endif

#include <algorithm>
#include <cstdint>

#include "hwy/highway.h"
#include "nomograph/core/narrow/bfloat16_panels.h"
#include "nomograph/core/vector/packed_product.h"

#if HWY_TARGET == HWY_AVX3

#include <immintrin.h>

HWY_PUSH_ATTRIBUTES(HWY_TARGET_STR ",avx512bf16")
namespace nomograph {
namespace HWY_NAMESPACE {
namespace bfloat16 {

// How paired planes lie, in pairs.
struct PlaneLayout {
  explicit PlaneLayout(const WindowMatrix& w) {
    const auto extent = [](const WindowSpan& s) {
      return (s.output - 1) * s.stride + (s.taps - 1) * s.dilation + 1;
    };
    rows = extent(w.rows);
    const int64_t columns = (extent(w.columns) + w.columns.stride - 1) / w.columns.stride;
    width = (columns + kLanes - 1) / kLanes * kLanes;
    row = w.columns.stride * width;
    plane = rows * row;
  }
  int64_t rows;   // of a plane with its padding
  int64_t width;  // the columns with one remainder
  int64_t row, plane;
};

// Vectors may be read that begin in the last row.
constexpr int64_t kPlaneSlack = 2 * kLanes;

inline int64_t PlanePairs(const WindowMatrix& w, int64_t planes) {
  return PairsOf(planes) * PlaneLayout(w).plane + kPlaneSlack;
}

// Pairs of sixteen elements of two rows of planes from element `at` on, zeros outside.
HWY_INLINE __m512i PairsAt(const float* first, const float* second, int64_t at, int64_t size) {
  const uint32_t there = Those(size, at, kLanes);
  const int64_t before = std::clamp(-at, int64_t{0}, kLanes);
  const auto mask = static_cast<__mmask16>(there & (uint32_t{0xffff} << before));
  return LoadPairs(first + at, second == nullptr ? nullptr : second + at, mask);
}

// Part number `part` of `parts` of `planes` planes.
inline void PairPlanes(const WindowMatrix& w, const float* planes, int64_t count, int part,
                       int parts, uint32_t* HWY_RESTRICT paired) {
  alignas(64) static constexpr uint32_t kEven[16] = {0,  2,  4,  6,  8,  10, 12, 14,
                                                     16, 18, 20, 22, 24, 26, 28, 30};
  const PlaneLayout layout(w);
  const int64_t input = w.columns.input, plane = w.rows.input * input;
  const int64_t all = PairsOf(count) * layout.rows;
  const __m512i even = _mm512_load_si512(kEven), odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
  for (int64_t i = all * part / parts; i < all * (part + 1) / parts; ++i) {
    const int64_t pair = i / layout.rows, at = i % layout.rows - w.rows.pad_begin;
    uint32_t* const to = paired + i * layout.row;
    if (at < 0 || at >= w.rows.input) {
      std::fill(to, to + layout.row, 0);
      continue;
    }
    const float* const first = planes + 2 * pair * plane + at * input;
    const float* const second = 2 * pair + 1 < count ? first + plane : nullptr;
    const int64_t pad = w.columns.pad_begin;
    if (w.columns.stride == 1) {
      for (int64_t c = 0; c < layout.width; c += kLanes) {
        _mm512_store_si512(to + c, PairsAt(first, second, c - pad, input));
      }
      continue;
    }
    for (int64_t c = 0; c < layout.width; c += kLanes) {  // the stride is 2
      const __m512i low = PairsAt(first, second, 2 * c - pad, input),
                    high = PairsAt(first, second, 2 * c + kLanes - pad, input);
      _mm512_store_si512(to + c, _mm512_permutex2var_epi32(low, even, high));
      _mm512_store_si512(to + layout.width + c, _mm512_permutex2var_epi32(low, odd, high));
    }
  }
}

// The places [first, first + columns) under tap number pair % taps of the paired plane number pair
// / taps; up to fifteen more are written.
inline void WindowPairs(const WindowMatrix& w, const PlaneLayout& layout, const uint32_t* paired,
                        int64_t pair, int64_t first, int64_t columns, uint32_t* HWY_RESTRICT to) {
  const int64_t taps = w.rows.taps * w.columns.taps, tap = pair % taps;
  const int64_t down = tap / w.columns.taps * w.rows.dilation;
  const int64_t right = tap % w.columns.taps * w.columns.dilation;
  const uint32_t* const from = paired + pair / taps * layout.plane + down * layout.row +
                               right % w.columns.stride * layout.width + right / w.columns.stride;
  int64_t r = first / w.columns.output, c = first % w.columns.output;
  while (columns > 0) {
    const int64_t count = std::min(columns, w.columns.output - c);
    const uint32_t* const row = from + r * w.rows.stride * layout.row + c;
    for (int64_t i = 0; i < count; i += kLanes) {
      _mm512_storeu_si512(to + i, _mm512_loadu_si512(row + i));
    }
    to += count;
    columns -= count;
    ++r;
    c = 0;
  }
}

// Pairs [pair, pair + pairs) at the places [first, first + count), as panels of `side`; `line` has
// room for these and a vector.
inline void PackWindowPairs(ProductSide side, const WindowMatrix& w, const uint32_t* paired,
                            int64_t pair, int64_t pairs, int64_t first, int64_t count, int64_t step,
                            uint32_t* HWY_RESTRICT line, uint32_t* HWY_RESTRICT packed) {
  const PlaneLayout layout(w);
  const int64_t panel = PanelSize(side);
  for (int64_t q = 0; q < pairs; ++q, packed += panel) {
    WindowPairs(w, layout, paired, pair + q, first, count, line);
    uint32_t* to = packed;
    if (side == ProductSide::kLeft && HasTiles()) {
      to += q / kTilePairs * kTilePairs * kTileRows + q % kTilePairs - q * panel;
      for (int64_t c = 0; c < count; c += kTileRows, to += step) {
        for (int64_t i = 0; i < std::min(kTileRows, count - c); ++i) {
          to[i * kTilePairs] = line[c + i];
        }
      }
      continue;
    }
    if (side == ProductSide::kLeft) {
      for (int64_t c = 0; c < count; c += kPanelRows, to += step) {
        _mm256_store_si256(reinterpret_cast<__m256i*>(to),
                           _mm256_loadu_si256(reinterpret_cast<const __m256i*>(line + c)));
      }
      continue;
    }
    for (int64_t c = 0; c < count; c += kPanelColumns, to += step) {
#pragma GCC unroll 3
      for (int64_t v = 0; v < kPanelVectors; ++v) {
        const int64_t at = c + v * kLanes;
        const auto there = static_cast<__mmask16>(Those(count, at, kLanes));
        _mm512_store_si512(to + v * kLanes, _mm512_maskz_loadu_epi32(there, line + at));
      }
    }
  }
}

}  // namespace bfloat16
}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_POP_ATTRIBUTES

#endif  // HWY_TARGET == HWY_AVX3

#endif  // NOMOGRAPH_CORE_NARROW_BFLOAT16_WINDOWS_H_
