// array.ConstantOfShape: one value in every element of a given shape.
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/array/copy_op.h"

namespace nomograph {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  const Tensor& value = context.attrs().TensorValue("value");
  if (value.num_elements() != 1) {
    return InvalidArgument("value: expected one element, found shape ", value.shape().ToString());
  }
  NOMO_ASSIGN_OR_RETURN(PartialShape shape, GetShape(context, "shape", 0));
  return std::vector<TensorType>{{value.dtype(), std::move(shape)}};
}

absl::Status Plan(const InferContext& node, absl::Span<const Shape> outputs, CopyPlan& plan) {
  const StridedView value = plan.AddConstant(node.attrs().TensorValue("value"));
  plan.Copy(value.BroadcastTo(outputs[0].dims()), StridedView::Output(0, outputs[0]));
  return absl::OkStatus();
}

std::vector<Example> Examples() {
  return {
      {.name = "ONNX constantofshape_float_ones",
       .attrs = {{"value", Tensor::Vector<float>({1})}},
       .inputs = {Tensor::Vector<int64_t>({4, 3, 2})},
       .outputs = {Tensor::Full(DType::kFloat32, {4, 3, 2}, 1)}},
      {.name = "ONNX constantofshape_int_shape_zero",
       .attrs = {{"value", Tensor::Vector<int32_t>({0})}},
       .inputs = {Tensor::Vector<int64_t>({0})},
       .outputs = {Tensor::Of<int32_t>({0}, {})}},
      {.name = "shape as an attribute, zeros",
       .attrs = {{"shape", Ints{2, 1}}},
       .outputs = {Tensor::Of<float>({2, 1}, {0, 0})}},
      {.name = "to a scalar",
       .attrs = {{"value", Tensor::Scalar(true)}},
       .inputs = {Tensor::Of<int64_t>({0}, {})},
       .outputs = {Tensor::Scalar(true)}},
  };
}

NOMO_REGISTER_OP(CopyOp(OpDef("array.ConstantOfShape")
                            .Doc("`value` in every element. The shape is an attribute or an input.")
                            .Source("ONNX ConstantOfShape; numpy.full")
                            .TypeVar("T", kAnyType)
                            .OptionalInput("shape", "int64", "a vector of sizes")
                            .Output("y", "T", "the shape that is asked for, the dtype of value")
                            .OptionalAttr("shape", AttrType::kInts, "the sizes")
                            .Attr("value", Tensor::Scalar(0.0f), "one element")
                            .Infer(Infer)
                            .Examples(Examples),
                        Plan, {0}));

}  // namespace
}  // namespace nomograph
