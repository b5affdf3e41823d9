// The loops of packed_product.cc, which includes this file once for each instruction set.
#if defined(NOMOGRAPH_CORE_VECTOR_PACKED_PRODUCT_KERNEL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_VECTOR_PACKED_PRODUCT_KERNEL_H_
#undef NOMOGRAPH_CORE_VECTOR_PACKED_PRODUCT_KERNEL_H_
#else
#define NOMOGRAPH_CORE_VECTOR_PACKED_PRODUCT_KERNEL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "hwy/highway.h"
#include "nomograph/core/vector/packed_product.h"
#include "nomograph/core/vector/panel_product.h"
#include "nomograph/core/vector/window_row.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph {
namespace HWY_NAMESPACE {

int64_t PanelSize(ProductSide side) {
  return side == ProductSide::kLeft ? kPanelRows : kPanelColumns;
}

// Element (i, t) of a panel's rows (columns) lies at from[i * stride + t * term_stride]. Writes
// those of the first terms that stand in whole vectors, and returns how many terms these are.
int64_t PackVectors(const float* from, int64_t stride, int64_t term_stride, int64_t panel,
                    int64_t terms, float* packed) {
  if (stride == 1 && panel % kLanes == 0) {
    const D d;
    for (int64_t t = 0; t < terms; ++t, from += term_stride, packed += panel) {
      for (int64_t i = 0; i < panel; i += kLanes) hn::StoreU(hn::LoadU(d, from + i), d, packed + i);
    }
    return terms;
  }
  int64_t t = 0;
#if HWY_TARGET != HWY_SCALAR
  // Squares of four rows and four terms, turned, a cache's line of each row at a time: rows may lie
  // so that lines of all of them push each other out. The last rows reach back where four do not
  // divide the panel.
  constexpr int64_t kSquare = 4, kLine = 16;
  const hn::FixedTag<float, kSquare> d;
  if (term_stride != 1 || panel < kSquare) return 0;
  for (; t + kLine <= terms; t += kLine, from += kLine, packed += kLine * panel) {
    for (int64_t i = 0; i < panel; i += kSquare) {
      const int64_t row = std::min(i, panel - kSquare);
      for (int64_t k = 0; k < kLine; k += kSquare) {
        hn::Vec<decltype(d)> square[kSquare];
#pragma GCC unroll 4
        for (int64_t r = 0; r < kSquare; ++r) {
          square[r] = hn::LoadU(d, from + (row + r) * stride + k);
        }
        Turn(d, square);
#pragma GCC unroll 4
        for (int64_t r = 0; r < kSquare; ++r) {
          hn::StoreU(square[r], d, packed + (k + r) * panel + row);
        }
      }
    }
  }
#endif
  return t;
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
    const float* from = m.data + first * stride;
    int64_t t = 0;
    if (count == panel) t = PackVectors(from, stride, term_stride, panel, terms, packed);
    from += t * term_stride;
    packed += t * panel;
    for (; t < terms; ++t, from += term_stride) {
      for (int64_t i = 0; i < panel; ++i) *packed++ = i < count ? from[i * stride] : 0.0f;
    }
  }
}

// Terms [term, term + terms) and columns [first, first + columns) of the right matrix, fewer than a
// panel has, as a panel; `map` is the terms'.
template <MapKind kMap>
void PackMappedPanel(const MatrixView& m, const RowMap& map, int64_t term, int64_t terms,
                     int64_t first, int64_t columns, float* HWY_RESTRICT packed) {
  if (columns == 0) return;
  const D d;
  for (int64_t t = 0; t < terms; ++t, packed += kPanelColumns) {
    const float* from = m.data + (term + t) * m.row_stride + first;
    const auto store = [&](int64_t c, V x)
                           HWY_ATTR { hn::Store(Mapped<kMap>(map, t, x), d, packed + c); };
    int64_t c = 0;
    for (; c + kLanes <= columns; c += kLanes) store(c, hn::LoadU(d, from + c));
    if (c < columns) store(c, LoadFirst(from + c, columns - c));
  }
}
void PackRightPanel(const MatrixView& m, const RowMap& map, int64_t term, int64_t terms,
                    int64_t first, int64_t columns, float* HWY_RESTRICT packed) {
  constexpr decltype(&PackMappedPanel<MapKind::kNone>) kByKind[] = {
      PackMappedPanel<MapKind::kNone>, PackMappedPanel<MapKind::kFactors>,
      PackMappedPanel<MapKind::kAll>};
  kByKind[static_cast<int>(KindOf(map))](m, map, term, terms, first, columns, packed);
}

// As many panels as there are, of a WindowMatrix.
void PackWindowBlock(const WindowMatrix& w, const float* planes, int64_t term, int64_t terms,
                     int64_t first, int64_t columns, float* HWY_RESTRICT packed) {
  const D d;
  alignas(64) float line[kBlockColumns + kPanelColumns] = {};
  for (int64_t t = 0; t < terms; ++t) {
    WindowRow(w, planes, term + t, first, columns, line);
    float* to = packed + t * kPanelColumns;
    for (int64_t c = 0; c < columns; c += kPanelColumns, to += terms * kPanelColumns) {
      hn::Store(hn::Load(d, line + c), d, to);
      hn::Store(hn::Load(d, line + c + kLanes), d, to + kLanes);
    }
  }
}

void MultiplyPackedLeft(const PackedProduct& p, Block rows, Block columns, float* scratch) {
  const int64_t inner = p.other.rows;
  for (Block wide{columns.begin, 0}; wide.begin < columns.end; wide.begin = wide.end) {
    // A last panel joins the block in front of it: a block alone would have the left matrix read.
    const bool ends = columns.end - wide.begin <= kBlockColumns + kPanelColumns;
    wide.end = ends ? columns.end : wide.begin + kBlockColumns;
    for (int64_t t = 0; t < inner; t += kTerms) {
      const int64_t terms = std::min(kTerms, inner - t);
      const int64_t width = wide.end - wide.begin;
      UnpackedColumns unpacked;
      if (p.window != nullptr) {
        PackWindowBlock(*p.window, p.other.data, t, terms, wide.begin, width, scratch);
      } else {
        // Whole panels are packed where they are first multiplied.
        unpacked = {p.other.data + t * p.other.row_stride + wide.begin, p.other.row_stride, scratch,
                    MapFrom(p.map, t)};
        const int64_t whole = width / kPanelColumns * kPanelColumns;
        PackRightPanel(p.other, unpacked.map, t, terms, wide.begin + whole, width - whole,
                       scratch + whole * terms);
      }
      MultiplyBlocks(p, rows, wide, terms, p.packed + rows.begin * inner + t * kPanelRows,
                     kPanelRows * inner, scratch, kPanelColumns * terms, t == 0 && !p.accumulate,
                     t + terms == inner, unpacked);
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
                     t == 0 && !p.accumulate, t + terms == inner);
    }
  }
}

// Where a part of a left product that is shared out by columns begins: at a panel of columns, of
// which the part before has the rows ahead of `row`.
struct PartBegin {
  int64_t column = 0, row = 0;
};
PartBegin BeginOfPart(const PackedProduct& p, int part, int parts) {
  if (part == 0) return {};
  if (part == parts) return {p.other.columns, 0};
  constexpr int64_t kVectors = kPanelColumns / kLanes;
  const int64_t row_panels = (p.size + kPanelRows - 1) / kPanelRows;
  // In vectors, those of all row panels. A few columns behind the last one take little time.
  const int64_t vectors = (p.other.columns + kLanes - 1 - kFewColumns) / kLanes;
  const int64_t at = vectors * row_panels * part / parts, panel = at / (kVectors * row_panels);
  const int64_t width = std::min(kVectors, vectors - panel * kVectors);
  if (width == 0) return {p.other.columns, 0};
  const int64_t row = (at - panel * kVectors * row_panels) / width;
  // A few rows are not worth to pack the columns for.
  constexpr int64_t kFewPanels = 8;
  const bool shared = row >= kFewPanels && row_panels - row >= kFewPanels;
  const bool behind = !shared && 2 * row > row_panels;
  return {std::min((panel + (behind ? 1 : 0)) * kPanelColumns, p.other.columns),
          shared ? row * kPanelRows : 0};
}

void MultiplySharedColumns(const PackedProduct& p, int part, int parts, float* scratch) {
  PartBegin begin = BeginOfPart(p, part, parts);
  const PartBegin end = BeginOfPart(p, part + 1, parts);
  const auto multiply = [&](Block rows, Block columns) {
    columns.end = std::min(columns.end, p.other.columns);
    if (columns.begin < columns.end && rows.begin < rows.end) {
      MultiplyPackedLeft(p, rows, columns, scratch);
    }
  };
  if (begin.row > 0) {
    const int64_t last = begin.column == end.column ? end.row : p.size;
    multiply({begin.row, last}, {begin.column, begin.column + kPanelColumns});
    if (begin.column == end.column) return;
    begin.column += kPanelColumns;
  }
  multiply({0, p.size}, {begin.column, end.column});
  multiply({0, end.row}, {end.column, end.column + kPanelColumns});
}

void Multiply(const PackedProduct& p, int part, int parts, float* scratch) {
  const ProductPart share = PartOf(p, kPanelRows, kPanelColumns, /*enough=*/4, part, parts);
  if (p.side == ProductSide::kLeft && parts > 1 && share.by_columns) {
    return MultiplySharedColumns(p, part, parts, scratch);
  }
  if (share.empty()) return;
  const Block rows{share.row_begin, share.row_end}, columns{share.column_begin, share.column_end};
  (p.side == ProductSide::kLeft ? MultiplyPackedLeft : MultiplyPackedRight)(p, rows, columns,
                                                                            scratch);
}

int64_t ScratchFloats(ProductSide side) {
  return kTerms * (side == ProductSide::kLeft ? kBlockColumns + kPanelColumns : kBlockRows);
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_CORE_VECTOR_PACKED_PRODUCT_KERNEL_H_
