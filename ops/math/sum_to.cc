// math.SumTo: the gradient of broadcasting.
#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "nomograph/core/build/value.h"
#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/math/reduce.h"

namespace nomograph::math {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  const PartialShape& x = context.shape(0);
  const PartialShape& like = context.shape(1);
  if (x.has_rank() && like.has_rank()) {
    const auto broadcast = Broadcast(x, like);
    if (!broadcast.ok() || x.rank() < like.rank()) {
      return InvalidArgument("input 1 (like): expected a shape that broadcasts to ", x.ToString(),
                             ", found ", like.ToString());
    }
    for (int axis = 0; axis < like.rank(); ++axis) {
      const Dim& size = x[axis + x.rank() - like.rank()];
      if (size.known() && like[axis].known() && like[axis] != size && like[axis] != Dim(1)) {
        return InvalidArgument("input 1 (like): expected a shape that broadcasts to ", x.ToString(),
                               ", found ", like.ToString());
      }
    }
  }
  return std::vector<TensorType>{{context.dtype(0), like}};
}

absl::Status Compute(KernelContext& context) {
  const Shape& x = context.input_shape(0);
  const Shape& like = context.input_shape(1);
  std::vector<int> axes;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const int own = axis - (x.rank() - like.rank());
    if (own < 0 || like[own] != x[axis]) axes.push_back(axis);
  }
  NOMO_RETURN_IF_ERROR(context.AllocateOutput(0, like));
  Dispatch(FloatTypes{}, context.input_dtype(0),
           [&]<typename T>() { Reduce<T, SumReducer<T>>(context, axes); });
  return absl::OkStatus();
}

// x as a matrix whose rows are summed: all axes that go stand ahead of those that stay.
struct Rows {
  int64_t rows = 1, columns = 1;
};
std::optional<Rows> RowsOf(const Shape& x, const Shape& like) {
  Rows result;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const int own = axis - (x.rank() - like.rank());
    const bool stays = own >= 0 && like[own] == x[axis];
    if (x[axis] == 1) continue;
    if (!stays && result.columns != 1) return std::nullopt;
    (stays ? result.columns : result.rows) *= x[axis];
  }
  return result;
}

// In double, as the reference does it, a few columns at a time.
void SumRows(const float* x, const Rows& matrix, float* y) {
  constexpr int64_t kBlock = 256;
  std::array<double, kBlock> sums;
  for (int64_t begin = 0; begin < matrix.columns; begin += kBlock) {
    const int64_t size = std::min(kBlock, matrix.columns - begin);
    std::fill_n(sums.begin(), size, 0.0);
    for (int64_t row = 0; row < matrix.rows; ++row) {
      const float* from = x + row * matrix.columns + begin;
#pragma omp simd
      for (int64_t i = 0; i < size; ++i) sums[i] += from[i];
    }
    for (int64_t i = 0; i < size; ++i) y[begin + i] = static_cast<float>(sums[i]);
  }
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareRows(const PrepareContext& context) {
  if (context.inputs[0].dtype != DType::kFloat32) return nullptr;
  const std::optional<Rows> matrix = RowsOf(context.inputs[0].shape, context.inputs[1].shape);
  if (!matrix) return nullptr;
  return MakeComputeKernel(
      [matrix = *matrix](KernelContext& run) -> absl::Status {
        const float* const x = run.input<float>(0).data();
        float* const y = run.output<float>(0).data();
        if (matrix.rows == 1) {
          std::copy_n(x, matrix.columns, y);
        } else {
          SumRows(x, matrix, y);
        }
        return absl::OkStatus();
      },
      matrix->rows == 1 ? "copy" : "rows loop");
}

absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  return std::vector<Value>{ExpandLike(g.gradient(0), g.input(0)), Value()};
}

std::vector<Example> Examples() {
  const Tensor x = Tensor::Of<float>({2, 2, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  return {
      {.name = "a vector",
       .inputs = {x, Tensor::Of<float>({3}, {0, 0, 0})},
       .outputs = {Tensor::Of<float>({3}, {22, 26, 30})}},
      {.name = "an axis of size 1",
       .inputs = {x, Tensor::Of<float>({2, 1, 3}, {0, 0, 0, 0, 0, 0})},
       .outputs = {Tensor::Of<float>({2, 1, 3}, {5, 7, 9, 17, 19, 21})}},
      {.name = "a scalar",
       .inputs = {x, Tensor::Scalar<float>(0)},
       .outputs = {Tensor::Scalar<float>(78)}},
      {.name = "its own shape",
       .inputs = {Tensor::Vector<double>({1, 2}), Tensor::Vector<double>({0, 0})},
       .outputs = {Tensor::Vector<double>({1, 2})}},
      {.name = "from nothing",
       .inputs = {Tensor::Of<float>({0, 2}, {}), Tensor::Vector<float>({7, 7})},
       .outputs = {Tensor::Vector<float>({0, 0})}},
  };
}

NOMO_REGISTER_OP(OpDef("math.SumTo")
                     .Doc("Sums x over the axes along which a tensor of the shape of `like` is "
                          "repeated when it is broadcast to x's shape (NumPy): the gradient of "
                          "that broadcasting. What `like` holds does not matter.")
                     .Source("PyTorch Tensor.sum_to_size")
                     .TypeVar("T", kFloats)
                     .Input("x", "T", "any shape")
                     .Input("like", "T", "a shape that broadcasts to x's")
                     .Output("y", "T", "the shape of like")
                     .Infer(Infer)
                     .Reference(Compute)
                     .Fast(PrepareRows)
                     .Gradient(Gradient)
                     .Examples(Examples));

}  // namespace
}  // namespace nomograph::math
