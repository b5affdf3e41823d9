#include "nomograph/ops/quant/integer_matmul.h"

#include <algorithm>
#include <utility>

#include "nomograph/core/onednn/onednn_matmul.h"
#include "nomograph/ops/quant/linear.h"

namespace nomograph::quant {
namespace {

PartialShape BatchOf(const PartialShape& shape) {
  PartialShape batch = PartialShape::OfRank(0);
  for (int i = 0; i + 2 < shape.rank(); ++i) batch.Append(shape[i]);
  return batch;
}

PartialShape WithMatrix(PartialShape batch, const Dim& rows, const Dim& columns) {
  batch.Append(rows);
  batch.Append(columns);
  return batch;
}

// The slab of one operand, or y, as a batch of `rank` axes of matrices.
onednn::Desc MatrixDesc(DType dtype, const PartialShape& batch, int rank, int64_t rows,
                        int64_t columns) {
  Shape shape;
  for (int i = batch.rank(); i < rank; ++i) shape.Append(1);
  for (int i = 0; i < batch.rank(); ++i) shape.Append(batch[i].size());
  shape.Append(rows);
  shape.Append(columns);
  return onednn::RowMajor(dtype, shape.dims());
}

// One matrix on the right makes the whole batch on the left one matrix.
bool BuildMatMul(onednn::Builder& b) {
  const TensorSpec &x = b.context().inputs[0], &w = b.context().inputs[1];
  const auto s = GetMatMulShape(x.shape, w.shape);
  if (!s.ok()) return false;
  const bool one_matrix = s->b_batch.ToShape().num_elements() == 1;
  const int rank = one_matrix ? 0 : s->batch.rank();
  const int64_t rows = s->rows.size() * (one_matrix ? s->matrices() : 1);
  const int64_t inner = s->inner.size(), columns = s->columns.size();
  const PartialShape none = PartialShape::OfRank(0);
  const DType result = b.context().outputs[0].dtype;
  onednn::MatrixProduct product{
      .src = MatrixDesc(x.dtype, one_matrix ? none : s->a_batch, rank, rows, inner),
      .weights = MatrixDesc(w.dtype, one_matrix ? none : s->b_batch, rank, inner, columns),
      .dst = MatrixDesc(result, one_matrix ? none : s->batch, rank, rows, columns)};
  if (!TakePart(b, product)) return false;

  dnnl::primitive_attr attr = b.Attr();
  std::vector<onednn::Builder::Argument> more;
  if (b.context().has_input(2)) {
    onednn::SetZeroPoint(attr, DNNL_ARG_SRC);
    more.push_back({DNNL_ARG_ATTR_ZERO_POINTS | DNNL_ARG_SRC,
                    b.Input(2, onednn::RowMajor(DType::kInt32, {1}))});
  }
  onednn::AddMatrixProduct(b, product, attr, std::move(more));
  return true;
}

MatrixParameter ParameterOf(const PrepareContext& context, int i) {
  return context.has_input(i) ? MatrixParameter(context.inputs[i].shape) : MatrixParameter();
}

}  // namespace

PartialShape MatMulShape::Output() const {
  PartialShape shape = batch;
  if (!a_is_vector) shape.Append(rows);
  if (!b_is_vector) shape.Append(columns);
  return shape;
}

int64_t MatMulShape::MatrixOf(const PartialShape& operand_batch, int64_t matrix) const {
  int64_t result = 0, stride = 1;
  for (int i = 1; i <= operand_batch.rank(); ++i) {  // from the last axis on
    const int64_t size = batch[batch.rank() - i].size();
    const int64_t operand_size = operand_batch[operand_batch.rank() - i].size();
    if (operand_size != 1) result += matrix % size * stride;
    stride *= operand_size;
    matrix /= size;
  }
  return result;
}

absl::StatusOr<MatMulShape> GetMatMulShape(const PartialShape& a, const PartialShape& b) {
  for (const auto& [name, shape] : {std::pair("a", &a), std::pair("b", &b)}) {
    if (shape->rank() == 0) {
      return InvalidArgument("input ", name, ": expected at least 1 axis, found a scalar");
    }
  }
  MatMulShape s{.a_batch = BatchOf(a), .b_batch = BatchOf(b)};
  s.a_is_vector = a.rank() == 1;
  s.b_is_vector = b.rank() == 1;
  s.rows = s.a_is_vector ? Dim(1) : a[a.rank() - 2];
  s.columns = s.b_is_vector ? Dim(1) : b[b.rank() - 1];
  const Dim &a_inner = a[a.rank() - 1], &b_inner = b[s.b_is_vector ? 0 : b.rank() - 2];
  if (a_inner.known() && b_inner.known() && a_inner != b_inner) {
    return InvalidArgument("expected equal inner sizes of a and b, found ", a_inner.ToString(),
                           " and ", b_inner.ToString(), " in shapes ", a.ToString(), " and ",
                           b.ToString());
  }
  s.inner = a_inner.known() ? a_inner : b_inner;
  NOMO_ASSIGN_OR_RETURN(s.batch, Broadcast(s.a_batch, s.b_batch));
  return s;
}

PartialShape ShapeOfB(const PartialShape& b, bool is_transposed) {
  PartialShape shape = b;
  if (is_transposed && b.has_rank() && b.rank() >= 2) {
    std::swap(shape[b.rank() - 2], shape[b.rank() - 1]);
  }
  return shape;
}

absl::StatusOr<PartialShape> InferMatMul(const InferContext& context, const MatMulInputs& inputs) {
  const PartialShape &a = context.shape(inputs.a), &b = context.shape(inputs.b);
  if (!a.has_rank() || !b.has_rank()) return PartialShape();
  if (inputs.transpose_b && b.rank() < 2) {
    return InvalidArgument("input b: expected 2 axes or more to transpose, found shape ",
                           b.ToString());
  }
  NOMO_ASSIGN_OR_RETURN(const MatMulShape s, GetMatMulShape(a, ShapeOfB(b, inputs.transpose_b)));
  NOMO_RETURN_IF_ERROR(CheckMatrixParameter(context, inputs.a_zero_point, "a_zero_point", s.a_batch,
                                            s.rows,
                                            /*by_row=*/true));
  NOMO_RETURN_IF_ERROR(CheckMatrixParameter(context, inputs.b_zero_point, "b_zero_point", s.b_batch,
                                            s.columns, /*by_row=*/false));
  return s.Output();
}

absl::Status CheckMatrixParameter(const InferContext& context, int i, absl::string_view name,
                                  const PartialShape& batch, const Dim& size, bool by_row) {
  if (!context.has_input(i)) return absl::OkStatus();
  const PartialShape& shape = context.shape(i);
  const Dim rows = by_row ? size : Dim(1), columns = by_row ? Dim(1) : size;
  const PartialShape none = PartialShape::OfRank(0);
  const PartialShape ones(std::vector<Dim>(batch.rank(), Dim(1)));
  for (const PartialShape& fits :
       {none, PartialShape{1}, PartialShape{size}, WithMatrix(none, rows, columns),
        WithMatrix(ones, rows, columns), WithMatrix(batch, rows, columns), WithMatrix(batch, 1, 1),
        WithMatrix(ones, 1, 1)}) {
    if (Compatible(shape, fits)) return absl::OkStatus();
  }
  return InvalidArgument("input ", name, ": expected one number, shape [", size.ToString(), "] or ",
                         WithMatrix(batch, rows, columns).ToString(), ", found shape ",
                         shape.ToString());
}

MatrixParameter::MatrixParameter(const Shape& shape) {
  const int64_t count = shape.num_elements();
  int64_t of_matrix = shape.rank() == 0 ? 1 : shape[shape.rank() - 1];
  if (shape.rank() >= 2) of_matrix *= shape[shape.rank() - 2];
  step = of_matrix > 1 ? 1 : 0;
  matrix_step = count > of_matrix ? of_matrix : 0;
}

std::vector<int32_t> MatMulSums(const KernelContext& context, const MatMulInputs& inputs) {
  const MatMulShape s = *GetMatMulShape(
      context.input_shape(inputs.a), ShapeOfB(context.input_shape(inputs.b), inputs.transpose_b));
  const auto parameter = [&](int i) {
    return context.has_input(i) ? MatrixParameter(context.input_shape(i)) : MatrixParameter();
  };
  const MatrixParameter a_where = parameter(inputs.a_zero_point);
  const MatrixParameter b_where = parameter(inputs.b_zero_point);
  const auto a = IntsOf(context, inputs.a), b = IntsOf(context, inputs.b);
  const auto a_zeros = IntsOf(context, inputs.a_zero_point);
  const auto b_zeros = IntsOf(context, inputs.b_zero_point);
  const int64_t rows = s.rows.size(), inner = s.inner.size(), columns = s.columns.size();
  const int64_t b_row = inputs.transpose_b ? 1 : columns, b_column = inputs.transpose_b ? inner : 1;
  std::vector<int32_t> sums;
  for (int64_t m = 0; m < s.matrices(); ++m) {
    const int64_t a_matrix = s.MatrixOf(s.a_batch, m), b_matrix = s.MatrixOf(s.b_batch, m);
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t a_zero = a_zeros[a_where.Index(a_matrix, r)];
      for (int64_t c = 0; c < columns; ++c) {
        const int64_t b_zero = b_zeros[b_where.Index(b_matrix, c)];
        uint64_t sum = 0;
        for (int64_t k = 0; k < inner; ++k) {
          sum += (a[(a_matrix * rows + r) * inner + k] - a_zero) *
                 (b[b_matrix * inner * columns + k * b_row + c * b_column] - b_zero);
        }
        sums.push_back(static_cast<int32_t>(sum));
      }
    }
  }
  return sums;
}

ProductSpec MatMulSpec(const PrepareContext& context, const MatMulInputs& inputs) {
  constexpr int64_t kRowsForBytes = 8;
  const Shape &a = context.inputs[inputs.a].shape, &b = context.inputs[inputs.b].shape;
  const MatrixParameter a_zero = ParameterOf(context, inputs.a_zero_point);
  const MatrixParameter b_zero = ParameterOf(context, inputs.b_zero_point);
  return {.x = {.input = inputs.a,
                .zero_point = inputs.a_zero_point,
                .shape = a,
                .depth_axis = a.rank() - 1,
                .outer_group = a.rank() == 1 ? 1 : a[a.rank() - 2],
                .group_step = a_zero.matrix_step,
                .outer_step = a_zero.step},
          .w = {.input = inputs.b,
                .zero_point = inputs.b_zero_point,
                .shape = b,
                .depth_axis = std::max(b.rank() - 2, 0),
                .group_step = b_zero.matrix_step,
                .inner_step = b_zero.step},
          .y = context.outputs[0].shape,
          .may_use_bytes =
              a.num_elements() >= kRowsForBytes * a[a.rank() - 1] || (HasVnni() && b.rank() == 2),
          .is_matrix = b.rank() == 2,
          .build = BuildMatMul};
}

}  // namespace nomograph::quant
