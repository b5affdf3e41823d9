// array.Reverse: the elements along given axes in reverse order.
#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/array/copy_op.h"

namespace nomograph {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  if (context.shape(0).has_rank()) {
    NOMO_RETURN_IF_ERROR(
        NormalizeAxes(context.attrs().Ints("axes"), context.shape(0).rank()).status());
  }
  return SameAsInput(context);
}

absl::Status Plan(const InferContext& node, absl::Span<const Shape> outputs, CopyPlan& plan) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<int> axes,
                        NormalizeAxes(node.attrs().Ints("axes"), outputs[0].rank()));
  StridedView view = StridedView::Input(0, outputs[0]);
  for (const int axis : axes) view = view.Slice(axis, view.size(axis) - 1, view.size(axis), -1);
  plan.Copy(view, StridedView::Output(0, outputs[0]));
  return absl::OkStatus();
}

std::vector<Example> Examples() {
  const Tensor x = Tensor::Of<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  return {
      {.name = "last axis",
       .attrs = {{"axes", Ints{-1}}},
       .inputs = {x},
       .outputs = {Tensor::Of<float>({2, 3}, {3, 2, 1, 6, 5, 4})}},
      {.name = "rows",
       .attrs = {{"axes", Ints{0}}},
       .inputs = {x},
       .outputs = {Tensor::Of<float>({2, 3}, {4, 5, 6, 1, 2, 3})}},
      {.name = "both",
       .attrs = {{"axes", Ints{1, 0}}},
       .inputs = {x},
       .outputs = {Tensor::Of<float>({2, 3}, {6, 5, 4, 3, 2, 1})}},
      {.name = "no axes", .attrs = {{"axes", Ints{}}}, .inputs = {x}, .outputs = {x}},
      {.name = "empty",
       .attrs = {{"axes", Ints{0, 1}}},
       .inputs = {Tensor::Of<uint8_t>({0, 2}, {})},
       .outputs = {Tensor::Of<uint8_t>({0, 2}, {})}},
  };
}

NOMO_REGISTER_OP(
    CopyOp(OpDef("array.Reverse")
               .Doc("Reverses the order of the elements along `axes`.")
               .Source("numpy.flip")
               .TypeVar("T", kAnyType)
               .Input("x", "T", "any shape")
               .Output("y", "T", "the shape of x")
               .RequiredAttr("axes", AttrType::kInts, "in [-rank, rank), each once")
               .Infer(Infer)
               .InLowPrecision(LowPrecision::kFollows)
               .Gradient([](const GradientContext& g) -> absl::StatusOr<std::vector<Value>> {
                 return std::vector<Value>{Call("array.Reverse", {g.gradient(0)}, g.attrs())};
               })
               .Examples(Examples),
           Plan));

}  // namespace
}  // namespace nomograph
