// Products of float32 matrices of which one is constant and has been packed beforehand: dense
// layers and pointwise convolutions. oneDNN 2.6 packs both matrices at every call where there is no
// AVX-512.
//
// The scheme is that of K. Goto and R. van de Geijn, Anatomy of high-performance matrix
// multiplication, ACM TOMS 34(3), 2008: panels of a few rows of the left matrix and of a few
// vectors' columns of the right one, blocks that stay in the caches, and a loop in registers. It is
// written once, with Highway, for all vector instruction sets.
#ifndef NOMOGRAPH_CORE_VECTOR_PACKED_PRODUCT_H_
#define NOMOGRAPH_CORE_VECTOR_PACKED_PRODUCT_H_

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "nomograph/core/vector/steps.h"

namespace nomograph {

// Element (i, j) lies at data[i * row_stride + j * column_stride].
struct MatrixView {
  const float* data = nullptr;
  int64_t rows = 0, columns = 0;
  int64_t row_stride = 0, column_stride = 1;
};

// A window that slides along one axis of a plane. Place p has under tap t the element p * stride +
// t * dilation - pad_begin, or zero where the plane has none.
struct WindowSpan {
  int64_t input = 1, output = 1, taps = 1;  // elements, places, elements of the window
  int64_t stride = 1, dilation = 1;
  int64_t pad_begin = 0;  // less than 0: the first place is that far in the plane
};

// A right matrix that is nowhere written out (im2col): the elements of planes under a window. Row
// (plane * rows.taps + i) * columns.taps + j has what is under tap (i, j), column r *
// columns.output + c is the window's place (r, c). With a third axis, `depth`, a plane is a stack
// of them (the frames of a channel), one behind the other; it stands ahead of the rows everywhere.
struct WindowMatrix {
  WindowSpan rows, columns, depth = {};

  int64_t taps() const { return depth.taps * rows.taps * columns.taps; }
  int64_t places() const { return depth.output * rows.output * columns.output; }
  int64_t elements() const { return depth.input * rows.input * columns.input; }  // of a plane
  // Whether there are but two axes.
  bool flat() const { return depth.input == 1 && depth.output == 1 && depth.taps == 1; }
};

// Which of the two matrices is packed.
enum class ProductSide { kLeft, kRight };

// How many rows (kLeft) or columns (kRight) are packed together: those from a multiple of it on lie
// behind all that precede them.
int64_t PackedPanel(ProductSide side);
// How many floats PackMatrix() writes. They lie best at a multiple of 64 bytes.
int64_t PackedFloats(ProductSide side, int64_t rows, int64_t columns);
void PackMatrix(ProductSide side, const MatrixView& matrix, float* packed);

// What is done with the other matrix' rows as they are read: element x of row i is taken for
// x * factors[i]; with offsets for x * factors[i] + offsets[i], or for `least` where that is less.
struct RowMap {
  const float* factors = nullptr;  // null: nothing
  const float* offsets = nullptr;  // may be null
  float least = -std::numeric_limits<float>::infinity();
};

struct PackedProduct {
  ProductSide side;
  const float* packed = nullptr;  // by PackMatrix() on this machine
  // The other matrix; its elements along a row lie side by side (column_stride 1). The sizes of the
  // packed one follow: [rows, inner] * [inner, columns].
  MatrixView other;
  // kLeft: where it is not null, it says which elements `other` has; other.data are the planes, one
  // behind the other.
  const WindowMatrix* window = nullptr;
  RowMap map = {};   // kLeft, without a window
  int64_t size = 0;  // the packed one's rows (kLeft) or columns (kRight)
  float* output = nullptr;
  int64_t output_stride = 0;  // from row to row
  bool accumulate = false;    // the product is added to what the output holds
  // Added to each row's, each column's elements; may be null.
  const float* row_bias = nullptr;
  const float* column_bias = nullptr;
  std::vector<VectorStep> steps;  // behind the biases, in this order
};

// Memory that one thread of MultiplyPart() works in, in floats.
int64_t ProductScratchFloats(const PackedProduct& product);

// Computes part number `part` of `parts`, which together are the product. Parts may run side by
// side; each needs scratch memory of its own, aligned to 64 bytes. Sums are in float32, in blocks
// of some hundred terms: the same for any number of parts.
void MultiplyPart(const PackedProduct& product, int part, int parts, float* scratch);

// How the parts of a product share out its rows and columns.
struct ProductPart {
  int64_t row_begin = 0, row_end, column_begin = 0, column_end;
  bool by_columns = false;
  bool empty() const { return row_begin >= row_end || column_begin >= column_end; }
};

// Part number `part` of `parts`: whole panels of rows or of columns. What is not packed yet should
// be packed by one part alone, as long as there are `enough` panels of it for each.
inline ProductPart PartOf(const PackedProduct& p, int64_t panel_rows, int64_t panel_columns,
                          int64_t enough, int part, int parts) {
  const bool left = p.side == ProductSide::kLeft;
  ProductPart result{.row_end = left ? p.size : p.other.rows,
                     .column_end = left ? p.other.columns : p.size};
  const int64_t row_panels = (result.row_end + panel_rows - 1) / panel_rows;
  const int64_t column_panels = (result.column_end + panel_columns - 1) / panel_columns;
  const int64_t for_all = enough * parts;
  const bool by_columns = left ? column_panels >= for_all || column_panels >= row_panels
                               : row_panels < for_all && column_panels > row_panels;
  const auto share = [&](int64_t panels, int64_t panel, int64_t& begin, int64_t& end) {
    const int64_t size = end;
    begin = std::min(size, panels * part / parts * panel);
    end = std::min(size, panels * (part + 1) / parts * panel);
  };
  result.by_columns = by_columns;
  if (by_columns) {
    share(column_panels, panel_columns, result.column_begin, result.column_end);
  } else {
    share(row_panels, panel_rows, result.row_begin, result.row_end);
  }
  return result;
}

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_VECTOR_PACKED_PRODUCT_H_
