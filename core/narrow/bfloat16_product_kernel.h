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
#include <optional>

#include "hwy/highway.h"
#include "nomograph/core/narrow/bfloat16_panels.h"
#include "nomograph/core/narrow/bfloat16_tiles.h"
#include "nomograph/core/narrow/bfloat16_windows.h"
#include "nomograph/core/vector/vector_steps.h"
#include "nomograph/core/vector/window_row.h"

#if HWY_TARGET == HWY_AVX3

#include <immintrin.h>

HWY_PUSH_ATTRIBUTES(HWY_TARGET_STR ",avx512bf16")
namespace nomograph {
namespace HWY_NAMESPACE {
namespace bfloat16 {

// Blocks, in elements: so many pairs of terms of a left panel stay in the first cache, of a block
// in the second. Tiles are so fast that sums which are stored in between cost more.
inline int64_t MostPairs() { return HasTiles() ? 512 : 256; }
constexpr int64_t kBlockRows = 32 * kPanelRows;
constexpr int64_t kBlockColumns = 8 * kPanelColumns;

// The matrix that is not packed yet. Terms are counted in pairs.
struct Other {
  Other(const PackedProduct& product, const uint32_t* paired_planes)
      : p(product),
        paired(paired_planes),
        side(p.side == ProductSide::kLeft ? ProductSide::kRight : ProductSide::kLeft),
        terms(side == ProductSide::kRight ? p.other.rows : p.other.columns) {
    pairs = PairsOf(terms);
    if (paired == nullptr) return;
    const int64_t taps = p.window->rows.taps * p.window->columns.taps;
    pairs = PairsOf(terms / taps) * taps;
  }

  // Floats from one panel to the next of the matrix that is packed beforehand.
  int64_t packed_panel() const { return PanelSize(p.side) * FilledPairs(pairs); }

  // Pairs [pair, pair + count) of the rows (columns) [first, first + size), as panels.
  void Pack(int64_t first, int64_t size, int64_t pair, int64_t count,
            uint32_t* HWY_RESTRICT packed) const {
    constexpr int64_t kLine = kBlockColumns + kPanelColumns + kLanes;
    const int64_t filled = FilledPairs(count), step = filled * PanelSize(side);
    if (side == ProductSide::kRight) {
      ClearRightPairs(count, filled, size, step, packed);
    } else if (paired != nullptr && filled > count) {
      std::fill_n(packed, (size + kTileRows - 1) / kTileRows * step, 0);
    }
    if (paired != nullptr) {
      alignas(64) uint32_t line[kLine];
      return PackWindowPairs(side, *p.window, paired, pair, count, first, size, step, line, packed);
    }
    const int64_t term = 2 * pair, end = std::min(terms, term + 2 * count);
    if (p.window == nullptr) {
      const auto all = SideView<float>::Of(side, p.other);
      return PackPanels(side, all.Part(first, size, term, end - term), step, packed);
    }
    alignas(64) float lines[2][kLine];
    for (int64_t t = term; t < end; t += 2, packed += kPanelColumns) {
      const bool both = t + 1 < end;
      WindowRow(*p.window, p.other.data, t, first, size, lines[0]);
      if (both) WindowRow(*p.window, p.other.data, t + 1, first, size, lines[1]);
      PairRightRows(lines[0], both ? lines[1] : nullptr, size, step, packed);
    }
  }

  const PackedProduct& p;
  const uint32_t* const paired;  // planes, or null
  const ProductSide side;
  const int64_t terms;
  int64_t pairs;
};

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

// Memory that is brought near meanwhile, some bytes for each pair of terms: what is packed
// beforehand lies far away.
struct Near {
  const uint32_t* from;
  int64_t step;
};

// The product of the first kRows rows of a left panel and the first kVectors vectors of a right
// one. kWhole: the last of these is stored as a whole.
template <int64_t kRows, int64_t kVectors, bool kWhole>
void PanelProduct(int64_t pairs, const uint32_t* HWY_RESTRICT a, const uint32_t* HWY_RESTRICT b,
                  const Near& near, const Tile& tile) {
  const char* next = reinterpret_cast<const char*>(near.from);
  __m512 c[kRows][kVectors];
#pragma GCC unroll 8
  for (int64_t i = 0; i < kRows; ++i) {
#pragma GCC unroll 3
    for (int64_t v = 0; v < kVectors; ++v) c[i][v] = _mm512_setzero_ps();
  }
#pragma GCC unroll 2
  for (int64_t t = 0; t < pairs; ++t, a += kPanelRows, b += kPanelColumns, next += near.step) {
    _mm_prefetch(next, _MM_HINT_T0);
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
                                const uint32_t* HWY_RESTRICT b, const Near& near, const Tile& tile);
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

  // Some rows, which are left panels that lie `a_panel` apart, by one right panel.
  void Multiply(Block rows, Block columns, int64_t pairs, const uint32_t* a, int64_t a_panel,
                const uint32_t* b, const Near& near) const {
    if (HasTiles()) return MultiplyWithTiles(rows, columns, pairs, a, a_panel, b, near);
    const int64_t height = std::min(kPanelRows, rows.size());
    const int64_t width = std::min(kPanelColumns, columns.size());
    const Tile tile = TileAt(rows.begin, columns.begin, width);
    kPanelProducts[height - 1][(width - 1) / kLanes][width % kLanes == 0](pairs, a, b, near, tile);
  }

  // Sums of whole tiles stay in the output until the last terms.
  void MultiplyWithTiles(Block rows, Block columns, int64_t pairs, const uint32_t* a,
                         int64_t a_panel, const uint32_t* b, const Near& near) const {
    const int64_t height = rows.size(), width = std::min(kPanelColumns, columns.size());
    const int64_t tall = (height + kTileRows - 1) / kTileRows;
    const int64_t vectors = (width + kLanes - 1) / kLanes;
    Tile tile = TileAt(rows.begin, columns.begin, width);
    const bool whole = height % kTileRows == 0 && width % kLanes == 0;
    const bool plain = tile.row_bias == nullptr && tile.column_bias == nullptr &&
                       tile.addend == nullptr && tile.clip == nullptr;
    const TilePlace there{tile.out, tile.stride};
    alignas(64) float sums[kTallTiles * kTileRows * kPanelColumns];
    const TilePlace here{sums, kPanelColumns};
    TilePlace from{nullptr, 0};
    if (whole && tile.add_output) {
      from = there;
      tile.add_output = false;
    }
    kMultiplyTiles[tall - 1][vectors - 1](
        pairs, a, a_panel, b, reinterpret_cast<const char*>(near.from), near.step * kTilePairs,
        from, whole && plain ? there : here);
    if (whole && plain) return;
    for (int64_t i = 0; i < height; ++i) {
      const float* const row = sums + i * kPanelColumns;
      for (int64_t v = 0; v + 1 < vectors; ++v) {
        tile.Finish<true>(_mm512_load_ps(row + v * kLanes), i, v * kLanes);
      }
      tile.Finish<false>(_mm512_load_ps(row + (vectors - 1) * kLanes), i, (vectors - 1) * kLanes);
    }
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

// How many rows are multiplied at a time.
inline int64_t TallRows() { return HasTiles() ? kTallTiles * kTileRows : kPanelRows; }

// How much of the next `own` rows (columns) that are packed beforehand is brought near for each
// pair of terms, where these are multiplied with `size` of the other matrix, `panel` at a time.
inline int64_t NearStep(int64_t own, int64_t size, int64_t panel) {
  const int64_t bytes = own * static_cast<int64_t>(sizeof(uint32_t));
  const int64_t turns = (size + panel - 1) / panel;
  return (bytes + turns - 1) / turns;
}

void MultiplyPackedLeft(const Other& other, const uint32_t* packed, Block rows, Block columns,
                        uint32_t* scratch) {
  const PackedProduct& p = other.p;
  const int64_t panel = other.packed_panel(), tall = TallRows(), most_pairs = MostPairs();
  const int64_t left_panel = LeftPanel(), tall_step = tall / left_panel * panel;
  Turn turn{p, Steps(p.steps)};
  for (Block wide{columns.begin, 0}; wide.begin < columns.end; wide.begin = wide.end) {
    // A last panel joins the block in front of it: a block alone would have the left matrix read.
    const bool ends = columns.end - wide.begin <= kBlockColumns + kPanelColumns;
    wide.end = ends ? columns.end : wide.begin + kBlockColumns;
    const int64_t near = NearStep(tall, wide.size(), kPanelColumns);
    for (int64_t t = 0; t < other.pairs; t += most_pairs) {
      const int64_t pairs = std::min(most_pairs, other.pairs - t);
      turn.first = t == 0;
      turn.last = t + pairs == other.pairs;
      other.Pack(wide.begin, wide.size(), t, pairs, scratch);
      const uint32_t* a = packed + rows.begin / left_panel * panel + t * left_panel;
      for (Block r{rows.begin, 0}; r.begin < rows.end; r.begin = r.end, a += tall_step) {
        r.end = std::min(r.begin + tall, rows.end);
        const uint32_t *b = scratch, *next = a + tall_step;
        for (Block c = wide; c.begin < c.end; c.begin += kPanelColumns) {
          turn.Multiply(r, c, pairs, a, panel, b, {next, near});
          b += kPanelColumns * FilledPairs(pairs);
          next += near * pairs / static_cast<int64_t>(sizeof(uint32_t));
        }
        turn.Finish(r, wide);
      }
    }
  }
}

void MultiplyPackedRight(const Other& other, const uint32_t* packed, Block rows, Block columns,
                         uint32_t* scratch) {
  const PackedProduct& p = other.p;
  const int64_t panel = other.packed_panel(), tall = TallRows(), most_pairs = MostPairs();
  Turn turn{p, Steps(p.steps)};
  for (Block high{rows.begin, 0}; high.begin < rows.end; high.begin = high.end) {
    high.end = std::min(high.begin + kBlockRows, rows.end);
    const int64_t near = NearStep(kPanelColumns, high.size(), tall);
    for (int64_t t = 0; t < other.pairs; t += most_pairs) {
      const int64_t pairs = std::min(most_pairs, other.pairs - t);
      turn.first = t == 0;
      turn.last = t + pairs == other.pairs;
      other.Pack(high.begin, high.size(), t, pairs, scratch);
      const uint32_t* b = packed + columns.begin / kPanelColumns * panel + t * kPanelColumns;
      for (Block c = columns; c.begin < c.end; c.begin += kPanelColumns, b += panel) {
        const uint32_t *a = scratch, *next = b + panel;
        for (Block r{high.begin, 0}; r.begin < high.end; r.begin = r.end) {
          r.end = std::min(r.begin + tall, high.end);
          turn.Multiply(r, c, pairs, a, LeftPanel() * FilledPairs(pairs), b, {next, near});
          a += tall * FilledPairs(pairs);
          next += near * pairs / static_cast<int64_t>(sizeof(uint32_t));
        }
      }
      turn.Finish(high, columns);
    }
  }
}

void Multiply(const PackedProduct& p, const uint32_t* packed, int part, int parts, float* scratch,
              const uint32_t* paired) {
  const ProductPart share = PartOf(p, LeftPanel(), kPanelColumns, /*enough=*/2, part, parts);
  if (share.empty()) return;
  std::optional<TileScope> tiles;
  if (HasTiles()) tiles.emplace();
  const Block rows{share.row_begin, share.row_end}, columns{share.column_begin, share.column_end};
  (p.side == ProductSide::kLeft ? MultiplyPackedLeft : MultiplyPackedRight)(
      Other(p, paired), packed, rows, columns, reinterpret_cast<uint32_t*>(scratch));
}

// What is done with a product of which `turned` has the columns as rows, `stride` apart.
void FinishTurned(const PackedProduct& p, const float* turned, int64_t stride, int part,
                  int parts) {
  const Turn turn{p, Steps(p.steps)};
  const int64_t columns = p.other.columns, panels = (p.size + kLanes - 1) / kLanes;
  for (int64_t r = panels * part / parts * kLanes;
       r < std::min(p.size, panels * (part + 1) / parts * kLanes); r += kLanes) {
    const int64_t height = std::min(kLanes, p.size - r);
    const auto there = static_cast<__mmask16>(Those(height, 0, kLanes));
    for (int64_t c = 0; c < columns; c += kLanes) {
      const int64_t width = std::min(kLanes, columns - c);
      __m512i row[kLanes];
#pragma GCC unroll 16
      for (int64_t k = 0; k < kLanes; ++k) {
        row[k] = k < width ? _mm512_maskz_loadu_epi32(there, turned + (c + k) * stride + r)
                           : _mm512_setzero_si512();
      }
      TurnSixteen(row);
      const Tile tile = turn.TileAt(r, c, width);
#pragma GCC unroll 16
      for (int64_t k = 0; k < kLanes; ++k) {
        if (k < height) tile.Finish<false>(_mm512_castsi512_ps(row[k]), k, 0);
      }
    }
    turn.Finish({r, r + height}, {0, columns});
  }
}

// Which of both ways takes less time for a left matrix of constants: cycles for each pair of terms.
// Sums that are few wait for one another. Tiles have as many rows as columns.
inline bool Turns(int64_t rows, int64_t columns) {
  if (HasTiles()) return false;
  const auto panel = [](int64_t height, int64_t vectors) {
    constexpr double kWait = 5;
    return std::max(kWait, static_cast<double>(height * vectors) / 2);
  };
  const auto cycles = [&](int64_t height, int64_t width) {
    double sum = 0;
    for (int64_t c = 0; c < width; c += kPanelColumns) {
      const int64_t vectors = (std::min(kPanelColumns, width - c) + kLanes - 1) / kLanes;
      sum += static_cast<double>(height / kPanelRows) * panel(kPanelRows, vectors);
      if (height % kPanelRows > 0) sum += panel(height % kPanelRows, vectors);
    }
    return sum;
  };
  constexpr int64_t kFew = 256;
  constexpr double kTurning = 1.15;
  return columns <= kFew && kTurning * cycles(columns, rows) < cycles(rows, columns);
}

inline int64_t ScratchFloats(ProductSide side) {
  return MostPairs() * (side == ProductSide::kLeft ? kBlockColumns + kPanelColumns : kBlockRows);
}

}  // namespace bfloat16
}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_POP_ATTRIBUTES

#endif  // HWY_TARGET == HWY_AVX3

#endif  // NOMOGRAPH_CORE_NARROW_BFLOAT16_PRODUCT_KERNEL_H_
