// math.MatMul: products of matrices, and of batches of them.
#include "nomograph/core/form/form.h"
#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/onednn/onednn_matmul.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/math/bfloat16_kernel.h"
#include "nomograph/ops/math/packed_kernel.h"
#include "nomograph/ops/math/rounding_kernel.h"

namespace nomograph {
namespace {

// y[batch..., rows, columns] = a[batch..., rows, inner] b[batch..., inner, columns], after
// transposing. A vector has its one axis as `inner`; the axis that it lacks has size 1 here, and y
// lacks it too.
struct MatMulShape {
  PartialShape a_batch, b_batch, batch;
  Dim rows, inner, columns;
  bool a_is_vector, b_is_vector;

  PartialShape Output() const {
    PartialShape shape = batch;
    if (!a_is_vector) shape.Append(rows);
    if (!b_is_vector) shape.Append(columns);
    return shape;
  }
};

// REQUIRES: shape.has_rank().
absl::Status CheckOperand(absl::string_view name, const PartialShape& shape, bool transposed) {
  if (shape.rank() < (transposed ? 2 : 1)) {
    return InvalidArgument("input ", name, ": expected ",
                           transposed ? "at least 2 axes to transpose" : "at least 1 axis",
                           ", found shape ", shape.ToString());
  }
  return absl::OkStatus();
}

PartialShape BatchOf(const PartialShape& shape) {
  PartialShape batch = PartialShape::OfRank(0);
  for (int i = 0; i + 2 < shape.rank(); ++i) batch.Append(shape[i]);
  return batch;
}

// REQUIRES: both shapes have a rank.
absl::StatusOr<MatMulShape> GetMatMulShape(const Attributes& attrs, const PartialShape& a,
                                           const PartialShape& b) {
  const bool transpose_a = attrs.Bool("transpose_a");
  const bool transpose_b = attrs.Bool("transpose_b");
  NOMO_RETURN_IF_ERROR(CheckOperand("a", a, transpose_a));
  NOMO_RETURN_IF_ERROR(CheckOperand("b", b, transpose_b));
  MatMulShape s{.a_batch = BatchOf(a), .b_batch = BatchOf(b)};
  s.a_is_vector = a.rank() == 1;
  s.b_is_vector = b.rank() == 1;
  s.rows = s.a_is_vector ? Dim(1) : a[a.rank() - (transpose_a ? 1 : 2)];
  s.columns = s.b_is_vector ? Dim(1) : b[b.rank() - (transpose_b ? 2 : 1)];
  const Dim& a_inner = a[a.rank() - (transpose_a ? 2 : 1)];
  const Dim& b_inner = s.b_is_vector ? b[0] : b[b.rank() - (transpose_b ? 1 : 2)];
  if (a_inner.known() && b_inner.known() && a_inner != b_inner) {
    return InvalidArgument("expected equal inner sizes of a and b, found ", a_inner.ToString(),
                           " and ", b_inner.ToString(), " in shapes ", a.ToString(),
                           transpose_a ? " (transposed) and " : " and ", b.ToString(),
                           transpose_b ? " (transposed)" : "");
  }
  s.inner = a_inner.known() ? a_inner : b_inner;
  NOMO_ASSIGN_OR_RETURN(s.batch, Broadcast(s.a_batch, s.b_batch));
  return s;
}

absl::StatusOr<std::vector<TensorType>> InferMatMul(const InferContext& context) {
  PartialShape output;
  if (context.shape(0).has_rank() && context.shape(1).has_rank()) {
    NOMO_ASSIGN_OR_RETURN(const MatMulShape shape,
                          GetMatMulShape(context.attrs(), context.shape(0), context.shape(1)));
    output = shape.Output();
  }
  return std::vector<TensorType>{{context.dtype(0), output}};
}

// The number of the operand's matrix that belongs to matrix `index` of the output.
int64_t MatrixIndex(const PartialShape& batch, const PartialShape& operand_batch, int64_t index) {
  int64_t result = 0, stride = 1;
  for (int i = 1; i <= operand_batch.rank(); ++i) {  // from the last axis on
    const int64_t size = batch[batch.rank() - i].size();
    const int64_t operand_size = operand_batch[operand_batch.rank() - i].size();
    if (operand_size != 1) result += index % size * stride;
    stride *= operand_size;
    index /= size;
  }
  return result;
}

// Integers are multiplied and summed modulo 2^64, so that they wrap around without undefined
// behaviour.
template <typename T>
using Sum = std::conditional_t<std::is_integral_v<T>, uint64_t, double>;

template <typename T>
void MatMulReference(const MatMulShape& s, bool transpose_a, bool transpose_b, const T* a,
                     const T* b, T* y) {
  const int64_t rows = s.rows.size(), inner = s.inner.size(), columns = s.columns.size();
  const int64_t a_row = transpose_a ? 1 : inner, a_inner = transpose_a ? rows : 1;
  const int64_t b_inner = transpose_b ? 1 : columns, b_column = transpose_b ? inner : 1;
  const int64_t matrices = s.batch.ToShape().num_elements();
  for (int64_t i = 0; i < matrices; ++i) {
    const T* a_matrix = a + MatrixIndex(s.batch, s.a_batch, i) * rows * inner;
    const T* b_matrix = b + MatrixIndex(s.batch, s.b_batch, i) * inner * columns;
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < columns; ++c) {
        Sum<T> sum = 0;
        for (int64_t k = 0; k < inner; ++k) {
          sum += static_cast<Sum<T>>(a_matrix[r * a_row + k * a_inner]) *
                 static_cast<Sum<T>>(b_matrix[k * b_inner + c * b_column]);
        }
        *y++ = static_cast<T>(sum);
      }
    }
  }
}

absl::Status MatMulCompute(KernelContext& context) {
  NOMO_ASSIGN_OR_RETURN(
      const MatMulShape shape,
      GetMatMulShape(context.attrs(), context.input_shape(0), context.input_shape(1)));
  Dispatch(NumberTypes{}, context.input_dtype(0), [&]<typename T>() {
    MatMulReference<T>(shape, context.attrs().Bool("transpose_a"),
                       context.attrs().Bool("transpose_b"), context.input<T>(0).data(),
                       context.input<T>(1).data(), context.output<T>(0).data());
  });
  return absl::OkStatus();
}

// A stored matrix, or a batch of them whose rank is made `batch_rank` by axes of size 1.
onednn::Desc MatrixDesc(DType dtype, const PartialShape& batch, int batch_rank, int64_t rows,
                        int64_t columns, bool transposed) {
  Shape shape;
  for (int i = batch.rank(); i < batch_rank; ++i) shape.Append(1);
  for (int i = 0; i < batch.rank(); ++i) shape.Append(batch[i].size());
  std::vector<int> axes;
  for (int i = 0; i < batch_rank; ++i) axes.push_back(i);
  shape.Append(transposed ? columns : rows);
  shape.Append(transposed ? rows : columns);
  axes.push_back(batch_rank + (transposed ? 1 : 0));
  axes.push_back(batch_rank + (transposed ? 0 : 1));
  return onednn::Permuted(dtype, shape, axes);
}

// Describes an operand that broadcasts to the output, with the axes that the primitive gives its
// output: none is missing, and where `one_matrix` all but the last are one.
bool OperandDesc(const MatMulShape& s, bool one_matrix, const TensorSpec& operand,
                 onednn::Desc& desc) {
  Shape dims = operand.shape;
  auto insert_axis = [&](int from_end) {
    Shape longer;
    for (int i = 0; i <= dims.rank(); ++i) {
      if (i == std::max(0, dims.rank() - from_end)) longer.Append(1);
      if (i < dims.rank()) longer.Append(dims[i]);
    }
    dims = longer;
  };
  if (s.b_is_vector) insert_axis(0);
  if (s.a_is_vector) insert_axis(1);
  while (dims.rank() < s.batch.rank() + 2) insert_axis(dims.rank());
  if (one_matrix) {
    const int64_t rows = s.batch.ToShape().num_elements() * s.rows.size();
    const int64_t columns = dims[dims.rank() - 1];
    const int64_t operand_rows = operand.shape.num_elements() / columns;
    if (operand_rows != rows && operand_rows != 1) return false;
    dims = Shape{operand_rows, columns};
  }
  desc = onednn::RowMajor(operand.dtype, dims.dims());
  return true;
}

// One matrix on the right makes the whole batch on the left one matrix: a dense layer on any number
// of axes.
bool BuildMatMul(onednn::Builder& b) {
  const PrepareContext& context = b.context();
  if (!onednn::MultipliesInputs(context)) return false;
  const auto s = GetMatMulShape(context.attrs, context.inputs[0].shape, context.inputs[1].shape);
  if (!s.ok() || !TakesForm("oneDNN product", true)) return false;
  const bool transpose_a = context.attrs.Bool("transpose_a");
  const bool transpose_b = context.attrs.Bool("transpose_b");
  const bool one_matrix = !transpose_a && s->b_batch.ToShape().num_elements() == 1;

  const int rank = one_matrix ? 0 : s->batch.rank();
  const int64_t rows = s->rows.size() * (one_matrix ? s->batch.ToShape().num_elements() : 1);
  const int64_t inner = s->inner.size(), columns = s->columns.size();
  const PartialShape none = PartialShape::OfRank(0);
  const DType dtype = context.inputs[0].dtype;
  onednn::MatrixProduct product{
      .src = MatrixDesc(dtype, one_matrix ? none : s->a_batch, rank, rows, inner, transpose_a),
      .weights =
          MatrixDesc(dtype, one_matrix ? none : s->b_batch, rank, inner, columns, transpose_b),
      .dst = MatrixDesc(context.outputs[0].dtype, one_matrix ? none : s->batch, rank, rows, columns,
                        false)};
  if (!TakePart(b, product)) return false;
  if (!b.PostNodeOps([&](const TensorSpec& operand, onednn::Desc& desc) {
        return OperandDesc(*s, one_matrix, operand, desc);
      })) {
    return false;
  }
  onednn::AddMatrixProduct(b, product, b.Attr());
  return true;
}

// A dense layer on any number of axes: rows by a constant matrix.
std::optional<PackedNode> DescribePacked(const PrepareContext& context) {
  const Tensor& b = context.constants[1];
  if (!b.valid() || context.attrs.Bool("transpose_a") || b.shape().rank() != 2) {
    return std::nullopt;
  }
  const auto s = GetMatMulShape(context.attrs, context.inputs[0].shape, context.inputs[1].shape);
  if (!s.ok()) return std::nullopt;
  const bool transposed = context.attrs.Bool("transpose_b");
  const int64_t inner = s->inner.size(), columns = s->columns.size();
  return PackedNode{
      .side = ProductSide::kRight,
      .constant = {FloatsOf(b), inner, columns, transposed ? 1 : columns, transposed ? inner : 1},
      .other_size = context.inputs[0].shape.num_elements() / std::max<int64_t>(inner, 1)};
}

// Products of matrices that may both differ from run to run.
std::optional<FactorsNode> DescribeFactors(const PrepareContext& context) {
  const auto s = GetMatMulShape(context.attrs, context.inputs[0].shape, context.inputs[1].shape);
  if (!s.ok()) return std::nullopt;
  const bool transpose_a = context.attrs.Bool("transpose_a");
  const bool transpose_b = context.attrs.Bool("transpose_b");
  const int64_t batch = s->batch.ToShape().num_elements();
  const bool one_matrix = !transpose_a && s->b_batch.ToShape().num_elements() == 1;
  const int64_t rows = s->rows.size() * (one_matrix ? batch : 1);
  const int64_t inner = s->inner.size(), columns = s->columns.size();
  const auto factor = [](int64_t height, int64_t width, bool transposed) {
    const MatrixView view{nullptr, height, width, transposed ? 1 : width, transposed ? height : 1};
    return FactorsNode::Factor{view, {0}};
  };
  FactorsNode node{factor(rows, inner, transpose_a), factor(inner, columns, transpose_b)};
  if (one_matrix) return node;
  node.left.numbers.clear();
  node.right.numbers.clear();
  for (int64_t i = 0; i < batch; ++i) {
    node.left.numbers.push_back(MatrixIndex(s->batch, s->a_batch, i));
    node.right.numbers.push_back(MatrixIndex(s->batch, s->b_batch, i));
  }
  return node;
}

Value Product(const Value& a, bool transpose_a, const Value& b, bool transpose_b) {
  return Call("math.MatMul", {a, b}, {{"transpose_a", transpose_a}, {"transpose_b", transpose_b}});
}

Value Unsqueeze(const Value& x, int64_t axis) {
  return Call("array.Unsqueeze", {x}, {{"axes", std::vector<int64_t>{axis}}});
}

// All axes but the last as one.
Value Rows(const Value& x) { return Call("array.Flatten", {x}, {{"axis", -1}}); }

// The gradient of b as it is after transposing. That of one matrix for all batches is one product
// of long matrices; else it is that of each batch, to be summed.
Value SecondGradient(const Value& a, bool transpose_a, const Value& b, bool transpose_b,
                     const Value& dy) {
  const bool one_matrix = b.shape().rank() == 2 && a.shape().rank() != 2 && !transpose_a;
  const Value left = one_matrix ? Rows(a) : a, right = one_matrix ? Rows(dy) : dy;
  return SumTo(transpose_b ? Product(right, true, left, transpose_a)
                           : Product(left, !transpose_a, right, false),
               b);
}

// dA = dY B^T and dB = A^T dY, each transposed as the operand is. A vector is a matrix of one row
// or column meanwhile. Operands of unknown rank are taken for matrices.
absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  const bool transpose_a = g.attrs().Bool("transpose_a");
  const bool transpose_b = g.attrs().Bool("transpose_b");
  Value a = g.input(0), b = g.input(1), dy = g.gradient(0);
  const bool a_is_vector = a.shape().rank() == 1, b_is_vector = b.shape().rank() == 1;
  if (a_is_vector && b_is_vector) return std::vector<Value>{dy * b, dy * a};
  if (a_is_vector) {
    a = Unsqueeze(a, 0);
    dy = Unsqueeze(dy, -2);
  } else if (b_is_vector) {
    b = Unsqueeze(b, 1);
    dy = Unsqueeze(dy, -1);
  }
  std::vector<Value> result(2);
  if (g.wants(0)) {
    const Value da =
        transpose_a ? Product(b, transpose_b, dy, true) : Product(dy, false, b, !transpose_b);
    result[0] = SumTo(da, a);
    if (a_is_vector) result[0] = ReshapeLike(result[0], g.input(0));
  }
  if (g.wants(1)) {
    result[1] = SecondGradient(a, transpose_a, b, transpose_b, dy);
    if (b_is_vector) result[1] = ReshapeLike(result[1], g.input(1));
  }
  return result;
}

std::vector<Example> MatMulExamples() {
  const Tensor a = Tensor::Of<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor b = Tensor::Of<float>({3, 2}, {1, -1, 0, 2, 0.5, 4});
  const Tensor y = Tensor::Of<float>({2, 2}, {2.5, 15, 7, 30});
  return {
      {.name = "matrices", .inputs = {a, b}, .outputs = {y}},
      {.name = "both transposed",
       .attrs = {{"transpose_a", true}, {"transpose_b", true}},
       .inputs = {Tensor::Of<float>({3, 2}, {1, 4, 2, 5, 3, 6}),
                  Tensor::Of<float>({2, 3}, {1, 0, 0.5, -1, 2, 4})},
       .outputs = {y}},
      {.name = "batches broadcast",
       .inputs = {Tensor::Of<float>({2, 1, 1, 2}, {1, 2, 3, 4}),
                  Tensor::Of<float>({3, 2, 1}, {1, 0, 0, 1, -1, 10})},
       .outputs = {Tensor::Of<float>({2, 3, 1, 1}, {1, 2, 19, 3, 4, 37})}},
      {.name = "batch by matrix",
       .inputs = {Tensor::Of<float>({2, 2, 3}, {1, 2, 3, 4, 5, 6, 0, 0, 1, 1, 1, 1}), b},
       .outputs = {Tensor::Of<float>({2, 2, 2}, {2.5, 15, 7, 30, 0.5, 4, 1.5, 5})}},
      {.name = "batch transposed by matrix",
       .attrs = {{"transpose_a", true}},
       .inputs = {Tensor::Of<float>({2, 3, 1}, {1, 2, 3, 4, 5, 6}), b},
       .outputs = {Tensor::Of<float>({2, 1, 2}, {2.5, 15, 7, 30})}},
      {.name = "vector by matrix",
       .inputs = {Tensor::Vector<float>({1, 2, 3}), b},
       .outputs = {Tensor::Vector<float>({2.5, 15})}},
      {.name = "batch by vector",
       .inputs = {Tensor::Of<float>({2, 1, 3}, {1, 2, 3, 4, 5, 6}),
                  Tensor::Vector<float>({1, 0, -1})},
       .outputs = {Tensor::Of<float>({2, 1}, {-2, -2})}},
      {.name = "vectors",
       .inputs = {Tensor::Vector<float>({1, 2, 3}), Tensor::Vector<float>({4, 5, 6})},
       .outputs = {Tensor::Scalar<float>(32)}},
      {.name = "nothing to sum",
       .inputs = {Tensor(DType::kFloat32, {2, 0}), Tensor(DType::kFloat32, {0, 1})},
       .outputs = {Tensor::Of<float>({2, 1}, {0, 0})}},
      {.name = "int8 wraps around",
       .inputs = {Tensor::Of<int8_t>({1, 2}, {100, -3}), Tensor::Of<int8_t>({2, 1}, {2, 5})},
       .outputs = {Tensor::Of<int8_t>({1, 1}, {-71})}},
      {.name = "float16 is summed in double",
       .inputs = {Tensor::Of<Half>({1, 3}, {Half(2048.0f), Half(1.0f), Half(-2048.0f)}),
                  Tensor::Of<Half>({3, 1}, {Half(1.0f), Half(1.0f), Half(1.0f)})},
       .outputs = {Tensor::Of<Half>({1, 1}, {Half(1.0f)})}},
  };
}

std::optional<QuantizedInputs> QuantizedMatMul(const InferContext& node) {
  if (node.constant(1) == nullptr) return QuantizedInputs{.activations = {0, 1}};
  const PartialShape& b = node.shape(1);
  if (!b.has_rank() || b.rank() < 2) return std::nullopt;
  const int last = b.rank() - 1;
  return QuantizedInputs{.activations = {0},
                         .weight = 1,
                         .channels = node.attrs().Bool("transpose_b") ? last - 1 : last};
}

NOMO_REGISTER_OP(
    OpDef("math.MatMul", 1)
        .Doc("The matrix product y[..., i, j] = sum over k of a[..., i, k] * b[..., k, j].\n\n"
             "The last two axes are the matrices'; the axes ahead of them are batches and "
             "broadcast as NumPy's do. An operand with one axis is a vector: a is then one row, b "
             "one column, and y lacks that axis. Two vectors yield a scalar. Integers wrap around. "
             "It is an error when the inner sizes differ, the batches do not broadcast, or an "
             "operand is a scalar.")
        .Source("ONNX MatMul; numpy.matmul; tf.linalg.matmul for transpose_a and transpose_b")
        .Known({.as = "onnx", .name = "MatMul"})
        .TypeVar("T", kNumbers)
        .Input("a", "T", "[batch..., M, K], or [K]; [batch..., K, M] with transpose_a")
        .Input("b", "T", "[batch..., K, N], or [K]; [batch..., N, K] with transpose_b")
        .Output("y", "T", "[batch..., M, N] without the axes that a vector lacks")
        .Attr("transpose_a", false, "swaps the last two axes of a, which must have two")
        .Attr("transpose_b", false, "swaps the last two axes of b, which must have two")
        .Infer(InferMatMul)
        .Reference(MatMulCompute)
        .Fast(FastRounding(DescribeFactors))
        .Fast(FastBFloat16(DescribePacked))
        .Fast(FastPacked(DescribePacked))
        .Fast(onednn::FastInParts(BuildMatMul))
        .Quantizes(QuantizedMatMul)
        .InLowPrecision(LowPrecision::kGains)
        .Work(ProductWork)
        .Gradient(Gradient)
        .Examples(MatMulExamples));

}  // namespace
}  // namespace nomograph
