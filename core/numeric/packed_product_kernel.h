// The loops of packed_product.cc, which includes this file once for each instruction set.
#if defined(NOMOGRAPH_CORE_NUMERIC_PACKED_PRODUCT_KERNEL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_NUMERIC_PACKED_PRODUCT_KERNEL_H_
#undef NOMOGRAPH_CORE_NUMERIC_PACKED_PRODUCT_KERNEL_H_
#else
#define NOMOGRAPH_CORE_NUMERIC_PACKED_PRODUCT_KERNEL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "hwy/highway.h"
#include "nomograph/core/numeric/packed_product.h"
#include "nomograph/core/numeric/vector_steps.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph {
namespace HWY_NAMESPACE {

constexpr int64_t kPanelRows = 6;
constexpr int64_t kPanelColumns = 2 * kLanes;

// Blocks, in elements: so many terms of a panel stay in the first cache, of a block in the second.
constexpr int64_t kTerms = 256;
constexpr int64_t kBlockRows = 24 * kPanelRows;
constexpr int64_t kBlockColumns = 192;

int64_t PanelSize(ProductSide side) {
  return side == ProductSide::kLeft ? kPanelRows : kPanelColumns;
}

// Panel after panel; in each, term after term, the elements of all its rows (columns), zeros where
// there are no more.
void Pack(ProductSide side, const MatrixView& m, float* packed) {
  const bool left = side == ProductSide::kLeft;
  const int64_t size = left ? m.rows : m.columns, terms = left ? m.columns : m.rows;
  const int64_t stride = left ? m.row_stride : m.column_stride;
  const int64_t term_stride = left ? m.column_stride : m.row_stride;
  const int64_t panel = PanelSize(side);
  for (int64_t first = 0; first < size; first += panel) {
    const int64_t count = std::min(panel, size - first);
    for (int64_t t = 0; t < terms; ++t) {
      const float* from = m.data + first * stride + t * term_stride;
      for (int64_t i = 0; i < panel; ++i) *packed++ = i < count ? from[i * stride] : 0.0f;
    }
  }
}

// Rows [first, first + rows) and terms [term, term + terms) of the left matrix, as panels.
void PackLeftBlock(const MatrixView& m, int64_t first, int64_t rows, int64_t term, int64_t terms,
                   float* HWY_RESTRICT packed) {
  for (int64_t r = 0; r < rows; r += kPanelRows) {
    const int64_t count = std::min(kPanelRows, rows - r);
    const float* from[kPanelRows];
    for (int64_t i = 0; i < kPanelRows; ++i) {  // rows that are not there: the last, never stored
      from[i] = m.data + (first + r + std::min(i, count - 1)) * m.row_stride + term;
    }
    for (int64_t t = 0; t < terms; ++t, packed += kPanelRows) {
      for (int64_t i = 0; i < kPanelRows; ++i) packed[i] = from[i][t];
    }
  }
}

// Terms [term, term + terms) and columns [first, first + columns) of the right matrix, as panels.
void PackRightBlock(const MatrixView& m, int64_t term, int64_t terms, int64_t first,
                    int64_t columns, float* HWY_RESTRICT packed) {
  const D d;
  for (int64_t t = 0; t < terms; ++t) {
    const float* from = m.data + (term + t) * m.row_stride + first;
    float* to = packed + t * kPanelColumns;
    int64_t c = 0;
    for (; c + kPanelColumns <= columns; c += kPanelColumns, to += terms * kPanelColumns) {
      hn::Store(hn::LoadU(d, from + c), d, to);
      hn::Store(hn::LoadU(d, from + c + kLanes), d, to + kLanes);
    }
    for (int64_t i = 0; c < columns && i < kPanelColumns; ++i) {
      to[i] = c + i < columns ? from[c + i] : 0.0f;
    }
  }
}

// The product of two panels, to the rows out[i * stride]: all columns of a panel, or with `narrow`
// the first half. `add`: to what is there.
template <bool kNarrow>
void PanelProduct(int64_t terms, const float* HWY_RESTRICT a, const float* HWY_RESTRICT b,
                  float* HWY_RESTRICT out, int64_t stride, bool add) {
  const D d;
  V c00 = hn::Zero(d), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00;
  V c30 = c00, c31 = c00, c40 = c00, c41 = c00, c50 = c00, c51 = c00;
#define NOMO_ROW(i)                                               \
  {                                                               \
    const V x = hn::Set(d, a[i]);                                 \
    c##i##0 = hn::MulAdd(x, b0, c##i##0);                         \
    if constexpr (!kNarrow) c##i##1 = hn::MulAdd(x, b1, c##i##1); \
  }
#pragma GCC unroll 4
  for (int64_t t = 0; t < terms; ++t, a += kPanelRows, b += kPanelColumns) {
    const V b0 = hn::Load(d, b), b1 = kNarrow ? b0 : hn::Load(d, b + kLanes);
    NOMO_ROW(0) NOMO_ROW(1) NOMO_ROW(2) NOMO_ROW(3) NOMO_ROW(4) NOMO_ROW(5)(void) b1;
  }
#undef NOMO_ROW
  const auto store = [&](V y, float* to) {
    hn::StoreU(add ? hn::Add(y, hn::LoadU(d, to)) : y, d, to);
  };
#define NOMO_STORE(i)               \
  store(c##i##0, out + i * stride); \
  if constexpr (!kNarrow) store(c##i##1, out + i * stride + kLanes);
  NOMO_STORE(0) NOMO_STORE(1) NOMO_STORE(2) NOMO_STORE(3) NOMO_STORE(4) NOMO_STORE(5)
#undef NOMO_STORE
}

// Stores a tile at (row, column) of the output: rows x columns of it, which with `kFull` are all.
// `first`: of the blocks of terms; the others add to what is there. `last`: then come the biases
// and, where they are simple, the steps.
template <bool kFull>
void StoreTile(const PackedProduct& p, const Steps& steps, const float* tile, int64_t row,
               int64_t column, int64_t rows, int64_t columns, bool first, bool last) {
  const D d;
  const V low = hn::Set(d, steps.clip != nullptr ? steps.clip->a : 0.0f);
  const V high = hn::Set(d, steps.clip != nullptr ? steps.clip->b : 0.0f);
  for (int64_t r = 0; r < (kFull ? kPanelRows : rows); ++r) {
    float* out = p.output + (row + r) * p.output_stride + column;
    for (int64_t c = 0; c < (kFull ? kPanelColumns : columns); c += kLanes) {
      const int64_t count = kFull ? kLanes : std::min(kLanes, columns - c);
      alignas(64) float part[kLanes];
      const auto load = [&](const float* from) {
        if (kFull || count == kLanes) return hn::LoadU(d, from);
        for (int64_t i = 0; i < kLanes; ++i) part[i] = i < count ? from[i] : 0.0f;
        return hn::Load(d, part);
      };
      V y = hn::Load(d, tile + r * kPanelColumns + c);
      if (!first) y = hn::Add(y, load(out + c));
      if (last) {
        if (p.row_bias != nullptr) y = hn::Add(y, hn::Set(d, p.row_bias[row + r]));
        if (p.column_bias != nullptr) y = hn::Add(y, load(p.column_bias + column + c));
        if (steps.simple) {
          if (steps.addend != nullptr) {
            y = hn::Add(y,
                        load(steps.addend->matrix + (row + r) * steps.addend->stride + column + c));
          }
          if (steps.clip != nullptr) y = Clip(low, high, y);
        }
      }
      if (kFull || count == kLanes) {
        hn::StoreU(y, d, out + c);
      } else {
        hn::Store(y, d, part);
        for (int64_t i = 0; i < count; ++i) out[c + i] = part[i];
      }
    }
  }
}

struct Block {
  int64_t begin, end;
};

// All pairs of panels of two blocks; `left` and `right` are their first panels, the next ones lie
// `left_step` and `right_step` floats behind.
void MultiplyBlocks(const PackedProduct& p, Block rows, Block columns, int64_t terms,
                    const float* left, int64_t left_step, const float* right, int64_t right_step,
                    bool first, bool last) {
  alignas(64) float tile[kPanelRows * kPanelColumns];
  const Steps steps(p.steps);
  const bool plain = !last || (p.row_bias == nullptr && p.column_bias == nullptr &&
                               (p.steps.empty() || !steps.simple));
  // Steps that are not simple, on whole rows.
  const auto finish = [&](int64_t begin, int64_t end) {
    if (!last || steps.simple) return;
    const int64_t count = columns.end - columns.begin;
    for (int64_t r = begin; r < end; ++r) {
      float* const y = p.output + r * p.output_stride + columns.begin;
      for (const ProductStep& step : p.steps) RunStep(step, r, columns.begin, count, y);
    }
  };
  const auto multiply = [&](int64_t r, int64_t c, const float* a, const float* b) HWY_ATTR {
    const int64_t height = std::min(kPanelRows, rows.end - r);
    const int64_t width = std::min(kPanelColumns, columns.end - c);
    const bool full = height == kPanelRows && width == kPanelColumns;
    if (plain && full) {
      float* const out = p.output + r * p.output_stride + c;
      return PanelProduct<false>(terms, a, b, out, p.output_stride, !first);
    }
    (width <= kLanes ? PanelProduct<true> : PanelProduct<false>)(terms, a, b, tile, kPanelColumns,
                                                                 false);
    (full ? StoreTile<true> : StoreTile<false>)(p, steps, tile, r, c, height, width, first, last);
  };
  if (p.side == ProductSide::kLeft) {
    // The block of columns is small. Along the output's rows, whose memory costs more than it does.
    for (int64_t r = rows.begin; r < rows.end; r += kPanelRows, left += left_step) {
      const float* b = right;
      for (int64_t c = columns.begin; c < columns.end; c += kPanelColumns, b += right_step) {
        multiply(r, c, left, b);
      }
      finish(r, std::min(r + kPanelRows, rows.end));
    }
    return;
  }
  for (int64_t c = columns.begin; c < columns.end; c += kPanelColumns, right += right_step) {
    const float* a = left;
    for (int64_t r = rows.begin; r < rows.end; r += kPanelRows, a += left_step) {
      multiply(r, c, a, right);
    }
  }
  finish(rows.begin, rows.end);
}

void MultiplyPackedLeft(const PackedProduct& p, Block rows, Block columns, float* scratch) {
  const int64_t inner = p.other.rows;
  for (int64_t c = columns.begin; c < columns.end; c += kBlockColumns) {
    const Block wide{c, std::min(c + kBlockColumns, columns.end)};
    for (int64_t t = 0; t < inner; t += kTerms) {
      const int64_t terms = std::min(kTerms, inner - t);
      PackRightBlock(p.other, t, terms, wide.begin, wide.end - wide.begin, scratch);
      for (int64_t r = rows.begin; r < rows.end; r += kBlockRows) {
        const Block high{r, std::min(r + kBlockRows, rows.end)};
        MultiplyBlocks(p, high, wide, terms, p.packed + r * inner + t * kPanelRows,
                       kPanelRows * inner, scratch, kPanelColumns * terms, t == 0,
                       t + terms == inner);
      }
    }
  }
}

void MultiplyPackedRight(const PackedProduct& p, Block rows, Block columns, float* scratch) {
  const int64_t inner = p.other.columns;
  for (int64_t r = rows.begin; r < rows.end; r += kBlockRows) {
    const Block high{r, std::min(r + kBlockRows, rows.end)};
    for (int64_t t = 0; t < inner; t += kTerms) {
      const int64_t terms = std::min(kTerms, inner - t);
      PackLeftBlock(p.other, high.begin, high.end - high.begin, t, terms, scratch);
      MultiplyBlocks(p, high, columns, terms, scratch, kPanelRows * terms,
                     p.packed + columns.begin * inner + t * kPanelColumns, kPanelColumns * inner,
                     t == 0, t + terms == inner);
    }
  }
}

// Part number `part` of `size` elements, which are shared out by whole panels.
Block PartOf(int64_t size, int64_t panel, int part, int parts) {
  const int64_t panels = (size + panel - 1) / panel;
  return {std::min(size, panels * part / parts * panel),
          std::min(size, panels * (part + 1) / parts * panel)};
}

void Multiply(const PackedProduct& p, int part, int parts, float* scratch) {
  const bool left = p.side == ProductSide::kLeft;
  Block rows{0, left ? p.size : p.other.rows}, columns{0, left ? p.other.columns : p.size};
  // What is not packed yet should be packed by one thread alone, as long as there is enough for
  // all.
  const int64_t row_panels = (rows.end + kPanelRows - 1) / kPanelRows;
  const int64_t column_panels = (columns.end + kPanelColumns - 1) / kPanelColumns;
  const int64_t enough = 4 * int64_t{parts};
  const bool by_columns = left ? column_panels >= enough || column_panels >= row_panels
                               : row_panels < enough && column_panels > row_panels;
  if (by_columns) {
    columns = PartOf(columns.end, kPanelColumns, part, parts);
  } else {
    rows = PartOf(rows.end, kPanelRows, part, parts);
  }
  if (rows.begin >= rows.end || columns.begin >= columns.end) return;
  (left ? MultiplyPackedLeft : MultiplyPackedRight)(p, rows, columns, scratch);
}

int64_t ScratchFloats(ProductSide side) {
  return kTerms * (side == ProductSide::kLeft ? kBlockColumns + kPanelColumns : kBlockRows);
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_CORE_NUMERIC_PACKED_PRODUCT_KERNEL_H_
