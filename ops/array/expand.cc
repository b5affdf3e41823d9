// array.Expand: a tensor broadcast to a given shape.
#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/array/copy_op.h"

namespace nomograph {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(const PartialShape wanted, GetShape(context, "shape", 1));
  NOMO_ASSIGN_OR_RETURN(PartialShape shape, Broadcast(context.shape(0), wanted));
  return std::vector<TensorType>{{context.dtype(0), std::move(shape)}};
}

absl::Status Plan(const InferContext& node, absl::Span<const Shape> outputs, CopyPlan& plan) {
  plan.Copy(StridedView::Input(0, node.shape(0).ToShape()).BroadcastTo(outputs[0].dims()),
            StridedView::Output(0, outputs[0]));
  return absl::OkStatus();
}

std::vector<Example> Examples() {
  const Tensor column = Tensor::Of<float>({3, 1}, {1, 2, 3});
  return {
      {.name = "ONNX dim_changed",
       .attrs = {{"shape", Ints{2, 1, 2}}},
       .inputs = {column},
       .outputs = {Tensor::Of<float>({2, 3, 2}, {1, 1, 2, 2, 3, 3, 1, 1, 2, 2, 3, 3})}},
      {.name = "sizes of 1 keep those of x",
       .attrs = {{"shape", Ints{1, 2}}},
       .inputs = {column},
       .outputs = {Tensor::Of<float>({3, 2}, {1, 1, 2, 2, 3, 3})}},
      {.name = "shape as an input",
       .inputs = {Tensor::Vector<int16_t>({7, 8}), Tensor::Vector<int64_t>({2, 2})},
       .outputs = {Tensor::Of<int16_t>({2, 2}, {7, 8, 7, 8})}},
      {.name = "a scalar fills",
       .attrs = {{"shape", Ints{5}}},
       .inputs = {Tensor::Scalar<double>(1.5)},
       .outputs = {Tensor::Vector<double>({1.5, 1.5, 1.5, 1.5, 1.5})}},
      {.name = "empty",
       .attrs = {{"shape", Ints{0, 1}}},
       .inputs = {Tensor::Of<bool>({1, 2}, {true, false})},
       .outputs = {Tensor::Of<bool>({0, 2}, {})}},
  };
}

NOMO_REGISTER_OP(CopyOp(
    OpDef("array.Expand")
        .Doc("Repeats x along axes of size 1, and along new axes in front, so "
             "that it has the shape to which its own and the asked one "
             "broadcast (NumPy). The shape is an attribute or an input.")
        .Source("ONNX Expand")
        .Known({.as = "onnx", .name = "Expand", .attrs = {{"shape", KnownAttr::kInput, "", 1}}})
        .TypeVar("T", kStoredType)
        .Input("x", "T", "any shape")
        .OptionalInput("shape", "int64", "a vector of sizes")
        .Output("y", "T", "the shape of x broadcast with `shape`")
        .OptionalAttr("shape", AttrType::kInts, "the sizes")
        .Infer(Infer)
        .InLowPrecision(LowPrecision::kFollows)
        .Gradient(UnaryGradient([](const Value& x, const Value&, const Value& dy) {
          return SumTo(dy, x);
        }))
        .Examples(Examples),
    Plan, {1}));

}  // namespace
}  // namespace nomograph
