// Products of float32 rows with a constant matrix whose elements are stored in 16, 8 or 4 bits.
// They become float32 in registers, where a few rows are multiplied, or a block at a time that
// stays in the caches; the whole matrix is nowhere expanded. A product of a few rows is bound by
// the memory that its matrix takes.
#ifndef NOMOGRAPH_CORE_NARROW_NARROW_PRODUCT_H_
#define NOMOGRAPH_CORE_NARROW_NARROW_PRODUCT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "nomograph/core/narrow/bfloat16_product.h"
#include "nomograph/core/vector/packed_product.h"
#include "nomograph/core/vector/steps.h"

namespace nomograph {

// Integers are signed.
enum class NarrowType { kFloat16, kBFloat16, kInt8, kInt4 };

// Integers come in whole words of so many terms at most.
constexpr int64_t kNarrowGroup = 8;

// A matrix [rows, columns]; its rows are the terms of each product. A float element is what it is;
// an integer q stands for (q - zero) * scale, with a scale and a zero for each column and each
// block of rows.
struct NarrowMatrix {
  NarrowType type = NarrowType::kFloat16;
  int64_t rows = 0, columns = 0;
  // Of integers: so many rows share a scale; a multiple of kNarrowGroup unless it is `rows` or
  // more. The last block may have fewer.
  int64_t block = 0;
  // By PackNarrow() and PackParameters() on this machine. No zeros: each is 0.
  const std::byte* packed = nullptr;
  const float* scales = nullptr;
  const float* zeros = nullptr;

  bool is_integer() const { return type == NarrowType::kInt8 || type == NarrowType::kInt4; }
  // Of the scales along the rows; 1 for floats.
  int64_t blocks() const { return is_integer() && block < rows ? (rows + block - 1) / block : 1; }
};

// The type that holds each of `count` float32 numbers as it is; none where there is no such type.
std::optional<NarrowType> ExactNarrowType(const float* numbers, int64_t count);

// How many bytes PackNarrow() writes. They lie best at a multiple of 64 bytes.
int64_t NarrowBytes(const NarrowMatrix& matrix);
// `from` has the matrix's sizes, and numbers that its type holds.
void PackNarrow(const NarrowMatrix& matrix, const MatrixView& from, std::byte* packed);
// REQUIRES: the type is kBFloat16.
void PackNarrow(const NarrowMatrix& matrix, const BFloat16View& from, std::byte* packed);
// Element (i, j) lies at data[i * row_stride + j * column_stride], a byte each. Bytes that are
// unsigned are moved into the signed range by what `minus` says.
struct ByteMatrixView {
  const std::byte* data = nullptr;
  int64_t row_stride = 0, column_stride = 1;
  int minus = 0;
};
void PackNarrow(const NarrowMatrix& matrix, const ByteMatrixView& from, std::byte* packed);

// How many floats PackParameters() writes of scales or zeros.
int64_t NarrowParameters(const NarrowMatrix& matrix);
// `from` is [blocks, columns]; its strides may be 0.
void PackParameters(const NarrowMatrix& matrix, const MatrixView& from, float* packed);

struct NarrowProduct {
  const float* rows = nullptr;  // [num_rows, matrix.rows]
  int64_t num_rows = 1;
  NarrowMatrix matrix;
  float* output = nullptr;             // [num_rows, matrix.columns]
  const float* column_bias = nullptr;  // may be null
  std::vector<VectorStep> steps;       // behind the bias, in this order
};

// Memory that one thread of MultiplyNarrow() works in, in floats.
int64_t NarrowScratchFloats(const NarrowProduct& product);

// Computes part number `part` of `parts`, which together are the product. Parts may run side by
// side; each needs scratch memory of its own, aligned to 64 bytes. Sums are in float32, in blocks:
// the same for any number of parts.
void MultiplyNarrow(const NarrowProduct& product, int part, int parts, float* scratch);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_NARROW_NARROW_PRODUCT_H_
