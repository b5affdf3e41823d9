#include "nomograph/ops/nn/loss/class_loss.h"

#include "nomograph/ops/nn/vector_input.h"

namespace nomograph::nn {
namespace {

using Ints = std::vector<int64_t>;

}  // namespace

OpDef ClassLossSchema(OpDef op) {
  op.Attr("axis", 1, "the axis of the classes, in [-rank, rank)");
  op.OptionalAttr("ignore_index", AttrType::kInt,
                  "the target that does not count; it need be no class");
  op.Attr("reduction", "mean", "what becomes of the losses").Choices({"none", "mean", "sum"});
  return op;
}

absl::StatusOr<PartialShape> InferClassLoss(const InferContext& context) {
  const PartialShape& x = context.shape(0);
  PartialShape target;
  Dim classes;
  if (x.has_rank()) {
    NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(context.attrs().Int("axis"), x.rank()));
    classes = x[axis];
    std::vector<Dim> dims = x.dims();
    dims.erase(dims.begin() + axis);
    target = PartialShape(std::move(dims));
  }
  const auto merged = Merge(target, context.shape(1));
  if (!merged.ok()) {
    return InvalidArgument("input ", 1, " (the classes): expected shape ", target.ToString(),
                           ", found ", context.shape(1).ToString());
  }
  NOMO_RETURN_IF_ERROR(CheckVectorInput(context, 2, "weight", classes));
  if (context.attrs().String("reduction") != "none") return PartialShape(Shape{});
  return *merged;
}

ClassLossParts PartsOf(const GradientContext& g) {
  const Value target = g.input(1), dy = g.gradient(0);
  ClassLossParts parts{.labels = target};
  if (g.attrs().Has("ignore_index")) {
    const Value ignored = ConstantLike(static_cast<double>(g.attrs().Int("ignore_index")), target);
    parts.counts = target != ignored;
    parts.labels = Call("array.Where", {parts.counts, target, ConstantLike(0, target)});
  }
  const Value like = g.input(0);
  Value weights = g.has_input(2)
                      ? Call("array.Gather", {g.input(2), parts.labels})
                      : Call("array.Expand", {ConstantLike(1, like), ShapeOf(target)}, {},
                             {.output_types = {TensorType{like.dtype(), target.shape()}}});
  if (parts.counts.valid())
    weights = Call("array.Where", {parts.counts, weights, ConstantLike(0, like)});
  const bool mean = g.attrs().String("reduction") == "mean";
  const Value sum = Call("math.ReduceSum", {weights}, {{"keepdims", false}});
  parts.share = mean ? dy / sum : dy;
  parts.factors = weights * parts.share;
  return parts;
}

Value WeightGradient(const GradientContext& g, const ClassLossParts& parts,
                     const Value& log_probabilities) {
  const int64_t axis = g.attrs().Int("axis");
  const Value column = Call("array.Unsqueeze", {parts.labels}, {{"axes", Ints{axis}}});
  const Value picked =
      Call("array.Squeeze",
           {Call("array.GatherElements", {log_probabilities, column}, {{"axis", axis}})},
           {{"axes", Ints{axis}}});
  Value each = -picked;
  // Of a mean, each weight moves the divisor, too.
  if (g.attrs().String("reduction") == "mean") each = each - g.output(0);
  each = each * parts.share;
  if (parts.counts.valid()) each = Call("array.Where", {parts.counts, each, ConstantLike(0, each)});
  const auto flat = [](const Value& x) {
    return Call("array.Reshape", {x}, {{"shape", Ints{-1}}});
  };
  return Call("array.ScatterElements", {ZerosLike(g.input(2)), flat(parts.labels), flat(each)},
              {{"reduction", "add"}});
}

}  // namespace nomograph::nn
