// math.Det: determinants of square matrices.
#include <algorithm>
#include <cmath>
#include <vector>

#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  const PartialShape& x = context.shape(0);
  if (!x.has_rank()) return std::vector<TensorType>{context.input(0)};
  const int batch = x.rank() - 2;
  if (batch < 0 || !Compatible(PartialShape{x[batch]}, PartialShape{x[batch + 1]})) {
    return InvalidArgument("x: expected square matrices, found shape ", x.ToString());
  }
  std::vector<Dim> dims(x.dims().begin(), x.dims().begin() + batch);
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
        .NoGradient("that of a determinant is made of the cofactors of the matrix, for which there "
                    "is no op")
        .Examples(Examples));

}  // namespace
}  // namespace nomograph
