// array.Split: a tensor cut into parts along an axis.
#include "absl/strings/str_join.h"
#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/array/copy_op.h"
#include "nomograph/ops/array/dims.h"

namespace nomograph {
namespace {

// `size` in `parts` of equal size, rounded up; the last ones may be smaller.
std::vector<Dim> EvenParts(const Dim& size, int parts) {
  std::vector<Dim> sizes(parts);
  if (!size.known()) return sizes;
  const int64_t each = size.size() / parts + (size.size() % parts != 0 ? 1 : 0);
  int64_t left = size.size();
  for (Dim& part : sizes) {
    part = Dim(std::min(each, left));
    left -= part.size();
  }
  return sizes;
}

// The sizes of the outputs along the axis, which has `size`.
absl::StatusOr<std::vector<Dim>> PartSizes(const InferContext& context, const Dim& size) {
  NOMO_ASSIGN_OR_RETURN(const IntsArg split, GetInts(context, "split", 1));
  if (!split.given) return EvenParts(size, context.num_outputs());
  if (split.count.known() && split.count.size() != context.num_outputs()) {
    return InvalidArgument("split: expected a size for each of ", context.num_outputs(),
                           " outputs, found ", split.count.size());
  }
  if (!split.known) return std::vector<Dim>(context.num_outputs());
  for (const int64_t part : split.values) {
    if (part < 0) return InvalidArgument("split: expected sizes of at least 0, found ", part);
  }
  std::vector<Dim> sizes(split.values.begin(), split.values.end());
  NOMO_ASSIGN_OR_RETURN(const Dim sum, Sum(sizes));
  if (size.known() && sum != size) {
    return InvalidArgument("split: the sizes [", absl::StrJoin(split.values, ","), "] add up to ",
                           sum.size(), ", the axis has ", size.size());
  }
  return sizes;
}

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  PartialShape shape = context.shape(0);
  if (!shape.has_rank()) return std::vector<TensorType>(context.num_outputs(), context.input(0));
  if (shape.rank() == 0) return InvalidArgument("a scalar has no axis to split");
  NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(context.attrs().Int("axis"), shape.rank()));
  NOMO_ASSIGN_OR_RETURN(const std::vector<Dim> sizes, PartSizes(context, shape[axis]));
  std::vector<TensorType> types;
  for (const Dim& size : sizes) {
    shape[axis] = size;
    types.push_back({context.dtype(0), shape});
  }
  return types;
}

absl::Status Plan(const InferContext& node, absl::Span<const Shape> outputs, CopyPlan& plan) {
  NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(node.attrs().Int("axis"), outputs[0].rank()));
  const StridedView whole = StridedView::Input(0, node.shape(0).ToShape());
  int64_t start = 0;
  for (int i = 0; i < node.num_outputs(); ++i) {
    plan.Copy(whole.Slice(axis, start, outputs[i][axis]), StridedView::Output(i, outputs[i]));
    start += outputs[i][axis];
  }
  return absl::OkStatus();
}

std::vector<Example> Examples() {
  const Tensor x = Tensor::Of<float>({2, 4}, {1, 2, 3, 4, 5, 6, 7, 8});
  const Tensor row = Tensor::Vector<float>({1, 2, 3, 4, 5, 6, 7});
  return {
      {.name = "halves",
       .inputs = {x},
       .outputs = {Tensor::Of<float>({1, 4}, {1, 2, 3, 4}),
                   Tensor::Of<float>({1, 4}, {5, 6, 7, 8})}},
      {.name = "sizes",
       .attrs = {{"axis", -1}, {"split", Ints{1, 0, 3}}},
       .inputs = {x},
       .outputs = {Tensor::Of<float>({2, 1}, {1, 5}), Tensor::Of<float>({2, 0}, {}),
                   Tensor::Of<float>({2, 3}, {2, 3, 4, 6, 7, 8})}},
      {.name = "ONNX 1d_uneven_split_opset18",
       .inputs = {row},
       .outputs = {Tensor::Vector<float>({1, 2}), Tensor::Vector<float>({3, 4}),
                   Tensor::Vector<float>({5, 6}), Tensor::Vector<float>({7})}},
      {.name = "sizes as an input",
       .inputs = {Tensor::Vector<int8_t>({1, 2, 3}), Tensor::Vector<int64_t>({2, 1})},
       .outputs = {Tensor::Vector<int8_t>({1, 2}), Tensor::Vector<int8_t>({3})}},
      {.name = "more parts than elements",
       .inputs = {Tensor::Vector<bool>({true, false})},
       .outputs = {Tensor::Vector<bool>({true}), Tensor::Vector<bool>({false}),
                   Tensor::Of<bool>({0}, {})}},
  };
}

absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  std::vector<Value> parts;
  for (int i = 0; i < g.num_outputs(); ++i) parts.push_back(g.gradient(i));
  return std::vector<Value>{Call("array.Concat", parts, {{"axis", g.attrs().Int("axis")}})};
}

NOMO_REGISTER_OP(
    CopyOp(OpDef("array.Split")
               .Doc("Cuts x along `axis` into as many parts as the node has outputs: of the sizes "
                    "`split`, an attribute or an input, which add up to the axis; or else of equal "
                    "sizes, rounded up, so that the last parts may be smaller or empty.")
               .Source("ONNX Split")
               .TypeVar("T", kStoredType)
               .Input("x", "T", "of rank 1 or more")
               .OptionalInput("split", "int64", "a vector with a size for each output")
               .VariadicOutput("outputs", "T", "the parts")
               .Attr("axis", 0, "in [-rank, rank)")
               .OptionalAttr("split", AttrType::kInts, "a size for each output")
               .Infer(Infer)
               .InLowPrecision(LowPrecision::kFollows)
               .Gradient(Gradient)
               .Examples(Examples),
           Plan, {1}));

}  // namespace
}  // namespace nomograph
