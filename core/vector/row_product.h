// Products of a few float32 rows with a matrix that stays where and as it is: each of its elements
// is read once, and nothing is gained by packing it. Dense layers at batch 1 are bound by the
// memory of their weights.
#ifndef NOMOGRAPH_CORE_VECTOR_ROW_PRODUCT_H_
#define NOMOGRAPH_CORE_VECTOR_ROW_PRODUCT_H_

#include <cstdint>
#include <vector>

#include "nomograph/core/vector/packed_product.h"

namespace nomograph {

constexpr int64_t kMaxProductRows = 4;
// A matrix of so many elements is large: it takes as long to read as it takes to wake a thread.
constexpr int64_t kLargeMatrix = 1 << 19;

struct RowProduct {
  const float* rows = nullptr;  // one behind the other, each of matrix.rows elements
  int64_t num_rows = 1;         // at most kMaxProductRows
  // [inner, columns]; one of its strides is 1.
  MatrixView matrix;
  float* output = nullptr;             // [num_rows, columns]
  const float* column_bias = nullptr;  // may be null
  std::vector<VectorStep> steps;       // behind the bias, in this order
  float* sums = nullptr;               // RowSumFloats() of them, which all parts share
};

// Of a large matrix whose rows lie together each thread reads some rows, which are one stretch of
// memory, and not some columns, which are many short ones. Their sums are apart until the end.
int64_t RowSumFloats(const RowProduct& product);

// Computes part number `part` of `parts`, which together are the product, but for what
// FinishRows() does once all are computed. Parts may run side by side. Sums are in float32, in
// several interleaved ones: the same for any number of parts.
void MultiplyRows(const RowProduct& product, int part, int parts);
void FinishRows(const RowProduct& product);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_VECTOR_ROW_PRODUCT_H_
