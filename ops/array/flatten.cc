// array.Flatten: the axes before and behind a given one merged into rows and columns.
#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/array/copy_op.h"
#include "nomograph/ops/array/dims.h"

namespace nomograph {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  const PartialShape& shape = context.shape(0);
  if (!shape.has_rank())
    return std::vector<TensorType>{{context.dtype(0), PartialShape::OfRank(2)}};
  const int64_t axis = context.attrs().Int("axis");
  if (axis < -shape.rank() || axis > shape.rank()) {
    return InvalidArgument("axis ", axis, " is outside of [", -shape.rank(), ", ", shape.rank(),
                           "] for shape ", shape.ToString());
  }
  const absl::Span<const Dim> dims = shape.dims();
  const size_t split = axis < 0 ? axis + shape.rank() : axis;
  NOMO_ASSIGN_OR_RETURN(const Dim rows, Product(dims.first(split)));
  NOMO_ASSIGN_OR_RETURN(const Dim columns, Product(dims.subspan(split)));
  return std::vector<TensorType>{{context.dtype(0), PartialShape{rows, columns}}};
}

std::vector<Example> Examples() {
  const Tensor x = Tensor::Of<float>({2, 3, 2}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  const Tensor empty = Tensor::Of<float>({0, 28, 28}, {});
  return {
      {.name = "all but the batch", .inputs = {x}, .outputs = {x.Reshaped({2, 6})}},
      {.name = "to one row",
       .attrs = {{"axis", 0}},
       .inputs = {x},
       .outputs = {x.Reshaped({1, 12})}},
      {.name = "negative axis",
       .attrs = {{"axis", -1}},
       .inputs = {x},
       .outputs = {x.Reshaped({6, 2})}},
      {.name = "axis past the last",
       .attrs = {{"axis", 3}},
       .inputs = {x},
       .outputs = {x.Reshaped({12, 1})}},
      {.name = "empty batch", .inputs = {empty}, .outputs = {empty.Reshaped({0, 784})}},
  };
}

NOMO_REGISTER_OP(
    ViewOp(OpDef("array.Flatten")
               .Doc("Makes a matrix of x: the axes ahead of `axis` become its rows, "
                    "the others its columns. The default keeps the batch axis.")
               .Source("ONNX Flatten; Keras Flatten")
               .Known({.as = "onnx", .name = "Flatten"})
               .TypeVar("T", kStoredType)
               .Input("x", "T", "any shape")
               .Output("y", "T", "[product of the sizes ahead of axis, product of the others]")
               .Attr("axis", 1, "in [-rank, rank], negative ones counted from the end")
               .Infer(Infer)
               .InLowPrecision(LowPrecision::kFollows)
               .Gradient(UnaryGradient([](const Value& x, const Value&, const Value& dy) {
                 return ReshapeLike(dy, x);
               }))
               .Examples(Examples)));

}  // namespace
}  // namespace nomograph
