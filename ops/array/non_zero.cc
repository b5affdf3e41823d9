// array.NonZero: the places of the elements that are not 0.
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  const Dim rank = context.shape(0).has_rank() ? Dim(context.shape(0).rank()) : Dim();
  return std::vector<TensorType>{{DType::kInt64, PartialShape{rank, Dim()}}};
}

// The places of the elements that are not 0, in row-major order.
template <typename T>
std::vector<int64_t> Places(absl::Span<const T> x) {
  std::vector<int64_t> places;
  for (size_t i = 0; i < x.size(); ++i) {
    if (static_cast<ComputeType<T>>(x[i]) != 0) places.push_back(static_cast<int64_t>(i));
  }
  return places;
}

absl::Status Compute(KernelContext& context) {
  const Shape& shape = context.input_shape(0);
  std::vector<int64_t> places;
  Dispatch(AllTypes{}, context.input_dtype(0),
           [&]<typename T>() { places = Places(context.input<T>(0)); });
  const int64_t count = static_cast<int64_t>(places.size());
  NOMO_RETURN_IF_ERROR(context.AllocateOutput(0, Shape{shape.rank(), count}));
  const absl::Span<int64_t> y = context.output<int64_t>(0);
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    for (int64_t i = 0; i < count; ++i) {
      y[axis * count + i] = places[i] % shape[axis];
      places[i] /= shape[axis];
    }
  }
  return absl::OkStatus();
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
