// Panels of factors in bfloat16, for bfloat16_product.cc, which includes this file for the
// instruction set that it needs.
#if defined(NOMOGRAPH_CORE_NARROW_BFLOAT16_PANELS_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_NARROW_BFLOAT16_PANELS_H_
#undef NOMOGRAPH_CORE_NARROW_BFLOAT16_PANELS_H_
#else
#define NOMOGRAPH_CORE_NARROW_BFLOAT16_PANELS_H_
#endif

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "hwy/highway.h"
#include "nomograph/core/narrow/bfloat16_product.h"
#include "nomograph/core/vector/vector_steps.h"
#include "nomograph/core/vector/vector_target.h"

#if HWY_TARGET == HWY_AVX3

#include <immintrin.h>

HWY_PUSH_ATTRIBUTES(HWY_TARGET_STR ",avx512bf16")
namespace nomograph {
namespace HWY_NAMESPACE {
namespace bfloat16 {

// A panel of the left matrix has so many rows, one of the right matrix so many columns; in each,
// pairs of terms of all rows (columns) lie side by side, pair after pair.
constexpr int64_t kPanelRows = 8, kPanelVectors = 3, kPanelColumns = kPanelVectors * kLanes;
// Where the machine has tiles (bfloat16_tiles.h), a left panel has sixteen rows, of each sixteen
// pairs side by side, and pairs are filled up with zeros to a multiple of sixteen.
constexpr int64_t kTileRows = kLanes, kTilePairs = kLanes;

inline int64_t LeftPanel() { return HasTiles() ? kTileRows : kPanelRows; }
inline int64_t PanelSize(ProductSide side) {
  return side == ProductSide::kLeft ? LeftPanel() : kPanelColumns;
}
inline int64_t PairsOf(int64_t terms) { return (terms + 1) / 2; }
inline int64_t FilledPairs(int64_t pairs) {
  return HasTiles() ? (pairs + kTilePairs - 1) / kTilePairs * kTilePairs : pairs;
}

// One side of a product: rows (of the left matrix) or columns, each of so many terms. Element (i,
// t) lies at data[i * stride + t * term_stride].
template <typename T>
struct SideView {
  const T* data;
  int64_t size, terms, stride, term_stride;

  template <typename View>
  static SideView Of(ProductSide side, const View& m) {
    const bool left = side == ProductSide::kLeft;
    return left ? SideView{m.data, m.rows, m.columns, m.row_stride, m.column_stride}
                : SideView{m.data, m.columns, m.rows, m.column_stride, m.row_stride};
  }
  SideView Part(int64_t first, int64_t count, int64_t term, int64_t some_terms) const {
    return {data + first * stride + term * term_stride, count, some_terms, stride, term_stride};
  }
};

// Pairs of terms: of each element of `first` and that of `second`.
HWY_INLINE __m512i PairUp(__m512 first, __m512 second) {
  alignas(64) static constexpr uint16_t kOrder[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                      21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                      11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  const __m512i halves = (__m512i)_mm512_cvtne2ps_pbh(second, first);
  return _mm512_permutexvar_epi16(_mm512_load_si512(kOrder), halves);
}

// As many bits as there are elements from `begin` on, of `count`.
HWY_INLINE uint32_t Those(int64_t count, int64_t begin, int64_t size) {
  const int64_t there = std::clamp(count - begin, int64_t{0}, size);
  return static_cast<uint32_t>((uint64_t{1} << there) - 1);
}

// The pairs of sixteen elements each, of which `there` are there; the others are zeros. No second
// ones: zeros.
HWY_INLINE __m512i LoadPairs(const float* first, const float* second, __mmask16 there) {
  return PairUp(_mm512_maskz_loadu_ps(there, first),
                second == nullptr ? _mm512_setzero_ps() : _mm512_maskz_loadu_ps(there, second));
}
HWY_INLINE __m512i LoadPairs(const uint16_t* first, const uint16_t* second, __mmask16 there) {
  const auto wide = [there](const uint16_t* from) __attribute__((always_inline)) {
    return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(there, from));
  };
  if (second == nullptr) return wide(first);
  return _mm512_or_si512(wide(first), _mm512_slli_epi32(wide(second), 16));
}

// Sixteen pairs of terms that lie side by side, of which `count` terms are there.
HWY_INLINE __m512i LoadTerms(const float* from, int64_t count) {
  const auto low = static_cast<__mmask16>(Those(count, 0, kLanes));
  const auto high = static_cast<__mmask16>(Those(count, kLanes, kLanes));
  return (__m512i)_mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps(high, from + kLanes),
                                      _mm512_maskz_loadu_ps(low, from));
}
HWY_INLINE __m512i LoadTerms(const uint16_t* from, int64_t count) {
  return _mm512_maskz_loadu_epi16(Those(count, 0, 2 * kLanes), from);
}

// Brings near what is read soon: the hardware does not foresee short stretches far apart. Where
// nothing lies there it has no effect.
template <typename T>
HWY_INLINE void FetchAhead(const T* from, int64_t count) {
  constexpr int64_t kLine = 64;
  const char* const bytes = reinterpret_cast<const char*>(from);
  for (int64_t i = 0; i < count * static_cast<int64_t>(sizeof(T)); i += kLine) {
    _mm_prefetch(bytes + i, _MM_HINT_T0);
  }
}

// One pair of terms of `count` elements that lie side by side, into panels that lie `step` apart.
template <typename T>
HWY_INLINE void PairRightRows(const T* first, const T* second, int64_t count, int64_t step,
                              uint32_t* HWY_RESTRICT to) {
  for (int64_t c = 0; c < count; c += kPanelColumns, to += step) {
#pragma GCC unroll 3
    for (int64_t v = 0; v < kPanelVectors; ++v) {
      const int64_t at = c + v * kLanes;
      const auto there = static_cast<__mmask16>(Those(count, at, kLanes));
      _mm512_store_si512(to + v * kLanes,
                         LoadPairs(first + at, second == nullptr ? nullptr : second + at, there));
    }
  }
}
template <typename T>
HWY_INLINE void PairLeftRows(const T* first, const T* second, int64_t count, int64_t step,
                             uint32_t* HWY_RESTRICT to) {
  static_assert(2 * kPanelRows == kLanes);
  for (int64_t c = 0; c < count; c += kLanes, to += 2 * step) {
    const auto there = static_cast<__mmask16>(Those(count, c, kLanes));
    const __m512i pairs = LoadPairs(first + c, second == nullptr ? nullptr : second + c, there);
    _mm256_store_si256(reinterpret_cast<__m256i*>(to), _mm512_castsi512_si256(pairs));
    if (c + kPanelRows < count) {
      _mm256_store_si256(reinterpret_cast<__m256i*>(to + step),
                         _mm512_extracti64x4_epi64(pairs, 1));
    }
  }
}

// Four rows of sixteen pairs become, of each four lanes, the four rows' pairs: pair 4 * lane + j.
HWY_INLINE void TurnFour(const __m512i* r, __m512i (&to)[4]) {
  const __m512i a = _mm512_unpacklo_epi32(r[0], r[1]), b = _mm512_unpackhi_epi32(r[0], r[1]);
  const __m512i c = _mm512_unpacklo_epi32(r[2], r[3]), e = _mm512_unpackhi_epi32(r[2], r[3]);
  to[0] = _mm512_unpacklo_epi64(a, c);
  to[1] = _mm512_unpackhi_epi64(a, c);
  to[2] = _mm512_unpacklo_epi64(b, e);
  to[3] = _mm512_unpackhi_epi64(b, e);
}

// From four such quarters of sixteen rows: the pairs 4 * k + j of all.
HWY_INLINE void TurnQuarters(const __m512i (&quarter)[4][4], int64_t j, __m512i* to) {
  const __m512i a = _mm512_shuffle_i32x4(quarter[0][j], quarter[1][j], 0x44),
                b = _mm512_shuffle_i32x4(quarter[0][j], quarter[1][j], 0xee),
                c = _mm512_shuffle_i32x4(quarter[2][j], quarter[3][j], 0x44),
                e = _mm512_shuffle_i32x4(quarter[2][j], quarter[3][j], 0xee);
  to[j] = _mm512_shuffle_i32x4(a, c, 0x88);
  to[4 + j] = _mm512_shuffle_i32x4(a, c, 0xdd);
  to[8 + j] = _mm512_shuffle_i32x4(b, e, 0x88);
  to[12 + j] = _mm512_shuffle_i32x4(b, e, 0xdd);
}

// Sixteen pairs of each of eight rows become sixteen times a pair of each row.
HWY_INLINE void StoreTransposed(const __m512i (&row)[kPanelRows], int64_t pairs,
                                uint32_t* HWY_RESTRICT to) {
  __m512i half[2][4];  // of four rows each
  TurnFour(row, half[0]);
  TurnFour(row + 4, half[1]);
  const auto store = [&](int64_t pair, __m128i upper, __m128i lower) {
    if (pair >= pairs) return;
    _mm_store_si128(reinterpret_cast<__m128i*>(to + pair * kPanelRows), upper);
    _mm_store_si128(reinterpret_cast<__m128i*>(to + pair * kPanelRows + 4), lower);
  };
#pragma GCC unroll 4
  for (int64_t j = 0; j < 4; ++j) {
    store(j, _mm512_extracti32x4_epi32(half[0][j], 0), _mm512_extracti32x4_epi32(half[1][j], 0));
    store(4 + j, _mm512_extracti32x4_epi32(half[0][j], 1),
          _mm512_extracti32x4_epi32(half[1][j], 1));
    store(8 + j, _mm512_extracti32x4_epi32(half[0][j], 2),
          _mm512_extracti32x4_epi32(half[1][j], 2));
    store(12 + j, _mm512_extracti32x4_epi32(half[0][j], 3),
          _mm512_extracti32x4_epi32(half[1][j], 3));
  }
}

// Sixteen pairs of each of sixteen columns become sixteen times a pair of each column, which lie
// kPanelColumns apart.
HWY_INLINE void StoreTransposed(const __m512i (&column)[kLanes], int64_t pairs,
                                uint32_t* HWY_RESTRICT to) {
  __m512i quarter[4][4];
#pragma GCC unroll 4
  for (int64_t q = 0; q < 4; ++q) TurnFour(column + 4 * q, quarter[q]);
#pragma GCC unroll 4
  for (int64_t j = 0; j < 4; ++j) {
    __m512i turned[kLanes];
    TurnQuarters(quarter, j, turned);
#pragma GCC unroll 4
    for (int64_t k = j; k < kLanes; k += 4) {
      if (k < pairs) _mm512_store_si512(to + k * kPanelColumns, turned[k]);
    }
  }
}

// A panel whose terms lie side by side. So many terms are brought near ahead of those that are
// read.
constexpr int64_t kTermsAhead = 4 * kLanes;
template <typename T>
void TransposeLeftPanel(const SideView<T>& from, uint32_t* HWY_RESTRICT packed) {
  for (int64_t t = 0; t < from.terms; t += 2 * kLanes, packed += kLanes * kPanelRows) {
    const int64_t count = std::min(2 * kLanes, from.terms - t);
    __m512i row[kPanelRows];
#pragma GCC unroll 8
    for (int64_t i = 0; i < kPanelRows; ++i) {  // rows that are not there: the last, never stored
      const T* const terms = from.data + std::min(i, from.size - 1) * from.stride + t;
      row[i] = LoadTerms(terms, count);
      FetchAhead(terms + kTermsAhead, 2 * kLanes);
    }
    StoreTransposed(row, PairsOf(count), packed);
  }
}
template <typename T>
void TransposeRightPanel(const SideView<T>& from, uint32_t* HWY_RESTRICT packed) {
  for (int64_t t = 0; t < from.terms; t += 2 * kLanes, packed += kLanes * kPanelColumns) {
    const int64_t count = std::min(2 * kLanes, from.terms - t);
    for (int64_t c = 0; c < kPanelColumns; c += kLanes) {
      __m512i column[kLanes];
#pragma GCC unroll 16
      for (int64_t i = 0; i < kLanes; ++i) {
        const T* const terms = from.data + std::min(c + i, from.size - 1) * from.stride + t;
        column[i] = c + i < from.size ? LoadTerms(terms, count) : _mm512_setzero_si512();
        FetchAhead(terms + kTermsAhead, 2 * kLanes);
      }
      StoreTransposed(column, PairsOf(count), packed + c);
    }
  }
}

// One pair of terms of `count` rows, of which `begin` is the first's first term.
template <typename T>
HWY_INLINE __m512i PairOfRows(const SideView<T>& from, const T* begin, bool both, int64_t count,
                              __mmask16 there) {
  const T* const second = both ? begin + from.term_stride : nullptr;
  if (from.stride == 1) return LoadPairs(begin, second, there);
  alignas(64) T pair[2][kLanes] = {};
  for (int64_t i = 0; i < count; ++i) {
    pair[0][i] = begin[i * from.stride];
    if (both) pair[1][i] = second[i * from.stride];
  }
  return LoadPairs(pair[0], pair[1], there);
}

// A panel whose elements lie anyhow; its pairs are `pair_step` apart.
template <typename T>
void GatherPanel(const SideView<T>& from, int64_t panel, int64_t pair_step,
                 uint32_t* HWY_RESTRICT packed) {
  for (int64_t t = 0; t < from.terms; t += 2, packed += pair_step) {
    alignas(64) T pair[2][kPanelColumns] = {};
    for (int64_t k = 0; k < std::min<int64_t>(2, from.terms - t); ++k) {
      const T* row = from.data + (t + k) * from.term_stride;
      for (int64_t i = 0; i < from.size; ++i) pair[k][i] = row[i * from.stride];
    }
    for (int64_t i = 0; i < panel; i += kLanes) {
      const auto there = static_cast<__mmask16>(Those(panel, i, kLanes));
      _mm512_mask_storeu_epi32(packed + i, there, LoadPairs(pair[0] + i, pair[1] + i, there));
    }
  }
}

// Sixteen rows of sixteen elements become columns.
HWY_INLINE void TurnSixteen(__m512i (&row)[kLanes]) {
  __m512i quarter[4][4];
#pragma GCC unroll 4
  for (int64_t q = 0; q < 4; ++q) TurnFour(row + 4 * q, quarter[q]);
#pragma GCC unroll 4
  for (int64_t j = 0; j < 4; ++j) TurnQuarters(quarter, j, row);
}

// Left panels for tiles, `step` apart.
template <typename T>
void PackTilePanels(const SideView<T>& from, int64_t step, uint32_t* HWY_RESTRICT packed) {
  constexpr int64_t kTerms = 2 * kTilePairs;
  for (int64_t first = 0; first < from.size; first += kTileRows, packed += step) {
    const int64_t rows = std::min(kTileRows, from.size - first);
    const auto there = static_cast<__mmask16>(Those(rows, 0, kTileRows));
    uint32_t* to = packed;
    for (int64_t t = 0; t < from.terms; t += kTerms, to += kTilePairs * kTileRows) {
      const int64_t terms = std::min(kTerms, from.terms - t);
      const T* const begin = from.data + first * from.stride + t * from.term_stride;
      if (from.term_stride == 1) {
        for (int64_t i = 0; i < rows; ++i) {
          const T* const row = begin + i * from.stride;
          _mm512_store_si512(to + i * kTilePairs, LoadTerms(row, terms));
          FetchAhead(row + kTermsAhead, kTerms);
        }
        for (int64_t i = rows; i < kTileRows; ++i) {
          _mm512_store_si512(to + i * kTilePairs, _mm512_setzero_si512());
        }
        continue;
      }
      __m512i pair[kTilePairs];
#pragma GCC unroll 16
      for (int64_t q = 0; q < kTilePairs; ++q) {
        pair[q] = 2 * q < terms ? PairOfRows(from, begin + 2 * q * from.term_stride,
                                             /*both=*/2 * q + 1 < terms, rows, there)
                                : _mm512_setzero_si512();
      }
      TurnSixteen(pair);
#pragma GCC unroll 16
      for (int64_t i = 0; i < kTileRows; ++i) _mm512_store_si512(to + i * kTilePairs, pair[i]);
    }
  }
}

// Zeros in the place of pairs [begin, end) of right panels for `count` columns.
inline void ClearRightPairs(int64_t begin, int64_t end, int64_t count, int64_t step,
                            uint32_t* HWY_RESTRICT packed) {
  for (int64_t first = 0; first < count; first += kPanelColumns, packed += step) {
    std::fill(packed + begin * kPanelColumns, packed + end * kPanelColumns, 0);
  }
}

// Panels of one side, one behind the other; `step` is how far apart they lie.
template <typename T>
void PackPanels(ProductSide side, const SideView<T>& from, int64_t step,
                uint32_t* HWY_RESTRICT packed) {
  const bool left = side == ProductSide::kLeft;
  if (left && HasTiles()) return PackTilePanels(from, step, packed);
  const int64_t panel = PanelSize(side);
  if (from.stride == 1) {
    // Along the memory, but not into so many panels that their lines, a multiple of pages apart,
    // drive each other out of the cache.
    constexpr int64_t kPanels = 8, kAhead = 16;
    const int64_t together = kPanels * panel;
    for (int64_t first = 0; first < from.size; first += together, packed += kPanels * step) {
      const int64_t count = std::min(together, from.size - first);
      for (int64_t t = 0; t < from.terms; t += 2) {
        const T* const row = from.data + first + t * from.term_stride;
        const T* const next = t + 1 < from.terms ? row + from.term_stride : nullptr;
        if (left) {  // of the right side the stretches are long
          FetchAhead(row + kAhead * from.term_stride, count);
          FetchAhead(row + (kAhead + 1) * from.term_stride, count);
        }
        (left ? PairLeftRows<T> : PairRightRows<T>)(row, next, count, step, packed + t / 2 * panel);
      }
    }
    return;
  }
  for (int64_t first = 0; first < from.size; first += panel, packed += step) {
    const SideView<T> part = from.Part(first, std::min(panel, from.size - first), 0, from.terms);
    if (from.term_stride == 1) {
      (left ? TransposeLeftPanel<T> : TransposeRightPanel<T>)(part, packed);
    } else {
      GatherPanel(part, panel, panel, packed);
    }
  }
}

// A left panel for tiles; of each pair of planes that under all taps.
template <typename T>
void PackTapTiles(SideView<T> from, const BFloat16Taps& taps, uint32_t* HWY_RESTRICT packed) {
  const int64_t pairs = PairsOf(from.terms) * taps.count;
  std::fill_n(packed, FilledPairs(pairs) * kTileRows, 0);
  const auto there = static_cast<__mmask16>(Those(from.size, 0, kTileRows));
  alignas(64) uint32_t rows[kTileRows];
  for (int64_t q = 0; q < pairs; ++q) {
    const int64_t term = q / taps.count * 2, tap = q % taps.count;
    const T* const begin = from.data + term * from.term_stride + tap * taps.stride;
    _mm512_store_si512(rows,
                       PairOfRows(from, begin, /*both=*/term + 1 < from.terms, from.size, there));
    uint32_t* const to = packed + q / kTilePairs * kTilePairs * kTileRows + q % kTilePairs;
    for (int64_t i = 0; i < from.size; ++i) to[i * kTilePairs] = rows[i];
  }
}

// Part number `part` of `parts` of a whole matrix.
template <typename View>
void Pack(ProductSide side, const View& matrix, const BFloat16Taps& taps, int part, int parts,
          uint32_t* packed) {
  const auto all = SideView<std::remove_cvref_t<decltype(*matrix.data)>>::Of(side, matrix);
  const int64_t pairs = PairsOf(all.terms) * taps.count, filled = FilledPairs(pairs);
  const int64_t panel = PanelSize(side), step = panel * filled;
  const int64_t panels = (all.size + panel - 1) / panel;
  const int64_t begin = panels * part / parts, end = panels * (part + 1) / parts;
  const int64_t last = std::min(end * panel, all.size);
  if (begin * panel >= last) return;
  const auto from = all.Part(begin * panel, last - begin * panel, 0, all.terms);
  packed += begin * step;
  if (side == ProductSide::kRight) ClearRightPairs(pairs, filled, from.size, step, packed);
  if (taps.count == 1) return PackPanels(side, from, step, packed);
  for (int64_t first = 0; first < from.size; first += panel, packed += step) {
    auto part_of = from.Part(first, std::min(panel, from.size - first), 0, from.terms);
    if (side == ProductSide::kLeft && HasTiles()) {
      PackTapTiles(part_of, taps, packed);
      continue;
    }
    for (int64_t tap = 0; tap < taps.count; ++tap, part_of.data += taps.stride) {
      GatherPanel(part_of, panel, panel * taps.count, packed + tap * panel);
    }
  }
}

}  // namespace bfloat16
}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_POP_ATTRIBUTES

#endif  // HWY_TARGET == HWY_AVX3

#endif  // NOMOGRAPH_CORE_NARROW_BFLOAT16_PANELS_H_
