// array.Concat: tensors joined along an axis.
#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/array/copy_op.h"
#include "nomograph/ops/array/dims.h"

namespace nomograph {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  PartialShape common;
  for (int i = 0; i < context.num_inputs() && !common.has_rank(); ++i) common = context.shape(i);
  if (!common.has_rank()) return std::vector<TensorType>{context.input(0)};
  if (common.rank() == 0) return InvalidArgument("scalars have no axis to concatenate along");
  NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(context.attrs().Int("axis"), common.rank()));
  common[axis] = Dim();
  std::vector<Dim> sizes;
  for (int i = 0; i < context.num_inputs(); ++i) {
    const PartialShape& shape = context.shape(i);
    auto merged = MergeOtherAxes(common, shape, axis);
    NOMO_RETURN_IF_ERROR(Annotate(merged.status(), absl::StrCat("input ", i)));
    common = *std::move(merged);
    sizes.push_back(shape.has_rank() ? shape[axis] : Dim());
  }
  NOMO_ASSIGN_OR_RETURN(common[axis], Sum(sizes));
  return std::vector<TensorType>{{context.dtype(0), common}};
}

absl::Status Plan(const InferContext& node, absl::Span<const Shape> outputs, CopyPlan& plan) {
  NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(node.attrs().Int("axis"), outputs[0].rank()));
  int64_t start = 0;
  for (int i = 0; i < node.num_inputs(); ++i) {
    const Shape part = node.shape(i).ToShape();
    plan.Copy(StridedView::Input(i, part),
              StridedView::Output(0, outputs[0]).Slice(axis, start, part[axis]));
    start += part[axis];
  }
  return absl::OkStatus();
}

std::vector<Example> Examples() {
  const Tensor a = Tensor::Of<float>({2, 2}, {1, 2, 3, 4});
  const Tensor b = Tensor::Of<float>({2, 1}, {5, 6});
  return {
      {.name = "last axis",
       .inputs = {a, b},
       .outputs = {Tensor::Of<float>({2, 3}, {1, 2, 5, 3, 4, 6})}},
      {.name = "first axis",
       .attrs = {{"axis", 0}},
       .inputs = {Tensor::Of<int32_t>({1, 2}, {1, 2}), Tensor::Of<int32_t>({2, 2}, {3, 4, 5, 6}),
                  Tensor::Of<int32_t>({0, 2}, {})},
       .outputs = {Tensor::Of<int32_t>({3, 2}, {1, 2, 3, 4, 5, 6})}},
      {.name = "middle axis",
       .attrs = {{"axis", -2}},
       .inputs = {Tensor::Of<uint8_t>({2, 1, 2}, {1, 2, 3, 4}),
                  Tensor::Of<uint8_t>({2, 1, 2}, {5, 6, 7, 8})},
       .outputs = {Tensor::Of<uint8_t>({2, 2, 2}, {1, 2, 5, 6, 3, 4, 7, 8})}},
      {.name = "one input", .inputs = {a}, .outputs = {a}},
      {.name = "empty batch",
       .inputs = {Tensor::Of<float>({0, 2}, {}), Tensor::Of<float>({0, 3}, {})},
       .outputs = {Tensor::Of<float>({0, 5}, {})}},
  };
}

// The size of x along `axis`, as a vector of one.
Value SizeAlong(const Value& x, int64_t axis) {
  if (x.shape().has_rank()) {
    const auto normal = NormalizeAxis(axis, x.shape().rank());
    if (normal.ok() && x.shape()[*normal].known())
      return Constant(Tensor::Vector<int64_t>({x.shape()[*normal].size()}));
  }
  Attributes attrs = {{"start", axis}};
  if (axis != -1) attrs.Set("end", axis + 1);
  return Call("array.Shape", {x}, attrs);
}

absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  const int64_t axis = g.attrs().Int("axis");
  std::vector<Value> sizes;
  CallOptions options;
  options.num_outputs = g.num_inputs();
  for (int i = 0; i < g.num_inputs(); ++i) {
    sizes.push_back(SizeAlong(g.input(i), axis));
    options.output_types.push_back(g.input(i).type());
  }
  return CallMulti("array.Split", {g.gradient(0), Call("array.Concat", sizes, {{"axis", 0}})},
                   {{"axis", axis}}, options);
}

// As many as are joined as bytes (quant.QLinearConcat).
std::optional<QuantizedInputs> Quantized(const InferContext& node) {
  constexpr int kMost = 4;
  if (node.num_inputs() > kMost) return std::nullopt;
  QuantizedInputs inputs{.only_between = true};
  for (int i = 0; i < node.num_inputs(); ++i) inputs.activations.push_back(i);
  return inputs;
}

NOMO_REGISTER_OP(
    CopyOp(OpDef("array.Concat")
               .Doc("Joins tensors along `axis`. Their sizes along the other axes must be equal.")
               .Source("ONNX Concat; Keras Concatenate")
               .Known({.as = "onnx", .name = "Concat", .since = 4})
               .TypeVar("T", kStoredType)
               .VariadicInput("inputs", "T", "one or more of one rank, which is not 0")
               .Output("y", "T", "the inputs' sizes along `axis` added up")
               .Attr("axis", -1, "in [-rank, rank)")
               .Infer(Infer)
               .InLowPrecision(LowPrecision::kFollows)
               .Quantizes(Quantized)
               .Gradient(Gradient)
               .Examples(Examples),
           Plan));

}  // namespace
}  // namespace nomograph
