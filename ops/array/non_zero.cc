// array.NonZero: the places of the elements that are not 0.
#include <algorithm>
#include <limits>

#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  const Dim rank = context.shape(0).has_rank() ? Dim(context.shape(0).rank()) : Dim();
  return std::vector<TensorType>{{DType::kInt64, PartialShape{rank, Dim()}}};
}

template <typename T>
bool IsNonZero(T x) {
  return static_cast<ComputeType<T>>(x) != 0;
}

template <typename T>
int64_t CountNonZero(absl::Span<const T> x) {
  int64_t count = 0;
  constexpr size_t kBlock = 1 << 16;
  for (size_t begin = 0; begin < x.size(); begin += kBlock) {
    const size_t end = std::min(x.size(), begin + kBlock);
    int32_t in_block = 0;  // whose sums are faster
#pragma omp simd reduction(+ : in_block)
    for (size_t i = begin; i < end; ++i) in_block += IsNonZero(x[i]);
    count += in_block;
  }
  return count;
}

// Writes the index along each axis of all places, `count` for one axis.
template <typename T>
void WritePlaces(const T* x, const Shape& shape, int64_t count, int64_t* y) {
  const int last = shape.rank() - 1;
  const int64_t row = shape[last], rows = shape.num_elements() / row;
  constexpr int64_t kBlock = 256;
  int64_t places[kBlock], written = 0;
  for (int64_t r = 0; r < rows; ++r, x += row) {
    const int64_t before = written;
    for (int64_t begin = 0; begin < row; begin += kBlock) {
      const int64_t size = std::min(kBlock, row - begin);
      int64_t* next = places;
      for (int64_t i = 0; i < size; ++i) {
        *next = begin + i;
        next += IsNonZero(x[begin + i]);
      }
      std::copy(places, next, y + last * count + written);
      written += next - places;
    }
    if (written == before) continue;
    int64_t index = r;  // of the row
    for (int axis = last - 1; axis >= 0; --axis) {
      std::fill_n(y + axis * count + before, written - before, index % shape[axis]);
      index /= shape[axis];
    }
  }
}

absl::Status Compute(KernelContext& context) {
  const Shape& shape = context.input_shape(0);
  absl::Status status;
  Dispatch(AllTypes{}, context.input_dtype(0), [&]<typename T>() {
    const absl::Span<const T> x = context.input<T>(0);
    const int64_t count = CountNonZero(x);
    status = context.AllocateOutput(0, Shape{shape.rank(), count});
    if (!status.ok() || count == 0 || shape.rank() == 0) return;
    WritePlaces(x.data(), shape, count, context.output<int64_t>(0).data());
  });
  return status;
}

std::vector<Example> Examples() {
  return {
      {.name = "ONNX nonzero_example",
       .inputs = {Tensor::Of<bool>({2, 2}, {true, false, true, true})},
       .outputs = {Tensor::Of<int64_t>({2, 3}, {0, 1, 1, 0, 0, 1})}},
      {.name = "floating point: NaN is not 0, -0 is",
       .inputs = {Tensor::Of<float>({2, 1, 2},
                                    {-0.0f, std::numeric_limits<float>::quiet_NaN(), 1e-30f, 0})},
       .outputs = {Tensor::Of<int64_t>({3, 2}, {0, 1, 0, 0, 1, 0})}},
      {.name = "none",
       .inputs = {Tensor::Vector<int32_t>({0, 0})},
       .outputs = {Tensor::Of<int64_t>({1, 0}, {})}},
      {.name = "empty",
       .inputs = {Tensor::Of<Half>({0, 3}, {})},
       .outputs = {Tensor::Of<int64_t>({2, 0}, {})}},
      {.name = "a scalar has no axis",
       .inputs = {Tensor::Scalar<uint8_t>(3)},
       .outputs = {Tensor::Of<int64_t>({0, 1}, {})}},
  };
}

NOMO_REGISTER_OP(
    OpDef("array.NonZero")
        .Doc("The places of the n elements that are not 0 (or false), in row-major order: y[a, i] "
             "is the index of the i-th along axis a. NaN is not 0. n depends on the data, so that "
             "the shape of y is known only when the node has run.")
        .Source("ONNX NonZero; numpy.nonzero")
        .Known({.as = "onnx", .name = "NonZero"})
        .TypeVar("T", kAnyType)
        .Input("x", "T", "any shape")
        .Output("y", "int64", "[rank of x, n]")
        .Infer(Infer)
        .Reference(Compute)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph
