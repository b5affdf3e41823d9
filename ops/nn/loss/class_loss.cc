#include "nomograph/ops/nn/loss/class_loss.h"

#include "nomograph/ops/nn/vector_input.h"

namespace nomograph::nn {

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

}  // namespace nomograph::nn
