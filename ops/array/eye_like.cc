// array.EyeLike: a matrix of another's shape with ones on a diagonal.
#include <algorithm>
#include <cstring>
#include <limits>

#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  const PartialShape& shape = context.shape(0);
  if (shape.has_rank() && shape.rank() != 2) {
    return InvalidArgument("x: expected a matrix, found shape ", shape.ToString());
  }
  const Attributes& attrs = context.attrs();
  return std::vector<TensorType>{{attrs.Has("dtype") ? attrs.Type("dtype") : context.dtype(0),
                                  shape.has_rank() ? shape : PartialShape::OfRank(2)}};
}

absl::Status Compute(KernelContext& context) {
  const DType dtype = context.output_dtype(0);
  const int64_t rows = context.output_shape(0)[0], columns = context.output_shape(0)[1];
  // Further away than the corners no diagonal differs from another.
  const int64_t k = std::clamp(context.attrs().Int("k"), -rows, columns);
  const Tensor one = Tensor::Full(dtype, {}, 1);
  const int64_t size = DTypeSize(dtype);
  std::byte* y = context.output_view(0).data;
  std::memset(y, 0, rows * columns * size);
  for (int64_t row = std::max<int64_t>(-k, 0); row < std::min(rows, columns - k); ++row) {
    std::memcpy(y + (row * columns + row + k) * size, one.raw_data(), size);
  }
  return absl::OkStatus();
}

std::vector<Example> Examples() {
  const Tensor x = Tensor::Of<int32_t>({2, 3}, {44, 47, 64, 67, 67, 9});
  return {
      {.name = "the type of x",
       .inputs = {x},
       .outputs = {Tensor::Of<int32_t>({2, 3}, {1, 0, 0, 0, 1, 0})}},
      {.name = "above the diagonal, another type",
       .attrs = {{"k", 1}, {"dtype", DType::kFloat32}},
       .inputs = {x},
       .outputs = {Tensor::Of<float>({2, 3}, {0, 1, 0, 0, 0, 1})}},
      {.name = "below the diagonal",
       .attrs = {{"k", -1}, {"dtype", DType::kBool}},
       .inputs = {x},
       .outputs = {Tensor::Of<bool>({2, 3}, {false, false, false, true, false, false})}},
      {.name = "far outside",
       .attrs = {{"k", std::numeric_limits<int64_t>::max()}, {"dtype", DType::kFloat16}},
       .inputs = {x},
       .outputs = {Tensor::Full(DType::kFloat16, {2, 3}, 0)}},
      {.name = "empty",
       .attrs = {{"k", std::numeric_limits<int64_t>::min()}},
       .inputs = {Tensor::Of<float>({0, 2}, {})},
       .outputs = {Tensor::Of<float>({0, 2}, {})}},
  };
}

NOMO_REGISTER_OP(
    OpDef("array.EyeLike")
        .Doc("A matrix with 1 (true) on a diagonal, y[i, i + k], and 0 elsewhere. Of x only the "
             "type matters.")
        .Source("ONNX EyeLike; numpy.eye")
        .Known({.as = "onnx", .name = "EyeLike", .since = 9})
        .TypeVar("T", kAnyType)
        .TypeVar("R", kAnyType)
        .Input("x", "T", "a matrix")
        .Output("y", "R", "the shape of x")
        .Attr("k", 0, "the diagonal: 0 is the main one, greater ones lie above it")
        .OptionalAttr("dtype", AttrType::kDType, "the type of y; absent: that of x")
        .Infer(Infer)
        .Reference(Compute)
        .GradientIsZero()
        .Examples(Examples));

}  // namespace
}  // namespace nomograph
