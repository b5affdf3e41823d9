// How the parts of a product share out its rows and columns.
#ifndef NOMOGRAPH_CORE_VECTOR_PRODUCT_PART_H_
#define NOMOGRAPH_CORE_VECTOR_PRODUCT_PART_H_

#include <algorithm>
#include <cstdint>

#include "nomograph/core/vector/packed_product.h"

namespace nomograph {

struct ProductPart {
  int64_t row_begin = 0, row_end, column_begin = 0, column_end;
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
  if (by_columns) {
    share(column_panels, panel_columns, result.column_begin, result.column_end);
  } else {
    share(row_panels, panel_rows, result.row_begin, result.row_end);
  }
  return result;
}

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_VECTOR_PRODUCT_PART_H_
