// What layer normalisation and its gradient share: rows that span the axes from one on.
#ifndef NOMOGRAPH_OPS_NN_NORM_ROWS_H_
#define NOMOGRAPH_OPS_NN_NORM_ROWS_H_

#include "nomograph/core/types/attributes.h"
#include "nomograph/core/types/tensor.h"

namespace nomograph::nn {

struct Rows {
  int64_t count = 1, size = 1;
};

// REQUIRES: the attribute axis is one of x's.
inline Rows GetRows(const Shape& x, const Attributes& attrs) {
  const int axis = *NormalizeAxis(attrs.Int("axis"), x.rank());
  Rows rows;
  for (int i = 0; i < x.rank(); ++i) (i < axis ? rows.count : rows.size) *= x[i];
  return rows;
}

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_NORM_ROWS_H_
