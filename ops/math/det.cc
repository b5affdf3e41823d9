// math.Det, math.Cofactors: determinants of square matrices, and those of their minors, which are
// the derivatives.
#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

absl::StatusOr<std::vector<TensorType>> InferSquare(const InferContext& context) {
  const PartialShape& x = context.shape(0);
  const int batch = x.rank() - 2;
  if (x.has_rank() &&
      (batch < 0 || !Compatible(PartialShape{x[batch]}, PartialShape{x[batch + 1]}))) {
    return InvalidArgument("x: expected square matrices, found shape ", x.ToString());
  }
  return std::vector<TensorType>{context.input(0)};
}

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(std::vector<TensorType> types, InferSquare(context));
  const PartialShape& x = context.shape(0);
  if (!x.has_rank()) return types;
  std::vector<Dim> dims(x.dims().begin(), x.dims().end() - 2);
  return std::vector<TensorType>{{context.dtype(0), PartialShape(std::move(dims))}};
}

// The product of the pivots of Gaussian elimination, each the greatest element of what is left of
// its column. `m` has size * size elements and is overwritten.
double Determinant(double* m, int64_t size) {
  double determinant = 1;
  for (int64_t k = 0; k < size; ++k) {
    int64_t pivot = k;
    for (int64_t row = k + 1; row < size; ++row) {
      if (std::abs(m[row * size + k]) > std::abs(m[pivot * size + k])) pivot = row;
    }
    if (pivot != k) {
      std::swap_ranges(m + k * size, m + (k + 1) * size, m + pivot * size);
      determinant = -determinant;
    }
    const double* top = m + k * size;
    if (top[k] == 0) return 0;
    determinant *= top[k];
    for (int64_t row = k + 1; row < size; ++row) {
      double* below = m + row * size;
      const double factor = below[k] / top[k];
      for (int64_t column = k + 1; column < size; ++column) below[column] -= factor * top[column];
    }
  }
  return determinant;
}

absl::Status Compute(KernelContext& context) {
  const Shape& shape = context.input_shape(0);
  const int64_t size = shape[shape.rank() - 1];
  NOMO_ASSIGN_OR_RETURN(Tensor matrix, Tensor::Create(DType::kFloat64, {size, size}));
  double* const m = matrix.mutable_data<double>().data();
  Dispatch(FloatTypes{}, context.input_dtype(0), [&]<typename T>() {
    const T* x = context.input<T>(0).data();
    for (T& y : context.output<T>(0)) {
      for (int64_t i = 0; i < size * size; ++i) m[i] = static_cast<double>(*x++);
      y = static_cast<T>(Determinant(m, size));
    }
  });
  return absl::OkStatus();
}

// A matrix with its rows and columns in another order, as a lower triangle with a diagonal of 1 and
// an upper one, in one array: Gaussian elimination that takes the greatest element of all that is
// left for its pivot.
struct Factors {
  Factors(double* matrix, int64_t matrix_size) : m(matrix), size(matrix_size) {
    for (int64_t i = 0; i < size; ++i) {
      rows.push_back(i);
      columns.push_back(i);
    }
    for (int64_t k = 0; k < size; ++k) {
      MovePivot(k);
      if (At(k, k) == 0) return;  // all that is left is 0
      for (int64_t row = k + 1; row < size; ++row) {
        At(row, k) /= At(k, k);
        for (int64_t column = k + 1; column < size; ++column)
          At(row, column) -= At(row, k) * At(k, column);
      }
    }
  }

  double& At(int64_t row, int64_t column) { return m[row * size + column]; }

  void MovePivot(int64_t k) {
    int64_t row = k, column = k;
    for (int64_t i = k; i < size; ++i) {
      for (int64_t j = k; j < size; ++j) {
        if (std::abs(At(i, j)) > std::abs(At(row, column))) row = i, column = j;
      }
    }
    if (row != k) {
      std::swap_ranges(m + k * size, m + (k + 1) * size, m + row * size);
      std::swap(rows[k], rows[row]);
      sign = -sign;
    }
    if (column != k) {
      for (int64_t i = 0; i < size; ++i) std::swap(At(i, k), At(i, column));
      std::swap(columns[k], columns[column]);
      sign = -sign;
    }
  }

  double* const m;
  const int64_t size;
  std::vector<int64_t> rows, columns;  // which of the matrix' are here
  double sign = 1;
};

// The adjugate of an upper triangle, into `adjugate`. With the last column [w; d] and what is ahead
// of it U it is [d adj(U), -adj(U) w; 0, det(U)]: d divides nothing and may be 0, as where the
// matrix has one rank less than rows. Where U has a 0, the matrix lacks two ranks, and all minors
// are 0.
void AdjugateOfUpper(Factors& f, double* adjugate) {
  const int64_t size = f.size, last = size - 1;
  std::fill(adjugate, adjugate + size * size, 0.0);
  double determinant = 1;  // of U
  for (int64_t k = 0; k < last; ++k) determinant *= f.At(k, k);
  if (determinant == 0) return;
  const auto at = [&](int64_t row, int64_t column) -> double& {
    return adjugate[row * size + column];
  };
  // Column by column the solution of U x = det(U) e, and of U x = -det(U) w.
  at(last, last) = determinant;
  for (int64_t column = 0; column < size; ++column) {
    if (column < last) at(column, column) = determinant;
    for (int64_t row = last - 1; row >= 0; --row) {
      if (column == last) at(row, column) = -determinant * f.At(row, last);
      for (int64_t k = row + 1; k < last; ++k) at(row, column) -= f.At(row, k) * at(k, column);
      at(row, column) /= f.At(row, row);
    }
  }
  for (int64_t row = 0; row < last; ++row) {
    for (int64_t column = 0; column < last; ++column) at(row, column) *= f.At(last, last);
  }
}

// The cofactors of matrix m, which is overwritten. `adjugate` has as many elements.
template <typename T>
void Cofactors(double* m, int64_t size, double* adjugate, T* y) {
  Factors f(m, size);
  AdjugateOfUpper(f, adjugate);
  for (int64_t row = 0; row < size; ++row) {
    double* x = adjugate + row * size;
    // The row times the inverse of the lower triangle.
    for (int64_t column = size - 1; column >= 0; --column) {
      for (int64_t k = column + 1; k < size; ++k) x[column] -= x[k] * f.At(k, column);
      y[f.rows[column] * size + f.columns[row]] = static_cast<T>(f.sign * x[column]);
    }
  }
}

absl::Status ComputeCofactors(KernelContext& context) {
  const Shape& shape = context.input_shape(0);
  const int64_t size = shape[shape.rank() - 1], count = size * size;
  if (shape.num_elements() == 0) return absl::OkStatus();
  NOMO_ASSIGN_OR_RETURN(Tensor scratch, Tensor::Create(DType::kFloat64, {2, count}));
  double* const m = scratch.mutable_data<double>().data();
  Dispatch(FloatTypes{}, context.input_dtype(0), [&]<typename T>() {
    const T* x = context.input<T>(0).data();
    T* y = context.output<T>(0).data();
    for (int64_t begin = 0; begin < shape.num_elements(); begin += count) {
      for (int64_t i = 0; i < count; ++i) m[i] = static_cast<double>(x[begin + i]);
      Cofactors(m, size, m + count, y + begin);
    }
  });
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  const Value dy =
      Call("array.Unsqueeze", {g.gradient(0)}, {{"axes", std::vector<int64_t>{-2, -1}}});
  return std::vector<Value>{dy * Call("math.Cofactors", {g.input(0)})};
}

std::vector<Example> Examples() {
  const Tensor five = Tensor::Of<double>(
      {5, 5}, {3, -1, 2, 0, 5, 2, 2, -3, 1, 0, 0, 4, 1, -2, 2, 7, 0, 0, 1, -1, 1, 1, 1, 1, 1});
  return {
      {.name = "ONNX det_2d",
       .inputs = {Tensor::Of<float>({2, 2}, {0, 1, 2, 3})},
       .outputs = {Tensor::Scalar<float>(-2)}},
      {.name = "ONNX det_nd",
       .inputs = {Tensor::Of<float>({3, 2, 2}, {1, 2, 3, 4, 1, 2, 2, 1, 1, 3, 3, 1})},
       .outputs = {Tensor::Vector<float>({-2, -3, -8})}},
      {.name = "larger", .inputs = {five}, .outputs = {Tensor::Scalar<double>(916)}, .rtol = 1e-13},
      {.name = "singular, and a row of 0",
       .inputs = {Tensor::Of<float>({2, 1, 3, 3},
                                    {1, 2, 4, 2, 4, 8, 1, 0, 1, 0, 0, 0, 1, 2, 3, 4, 5, 6})},
       .outputs = {Tensor::Of<float>({2, 1}, {0, 0})}},
      {.name = "float16, one element",
       .inputs = {Tensor::Of<Half>({2, 1, 1}, {Half(2.5f), Half(-1.0f)})},
       .outputs = {Tensor::Vector<Half>({Half(2.5f), Half(-1.0f)})}},
      {.name = "no elements",
       .inputs = {Tensor::Of<float>({1, 0, 0}, {})},
       .outputs = {Tensor::Vector<float>({1})}},
      {.name = "no matrices",
       .inputs = {Tensor::Of<float>({0, 2, 2}, {})},
       .outputs = {Tensor::Of<float>({0}, {})}},
  };
}

// Of NumPy's determinants of the minors.
std::vector<Example> CofactorExamples() {
  const Tensor five = Tensor::Of<double>(
      {5, 5}, {3, -1, 2, 0, 5, 2, 2, -3, 1, 0, 0, 4, 1, -2, 2, 7, 0, 0, 1, -1, 1, 1, 1, 1, 1});
  return {
      {.name = "two rows",
       .inputs = {Tensor::Of<float>({2, 2}, {0, 1, 2, 3})},
       .outputs = {Tensor::Of<float>({2, 2}, {3, -2, -1, 0})}},
      {.name = "five rows",
       .inputs = {five},
       .outputs = {Tensor::Of<double>(
           {5, 5}, {31,   -94, -58, -48, 169, 3,   50,   -242, 84,  105, 26,  128, 40,
                    -188, -6,  128, -4,  56,  -80, -100, -79,  210, 266, 536, -17})},
       .rtol = 1e-12},
      {.name = "singular: of rank 2, with a row of 0, of rank 1",
       .inputs = {Tensor::Of<float>({3, 3, 3}, {1, 2, 4, 2, 4, 8, 1, 0, 1, 0, 0, 0, 1, 2,
                                                3, 4, 5, 6, 1, 2, 3, 2, 4, 6, 3, 6, 9})},
       .outputs = {Tensor::Of<float>({3, 3, 3}, {4, 6, -4, -2, -3, 2, 0, 0, 0, -3, 6, -3, 0, 0,
                                                 0, 0, 0,  0,  0,  0, 0, 0, 0, 0,  0, 0,  0})}},
      {.name = "float16, one element",
       .inputs = {Tensor::Of<Half>({2, 1, 1}, {Half(2.5f), Half(0.0f)})},
       .outputs = {Tensor::Of<Half>({2, 1, 1}, {Half(1.0f), Half(1.0f)})}},
      {.name = "no elements",
       .inputs = {Tensor::Of<float>({1, 0, 0}, {})},
       .outputs = {Tensor::Of<float>({1, 0, 0}, {})}},
  };
}

NOMO_REGISTER_OP(
    OpDef("math.Det")
        .Doc("The determinants of square matrices, computed in float64 by Gaussian "
             "elimination with partial pivoting. That of a matrix without elements "
             "is 1.")
        .Source("ONNX Det; numpy.linalg.det")
        .Known({.as = "python",
                .name = "{tf.linalg,keras.ops,np.linalg}.det,tf.matrix_determinant(x|input|a)"})
        .Known({.as = "onnx", .name = "Det", .since = 11})
        .TypeVar("T", kFloats)
        .Input("x", "T", "[batch..., M, M]")
        .Output("y", "T", "[batch...]")
        .Infer(Infer)
        .Reference(Compute)
        .Work(AllCombinationsWork)
        .Gradient(Gradient)
        .Examples(Examples));

// Its cost is that of a product of matrices.
int64_t CofactorWork(const InferContext& context, const WorkSizes& sizes) {
  const PartialShape& x = context.shape(0);
  return SaturatingMultiply(sizes.inputs, std::max<int64_t>(x[x.rank() - 1].size(), 1));
}

NOMO_REGISTER_OP(
    OpDef("math.Cofactors")
        .Doc("The cofactors of square matrices, also of singular ones: y[..., i, j] is the "
             "determinant of x without row i and column j, negative where i + j is odd, and the "
             "derivative of x's determinant by x[..., i, j]. They are computed in float64 by "
             "Gaussian elimination with complete pivoting.")
        .Source("NumPy: numpy.linalg.det of the minors")
        .TypeVar("T", kFloats)
        .Input("x", "T", "[batch..., M, M]")
        .Output("y", "T", "the shape of x")
        .Infer(InferSquare)
        .Reference(ComputeCofactors)
        .Work(CofactorWork)
        .NoGradient("the second derivative of a determinant is not there yet")
        .Examples(CofactorExamples));

}  // namespace
}  // namespace nomograph
