// array.Where: elements of one tensor or another, as a condition says.
#include <cstring>
#include <memory>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/elementwise.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(std::vector<TensorType> types, BroadcastInputs(context));
  types[0].dtype = context.dtype(1);
  return types;
}

// A run of elements that are copied as the unsigned integers U of their size, whatever their dtype.
template <typename U>
void SelectRow(const std::byte* const* inputs, std::byte* output, int64_t count) {
  const std::byte *condition = inputs[0], *xs = inputs[1], *zs = inputs[2];
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    U x, z;
    std::memcpy(&x, xs + i * sizeof(U), sizeof(U));
    std::memcpy(&z, zs + i * sizeof(U), sizeof(U));
    const U y = condition[i] != std::byte{0} ? x : z;
    std::memcpy(output + i * sizeof(U), &y, sizeof(U));
  }
}

absl::Status Select(KernelContext& context, int threads) {
  switch (DTypeSize(context.output_dtype(0))) {
    case 1:
      ForEachRow(context, SelectRow<uint8_t>, threads);
      break;
    case 2:
      ForEachRow(context, SelectRow<uint16_t>, threads);
      break;
    case 4:
      ForEachRow(context, SelectRow<uint32_t>, threads);
      break;
    default:
      ForEachRow(context, SelectRow<uint64_t>, threads);
      break;
  }
  return absl::OkStatus();
}

absl::Status Compute(KernelContext& context) { return Select(context, 1); }

absl::StatusOr<std::unique_ptr<Kernel>> Prepare(const PrepareContext& context) {
  const int threads = context.threads;
  return MakeComputeKernel([threads](KernelContext& kernel) { return Select(kernel, threads); },
                           "loop");
}

std::vector<Example> Examples() {
  return {
      {.name = "ONNX where_example",
       .inputs = {Tensor::Of<bool>({2, 2}, {true, false, true, true}),
                  Tensor::Of<float>({2, 2}, {1, 2, 3, 4}), Tensor::Of<float>({2, 2}, {9, 8, 7, 6})},
       .outputs = {Tensor::Of<float>({2, 2}, {1, 8, 3, 4})}},
      {.name = "broadcast",
       .inputs = {Tensor::Of<bool>({2, 1}, {true, false}), Tensor::Vector<int64_t>({1, 2, 3}),
                  Tensor::Scalar<int64_t>(0)},
       .outputs = {Tensor::Of<int64_t>({2, 3}, {1, 2, 3, 0, 0, 0})}},
      {.name = "one-byte elements",
       .inputs = {Tensor::Vector<bool>({false, true}), Tensor::Of<uint8_t>({2, 1}, {1, 2}),
                  Tensor::Vector<uint8_t>({8, 9})},
       .outputs = {Tensor::Of<uint8_t>({2, 2}, {8, 1, 8, 2})}},
      {.name = "two-byte elements",
       .inputs = {Tensor::Scalar(true), Tensor::Vector<int16_t>({-1, 1}),
                  Tensor::Scalar<int16_t>(0)},
       .outputs = {Tensor::Vector<int16_t>({-1, 1})}},
      {.name = "empty",
       .inputs = {Tensor::Of<bool>({0, 1}, {}), Tensor::Vector<float>({1, 2}),
                  Tensor::Scalar<float>(0)},
       .outputs = {Tensor::Of<float>({0, 2}, {})}},
  };
}

absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  const Value dy = g.gradient(0), zero = ConstantLike(0, dy), &condition = g.input(0);
  std::vector<Value> result(3);
  if (g.wants(1)) result[1] = SumTo(Call("array.Where", {condition, dy, zero}), g.input(1));
  if (g.wants(2)) result[2] = SumTo(Call("array.Where", {condition, zero, dy}), g.input(2));
  return result;
}

NOMO_REGISTER_OP(OpDef("array.Where")
                     .Doc("y = x where `condition` is true, else z, element by element, the three "
                          "broadcast to one shape (NumPy).")
                     .Source("ONNX Where; numpy.where")
                     .Known({.as = "onnx", .name = "Where"})
                     .TypeVar("T", kAnyType)
                     .Input("condition", "bool", "broadcast to the others")
                     .Input("x", "T", "broadcast to the others")
                     .Input("z", "T", "broadcast to the others")
                     .Output("y", "T", "the shape to which the inputs broadcast")
                     .Infer(Infer)
                     .Reference(Compute)
                     .Fast(Prepare)
                     .InPlace()
                     .Gradient(Gradient)
                     .Examples(Examples));

}  // namespace
}  // namespace nomograph
