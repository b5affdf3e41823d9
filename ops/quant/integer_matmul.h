// What the matrix products of integers, MatMulInteger and QLinearMatMul, share.
#ifndef NOMOGRAPH_OPS_QUANT_INTEGER_MATMUL_H_
#define NOMOGRAPH_OPS_QUANT_INTEGER_MATMUL_H_

#include <vector>

#include "nomograph/core/op/op.h"
#include "nomograph/ops/quant/integer_product.h"

namespace nomograph::quant {

// y[batch..., rows, columns] = a[batch..., rows, inner] b[batch..., inner,
// columns]. A vector has its one axis as `inner`; the axis that it lacks has
// size 1 here, and y lacks it too.
struct MatMulShape {
  PartialShape a_batch, b_batch, batch;
  Dim rows, inner, columns;
  bool a_is_vector = false, b_is_vector = false;

  PartialShape Output() const;
  // Numbers of a concrete shape.
  int64_t matrices() const { return batch.ToShape().num_elements(); }
  // The matrix of an operand, with that batch, that belongs to a matrix of y.
  int64_t MatrixOf(const PartialShape& operand_batch, int64_t matrix) const;
};

// REQUIRES: both have a rank. InvalidArgument when they do not fit each other.
absl::StatusOr<MatMulShape> GetMatMulShape(const PartialShape& a, const PartialShape& b);

// The inputs with the operands and their zero points, which may be absent.
struct MatMulInputs {
  int a, a_zero_point, b, b_zero_point;
  bool transpose_b = false;  // b is [batch..., columns, inner]
};
// The shape of b as it is, or would be if it were not transposed.
PartialShape ShapeOfB(const PartialShape& b, bool is_transposed);

// The shape of y, unknown where a's or b's rank is. InvalidArgument when the
// shapes of operands or zero points do not fit.
absl::StatusOr<PartialShape> InferMatMul(const InferContext& context, const MatMulInputs& inputs);
// InvalidArgument unless input i, where it is there, is one number, or has one
// for each row (of a or y: `by_row`) or column (of b) of a matrix [batch...,
// rows, columns]: a vector, or an array like the matrix with 1 in place of the
// other axis.
absl::Status CheckMatrixParameter(const InferContext& context, int i, absl::string_view name,
                                  const PartialShape& batch, const Dim& size, bool by_row);

// Where the number for a row or column of a matrix of the operand is in such an
// input, or in the one number that stands for an absent one.
struct MatrixParameter {
  int64_t matrix_step = 0, step = 0;
  explicit MatrixParameter(const Shape& shape);
  MatrixParameter() = default;
  int64_t Index(int64_t matrix, int64_t index) const { return matrix * matrix_step + index * step; }
};

// The sums of the products, modulo 2^32, by the definition.
std::vector<int32_t> MatMulSums(const KernelContext& context, const MatMulInputs& inputs);
// For PrepareProduct().
ProductSpec MatMulSpec(const PrepareContext& context, const MatMulInputs& inputs);

}  // namespace nomograph::quant

#endif  // NOMOGRAPH_OPS_QUANT_INTEGER_MATMUL_H_
