// array.Shape, array.Size: the sizes of a tensor's axes, and the number of its elements.
#include <algorithm>
#include <numeric>

#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

// The axes [first, second) that array.Shape reports.
std::pair<int, int> AxisRange(const Attributes& attrs, int rank) {
  const auto clamp = [rank](int64_t axis) {
    return static_cast<int>(std::clamp<int64_t>(axis < 0 ? axis + rank : axis, 0, rank));
  };
  const int start = clamp(attrs.Int("start"));
  return {start, std::max(start, attrs.Has("end") ? clamp(attrs.Int("end")) : rank)};
}

absl::StatusOr<std::vector<TensorType>> InferShape(const InferContext& context) {
  Dim count;
  if (context.shape(0).has_rank()) {
    const auto [start, end] = AxisRange(context.attrs(), context.shape(0).rank());
    count = Dim(end - start);
  }
  return std::vector<TensorType>{{DType::kInt64, PartialShape{count}}};
}

absl::StatusOr<std::vector<Tensor>> FoldShape(const InferContext& context) {
  const PartialShape& shape = context.shape(0);
  if (!shape.has_rank()) return std::vector<Tensor>{};
  const auto [start, end] = AxisRange(context.attrs(), shape.rank());
  std::vector<int64_t> sizes;
  for (int a = start; a < end; ++a) {
    if (!shape[a].known()) return std::vector<Tensor>{};
    sizes.push_back(shape[a].size());
  }
  return std::vector<Tensor>{Tensor::Of<int64_t>({static_cast<int64_t>(sizes.size())}, sizes)};
}

absl::Status ComputeShape(KernelContext& context) {
  const Shape& shape = context.input_shape(0);
  const auto [start, end] = AxisRange(context.attrs(), shape.rank());
  NOMO_RETURN_IF_ERROR(context.AllocateOutput(0, Shape{end - start}));
  std::copy_n(shape.dims().begin() + start, end - start, context.output<int64_t>(0).begin());
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TensorType>> InferSize(const InferContext&) {
  return std::vector<TensorType>{{DType::kInt64, Shape{}}};
}

absl::StatusOr<std::vector<Tensor>> FoldSize(const InferContext& context) {
  if (!context.shape(0).fully_known()) return std::vector<Tensor>{};
  NOMO_ASSIGN_OR_RETURN(const int64_t count, context.shape(0).ToShape().CheckedNumElements());
  return std::vector<Tensor>{Tensor::Scalar<int64_t>(count)};
}

absl::Status ComputeSize(KernelContext& context) {
  context.output<int64_t>(0)[0] = context.input_shape(0).num_elements();
  return absl::OkStatus();
}

std::vector<Example> ShapeExamples() {
  const Tensor x(DType::kFloat32, {3, 4, 5});
  const auto ints = [](std::initializer_list<int64_t> values) {
    return Tensor::Vector<int64_t>(values);
  };
  return {
      {.name = "all", .inputs = {x}, .outputs = {ints({3, 4, 5})}},
      {.name = "start", .attrs = {{"start", -1}}, .inputs = {x}, .outputs = {ints({5})}},
      {.name = "end", .attrs = {{"end", 1}}, .inputs = {x}, .outputs = {ints({3})}},
      {.name = "clamped",
       .attrs = {{"start", -10}, {"end", 10}},
       .inputs = {x},
       .outputs = {ints({3, 4, 5})}},
      {.name = "nothing between",
       .attrs = {{"start", 2}, {"end", 1}},
       .inputs = {x},
       .outputs = {ints({})}},
      {.name = "scalar", .inputs = {Tensor::Scalar(true)}, .outputs = {ints({})}},
  };
}

std::vector<Example> SizeExamples() {
  return {
      {.name = "matrix",
       .inputs = {Tensor(DType::kInt8, {3, 4})},
       .outputs = {Tensor::Scalar<int64_t>(12)}},
      {.name = "scalar", .inputs = {Tensor::Scalar(1.0f)}, .outputs = {Tensor::Scalar<int64_t>(1)}},
      {.name = "empty",
       .inputs = {Tensor(DType::kFloat64, {0, 4})},
       .outputs = {Tensor::Scalar<int64_t>(0)}},
  };
}

NOMO_REGISTER_OP(
    OpDef("array.Shape")
        .Doc("The sizes of x's axes from `start` to `end`, which is not included. Negative ones "
             "count from the last axis; those that are out of range are clamped.")
        .Source("ONNX Shape")
        .Known({.as = "onnx", .name = "Shape", .since = 15})
        .TypeVar("T", kStoredType)
        .Input("x", "T", "any shape")
        .Output("y", "int64", "a vector")
        .Attr("start", 0, "the first axis")
        .OptionalAttr("end", AttrType::kInt, "the axis behind the last one; absent: the rank")
        .Infer(InferShape)
        .Fold(FoldShape)
        .Reference(ComputeShape)
        .Examples(ShapeExamples));

NOMO_REGISTER_OP(OpDef("array.Size")
                     .Doc("The number of elements of x.")
                     .Source("ONNX Size")
                     .Known({.as = "onnx", .name = "Size"})
                     .TypeVar("T", kStoredType)
                     .Input("x", "T", "any shape")
                     .Output("y", "int64", "a scalar")
                     .Infer(InferSize)
                     .Fold(FoldSize)
                     .Reference(ComputeSize)
                     .Examples(SizeExamples));

}  // namespace
}  // namespace nomograph
