// The loops of bfloat16_product.cc, which includes this file for the instruction set that they
// need.
#if defined(NOMOGRAPH_CORE_NARROW_BFLOAT16_PRODUCT_KERNEL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_NARROW_BFLOAT16_PRODUCT_KERNEL_H_
#undef NOMOGRAPH_CORE_NARROW_BFLOAT16_PRODUCT_KERNEL_H_
#else
#define NOMOGRAPH_CORE_NARROW_BFLOAT16_PRODUCT_KERNEL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "hwy/highway.h"
#include "nomograph/core/narrow/bfloat16_product.h"
#include "nomograph/core/vector/vector_steps.h"
#include "nomograph/core/vector/window_row.h"

#if HWY_TARGET == HWY_AVX3

#include <immintrin.h>

HWY_PUSH_ATTRIBUTES(HWY_TARGET_STR ",avx512bf16")
namespace nomograph {
namespace HWY_NAMESPACE {
namespace bfloat16 {

// A panel of the left matrix has so many rows, one of the right matrix so many columns; in each,
// pairs of terms of all rows (columns) lie side by side, pair after pair.
constexpr int64_t kPanelRows = 8, kPanelVectors = 3, kPanelColumns = kPanelVectors * kLanes;

// Blocks, in elements: so many terms of a left panel stay in the first cache, of a block in the
// second.
constexpr int64_t kTerms = 512;
constexpr int64_t kBlockRows = 32 * kPanelRows;
constexpr int64_t kBlockColumns = 8 * kPanelColumns;

inline int64_t PanelSize(ProductSide side) {
  return side == ProductSide::kLeft ? kPanelRows : kPanelColumns;
}
inline int64_t PairsOf(int64_t terms) { return (terms + 1) / 2; }

// Pairs of terms: of each element of `first` and that of `second`.
HWY_INLINE __m512i PairUp(V first, V second) {
  alignas(64) static constexpr uint16_t kOrder[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                      21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                      11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  const __m512i halves = (__m512i)_mm512_cvtne2ps_pbh(second.raw, first.raw);
  return _mm512_permutexvar_epi16(_mm512_load_si512(kOrder), halves);
}

// One pair of rows of the right matrix, `count` elements each, into panels that lie `step` apart.
// No second row: zeros.
HWY_INLINE void PairRows(const float* first, const float* second, int64_t count, int64_t step,
                         uint32_t* HWY_RESTRICT to) {
  const D d;
  for (int64_t c = 0; c < count; c += kPanelColumns, to += step) {
#pragma GCC unroll 3
    for (int64_t v = 0; v < kPanelVectors; ++v) {
      const int64_t at = c + v * kLanes, left = count - at;
      V x = hn::Zero(d), y = hn::Zero(d);
      if (left >= kLanes) {
        x = hn::LoadU(d, first + at);
        if (second != nullptr) y = hn::LoadU(d, second + at);
      } else if (left > 0) {
        const auto there = hn::FirstN(d, static_cast<size_t>(left));
        x = hn::MaskedLoad(there, d, first + at);
        if (second != nullptr) y = hn::MaskedLoad(there, d, second + at);
      }
      _mm512_store_si512(to + v * kLanes, PairUp(x, y));
    }
  }
}

// Terms [term, term + terms) and columns [first, first + columns) of the right matrix, as panels.
inline void PackRightBlock(const PackedProduct& p, int64_t term, int64_t terms, int64_t first,
                           int64_t columns, uint32_t* HWY_RESTRICT packed) {
  alignas(64) float lines[2][kBlockColumns + kPanelColumns];
  const int64_t step = PairsOf(terms) * kPanelColumns;
  for (int64_t t = 0; t < terms; t += 2, packed += kPanelColumns) {
    const bool both = t + 1 < terms;
    if (p.window == nullptr) {
      const float* from = p.other.data + (term + t) * p.other.row_stride + first;
      PairRows(from, both ? from + p.other.row_stride : nullptr, columns, step, packed);
      continue;
    }
    WindowRow(*p.window, p.other.data, term + t, first, columns, lines[0]);
    if (both) WindowRow(*p.window, p.other.data, term + t + 1, first, columns, lines[1]);
    PairRows(lines[0], both ? lines[1] : nullptr, columns, step, packed);
  }
}

// Sixteen pairs of each of eight rows become sixteen times a pair of each row.
HWY_INLINE void StoreTransposed(const __m512i (&row)[kPanelRows], int64_t pairs,
                                uint32_t* HWY_RESTRICT to) {
  __m512i half[2][4];  // of four rows each, pairs 4 * lane + j
#pragma GCC unroll 2
  for (int64_t h = 0; h < 2; ++h) {
    const __m512i* r = row + 4 * h;
    const __m512i a = _mm512_unpacklo_epi32(r[0], r[1]), b = _mm512_unpackhi_epi32(r[0], r[1]);
    const __m512i c = _mm512_unpacklo_epi32(r[2], r[3]), e = _mm512_unpackhi_epi32(r[2], r[3]);
    half[h][0] = _mm512_unpacklo_epi64(a, c);
    half[h][1] = _mm512_unpackhi_epi64(a, c);
    half[h][2] = _mm512_unpacklo_epi64(b, e);
    half[h][3] = _mm512_unpackhi_epi64(b, e);
  }
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

// As many bits as there are elements from `begin` on, of `count`.
HWY_INLINE uint32_t Those(int64_t count, int64_t begin, int64_t size) {
  const int64_t there = std::clamp(count - begin, int64_t{0}, size);
  return static_cast<uint32_t>((uint64_t{1} << there) - 1);
}

// Sixteen pairs of terms that lie side by side, of which `count` terms are there.
HWY_INLINE __m512i LoadPairs(const float* from, int64_t count) {
  const auto low = static_cast<__mmask16>(Those(count, 0, kLanes));
  const auto high = static_cast<__mmask16>(Those(count, kLanes, kLanes));
  return (__m512i)_mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps(high, from + kLanes),
                                      _mm512_maskz_loadu_ps(low, from));
}
HWY_INLINE __m512i LoadPairs(const uint16_t* from, int64_t count) {
  return _mm512_maskz_loadu_epi16(Those(count, 0, 2 * kLanes), from);
}

// A panel of `rows` rows, row_stride apart, whose terms lie side by side.
template <typename T>
void PackLeftPanel(const T* from, int64_t row_stride, int64_t rows, int64_t terms,
                   uint32_t* HWY_RESTRICT packed) {
  for (int64_t t = 0; t < terms; t += 2 * kLanes, packed += kLanes * kPanelRows) {
    const int64_t count = std::min(2 * kLanes, terms - t);
    __m512i row[kPanelRows];
#pragma GCC unroll 8
    for (int64_t i = 0; i < kPanelRows; ++i) {  // rows that are not there: the last, never stored
      row[i] = LoadPairs(from + std::min(i, rows - 1) * row_stride + t, count);
    }
    StoreTransposed(row, PairsOf(count), packed);
  }
}

// The pairs of sixteen elements each.
HWY_INLINE __m512i PairAt(const float* first, const float* second) {
  return PairUp(hn::Load(D(), first), hn::Load(D(), second));
}
HWY_INLINE __m512i PairAt(const uint16_t* first, const uint16_t* second) {
  const auto wide = [](const uint16_t* from) {
    return _mm512_cvtepu16_epi32(_mm256_load_si256(reinterpret_cast<const __m256i*>(from)));
  };
  return _mm512_or_si512(wide(first), _mm512_slli_epi32(wide(second), 16));
}

// As PackLeftPanel(), and of a right matrix, for terms and rows (columns) that lie anyhow.
template <typename T>
void PackPanel(const T* from, int64_t stride, int64_t count, int64_t term_stride, int64_t terms,
               int64_t panel, uint32_t* HWY_RESTRICT packed) {
  for (int64_t t = 0; t < terms; t += 2, packed += panel) {
    alignas(64) T pair[2][kPanelColumns] = {};
    for (int64_t k = 0; k < std::min<int64_t>(2, terms - t); ++k) {
      const T* row = from + (t + k) * term_stride;
      if (stride == 1) {
        std::copy(row, row + count, pair[k]);
      } else {
        for (int64_t i = 0; i < count; ++i) pair[k][i] = row[i * stride];
      }
    }
    for (int64_t i = 0; i < panel; i += kLanes) {
      const auto there = static_cast<__mmask16>(Those(panel, i, kLanes));
      _mm512_mask_storeu_epi32(packed + i, there, PairAt(pair[0] + i, pair[1] + i));
    }
  }
}

template <typename View>
void Pack(ProductSide side, const View& m, uint32_t* packed) {
  const bool left = side == ProductSide::kLeft;
  const int64_t size = left ? m.rows : m.columns, terms = left ? m.columns : m.rows;
  const int64_t stride = left ? m.row_stride : m.column_stride;
  const int64_t term_stride = left ? m.column_stride : m.row_stride;
  const int64_t panel = PanelSize(side);
  for (int64_t first = 0; first < size; first += panel, packed += panel * PairsOf(terms)) {
    const int64_t count = std::min(panel, size - first);
    const auto* const from = m.data + first * stride;
    if (left && term_stride == 1) {
      PackLeftPanel(from, stride, count, terms, packed);
    } else {
      PackPanel(from, stride, count, term_stride, terms, panel, packed);
    }
  }
}

// What is done with a tile of the product, which is stored at out[row * stride]: a sum of what is
// there already, the biases, a matrix that is added, and bounds. Pointers are to the tile's first
// element, null for what is not done.
struct Tile {
  float* out = nullptr;
  int64_t stride = 0;
  bool add_output = false;
  const float* row_bias = nullptr;
  const float* column_bias = nullptr;
  const float* addend = nullptr;
  int64_t addend_stride = 0;
  const VectorStep* clip = nullptr;
  __mmask16 last = 0;  // which elements of the last vector are stored

  // The vector of row i from `column` on. All: no element is left out.
  template <bool kAll>
  HWY_INLINE void Finish(__m512 y, int64_t i, int64_t column) const {
    const auto load = [this](const float* from) __attribute__((always_inline)) {
      return kAll ? _mm512_loadu_ps(from) : _mm512_maskz_loadu_ps(last, from);
    };
    float* const to = out + i * stride + column;
    if (add_output) y = _mm512_add_ps(y, load(to));
    if (row_bias != nullptr) y = _mm512_add_ps(y, _mm512_set1_ps(row_bias[i]));
    if (column_bias != nullptr) y = _mm512_add_ps(y, load(column_bias + column));
    if (addend != nullptr) y = _mm512_add_ps(y, load(addend + i * addend_stride + column));
    if (clip != nullptr) {  // the second operand is the result where one is NaN
      y = _mm512_min_ps(_mm512_set1_ps(clip->b), _mm512_max_ps(_mm512_set1_ps(clip->a), y));
    }
    if (kAll) {
      _mm512_storeu_ps(to, y);
    } else {
      _mm512_mask_storeu_ps(to, last, y);
    }
  }
};

// The product of the first kRows rows of a left panel and the first kVectors vectors of a right
// one. kWhole: the last of these is stored as a whole.
template <int64_t kRows, int64_t kVectors, bool kWhole>
void PanelProduct(int64_t pairs, const uint32_t* HWY_RESTRICT a, const uint32_t* HWY_RESTRICT b,
                  const Tile& tile) {
  __m512 c[kRows][kVectors];
#pragma GCC unroll 8
  for (int64_t i = 0; i < kRows; ++i) {
#pragma GCC unroll 3
    for (int64_t v = 0; v < kVectors; ++v) c[i][v] = _mm512_setzero_ps();
  }
#pragma GCC unroll 2
  for (int64_t t = 0; t < pairs; ++t, a += kPanelRows, b += kPanelColumns) {
    __m512bh x[kVectors];
#pragma GCC unroll 3
    for (int64_t v = 0; v < kVectors; ++v) x[v] = (__m512bh)_mm512_load_si512(b + v * kLanes);
#pragma GCC unroll 8
    for (int64_t i = 0; i < kRows; ++i) {
      const __m512bh w = (__m512bh)_mm512_set1_epi32(static_cast<int>(a[i]));
#pragma GCC unroll 3
      for (int64_t v = 0; v < kVectors; ++v) c[i][v] = _mm512_dpbf16_ps(c[i][v], w, x[v]);
    }
  }
#pragma GCC unroll 8
  for (int64_t i = 0; i < kRows; ++i) {
#pragma GCC unroll 3
    for (int64_t v = 0; v + 1 < kVectors; ++v) tile.Finish<true>(c[i][v], i, v * kLanes);
    tile.Finish<kWhole>(c[i][kVectors - 1], i, (kVectors - 1) * kLanes);
  }
}

using PanelProductFn = void (*)(int64_t pairs, const uint32_t* HWY_RESTRICT a,
                                const uint32_t* HWY_RESTRICT b, const Tile& tile);
// By the numbers of rows and vectors, less 1, and whether the last vector is whole.
#define NOMO_VECTORS(rows, vectors) \
  { PanelProduct<rows, vectors, false>, PanelProduct<rows, vectors, true> }
#define NOMO_ROWS(rows) \
  { NOMO_VECTORS(rows, 1), NOMO_VECTORS(rows, 2), NOMO_VECTORS(rows, 3) }
constexpr PanelProductFn kPanelProducts[kPanelRows][kPanelVectors][2] = {
    NOMO_ROWS(1), NOMO_ROWS(2), NOMO_ROWS(3), NOMO_ROWS(4),
    NOMO_ROWS(5), NOMO_ROWS(6), NOMO_ROWS(7), NOMO_ROWS(8)};
#undef NOMO_ROWS
#undef NOMO_VECTORS

struct Block {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

// Some terms of the product.
struct Turn {
  const PackedProduct& p;
  const Steps steps;
  bool first = true, last = true;

  // What is done with the tile at (r, c).
  Tile TileAt(int64_t r, int64_t c, int64_t width) const {
    Tile tile{.out = p.output + r * p.output_stride + c,
              .stride = p.output_stride,
              .add_output = !first || p.accumulate};
    tile.last = static_cast<__mmask16>((1u << ((width - 1) % kLanes + 1)) - 1);
    if (!last) return tile;
    if (p.row_bias != nullptr) tile.row_bias = p.row_bias + r;
    if (p.column_bias != nullptr) tile.column_bias = p.column_bias + c;
    if (!steps.simple) return tile;
    if (steps.addend != nullptr) {
      tile.addend_stride = steps.addend->row_stride;
      tile.addend = steps.addend->operand + r * steps.addend->row_stride + c;
    }
    tile.clip = steps.clip;
    return tile;
  }

  // One pair of panels.
  void Multiply(Block rows, Block columns, int64_t pairs, const uint32_t* a,
                const uint32_t* b) const {
    const int64_t height = std::min(kPanelRows, rows.size());
    const int64_t width = std::min(kPanelColumns, columns.size());
    const Tile tile = TileAt(rows.begin, columns.begin, width);
    kPanelProducts[height - 1][(width - 1) / kLanes][width % kLanes == 0](pairs, a, b, tile);
  }

  // Steps that are not simple, on whole rows.
  void Finish(Block rows, Block columns) const {
    if (!last || steps.simple) return;
    for (int64_t r = rows.begin; r < rows.end; ++r) {
      float* const y = p.output + r * p.output_stride + columns.begin;
      for (const VectorStep& step : p.steps) RunStep(step, r, columns.begin, columns.size(), y, y);
    }
  }
};

void MultiplyPackedLeft(const PackedProduct& p, const uint32_t* packed, Block rows, Block columns,
                        uint32_t* scratch) {
  const int64_t inner = p.other.rows, panel = kPanelRows * PairsOf(inner);
  Turn turn{p, Steps(p.steps)};
  for (Block wide{columns.begin, 0}; wide.begin < columns.end; wide.begin = wide.end) {
    // A last panel joins the block in front of it: a block alone would have the left matrix read.
    const bool ends = columns.end - wide.begin <= kBlockColumns + kPanelColumns;
    wide.end = ends ? columns.end : wide.begin + kBlockColumns;
    for (int64_t t = 0; t < inner; t += kTerms) {
      const int64_t terms = std::min(kTerms, inner - t), pairs = PairsOf(terms);
      turn.first = t == 0;
      turn.last = t + terms == inner;
      PackRightBlock(p, t, terms, wide.begin, wide.size(), scratch);
      const uint32_t* a = packed + rows.begin / kPanelRows * panel + t / 2 * kPanelRows;
      for (Block r = rows; r.begin < rows.end; r.begin += kPanelRows, a += panel) {
        const uint32_t* b = scratch;
        for (Block c = wide; c.begin < c.end; c.begin += kPanelColumns, b += kPanelColumns * pairs)
          turn.Multiply(r, c, pairs, a, b);
        turn.Finish({r.begin, std::min(r.begin + kPanelRows, rows.end)}, wide);
      }
    }
  }
}

void MultiplyPackedRight(const PackedProduct& p, const uint32_t* packed, Block rows, Block columns,
                         uint32_t* scratch) {
  const int64_t inner = p.other.columns, panel = kPanelColumns * PairsOf(inner);
  Turn turn{p, Steps(p.steps)};
  for (Block high{rows.begin, 0}; high.begin < rows.end; high.begin = high.end) {
    high.end = std::min(high.begin + kBlockRows, rows.end);
    for (int64_t t = 0; t < inner; t += kTerms) {
      const int64_t terms = std::min(kTerms, inner - t), pairs = PairsOf(terms);
      turn.first = t == 0;
      turn.last = t + terms == inner;
      for (int64_t r = 0; r < high.size(); r += kPanelRows) {
        PackLeftPanel(p.other.data + (high.begin + r) * p.other.row_stride + t, p.other.row_stride,
                      std::min(kPanelRows, high.size() - r), terms, scratch + r * pairs);
      }
      const uint32_t* b = packed + columns.begin / kPanelColumns * panel + t / 2 * kPanelColumns;
      for (Block c = columns; c.begin < c.end; c.begin += kPanelColumns, b += panel) {
        const uint32_t* a = scratch;
        for (Block r = high; r.begin < r.end; r.begin += kPanelRows, a += kPanelRows * pairs)
          turn.Multiply(r, c, pairs, a, b);
      }
      turn.Finish(high, columns);
    }
  }
}

void Multiply(const PackedProduct& p, const uint32_t* packed, int part, int parts, float* scratch) {
  const ProductPart share = PartOf(p, kPanelRows, kPanelColumns, /*enough=*/2, part, parts);
  if (share.empty()) return;
  const Block rows{share.row_begin, share.row_end}, columns{share.column_begin, share.column_end};
  (p.side == ProductSide::kLeft ? MultiplyPackedLeft : MultiplyPackedRight)(
      p, packed, rows, columns, reinterpret_cast<uint32_t*>(scratch));
}

inline int64_t ScratchFloats(ProductSide side) {
  return kTerms / 2 * (side == ProductSide::kLeft ? kBlockColumns + kPanelColumns : kBlockRows);
}

}  // namespace bfloat16
}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_POP_ATTRIBUTES

#endif  // HWY_TARGET == HWY_AVX3

#endif  // NOMOGRAPH_CORE_NARROW_BFLOAT16_PRODUCT_KERNEL_H_
