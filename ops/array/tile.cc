// array.Tile: a tensor repeated as a whole along each axis.
#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/gradient/picked.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/array/copy_op.h"
#include "nomograph/ops/array/dims.h"

namespace nomograph {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(const IntsArg repeats, GetRequiredInts(context, "repeats", 1));
  PartialShape shape = context.shape(0);
  if (!shape.has_rank()) {
    NOMO_ASSIGN_OR_RETURN(shape, UnknownShape(repeats.count));
  }
  if (repeats.count.known() && repeats.count.size() != shape.rank()) {
    return InvalidArgument("repeats: expected a number for each of ", shape.rank(), " axes, found ",
                           repeats.count.size());
  }
  for (int i = 0; i < shape.rank(); ++i) {
    if (!repeats.known) {
      shape[i] = Dim();
      continue;
    }
    if (repeats.values[i] < 0) {
      return InvalidArgument("repeats: expected at least 0, found ", repeats.values[i]);
    }
    NOMO_ASSIGN_OR_RETURN(shape[i], Product({shape[i], Dim(repeats.values[i])}));
  }
  return std::vector<TensorType>{{context.dtype(0), shape}};
}

absl::Status Plan(const InferContext& node, absl::Span<const Shape> outputs, CopyPlan& plan) {
  const Shape shape = node.shape(0).ToShape();
  NOMO_ASSIGN_OR_RETURN(const IntsArg repeats, GetRequiredInts(node, "repeats", 1));
  StridedView from = StridedView::Input(0, shape);
  StridedView to = StridedView::Output(0, outputs[0]);
  for (int i = shape.rank() - 1; i >= 0; --i) {
    to = to.SplitAxis(i, {repeats.values[i], shape[i]});
    from = from.Repeat(i, repeats.values[i]);
  }
  plan.Copy(from, to);
  return absl::OkStatus();
}

std::vector<Example> Examples() {
  const Tensor x = Tensor::Of<float>({2, 2}, {0, 1, 2, 3});
  const Tensor tiled = Tensor::Of<float>({4, 4}, {0, 1, 0, 1, 2, 3, 2, 3, 0, 1, 0, 1, 2, 3, 2, 3});
  return {
      {.name = "ONNX tile_precomputed",
       .attrs = {{"repeats", Ints{2, 2}}},
       .inputs = {x},
       .outputs = {tiled}},
      {.name = "repeats as an input",
       .inputs = {x, Tensor::Vector<int64_t>({2, 2})},
       .outputs = {tiled}},
      {.name = "last axis",
       .attrs = {{"repeats", Ints{1, 3}}},
       .inputs = {Tensor::Of<int16_t>({2, 1}, {7, 8})},
       .outputs = {Tensor::Of<int16_t>({2, 3}, {7, 7, 7, 8, 8, 8})}},
      {.name = "no times",
       .attrs = {{"repeats", Ints{0, 1}}},
       .inputs = {x},
       .outputs = {Tensor::Of<float>({0, 2}, {})}},
  };
}

// The sum over the repeats: dy as [repeats 0, size 0, repeats 1, size 1, ...].
absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  const Value& x = g.input(0);
  if (!x.shape().has_rank()) return PickingGradient()(g);
  if (x.shape().rank() == 0) return std::vector<Value>{ReshapeLike(g.gradient(0), x)};
  Value repeats = g.has_input(1) ? g.input(1) : Value();
  if (g.attrs().Has("repeats")) {
    const Ints& given = g.attrs().Ints("repeats");
    repeats = Constant(Tensor::Of<int64_t>({static_cast<int64_t>(given.size())}, given));
  }
  const auto column = [](const Value& vector) {
    return Call("array.Unsqueeze", {vector}, {{"axes", Ints{1}}});
  };
  const Value pairs = Call("array.Concat", {column(repeats), column(ShapeOf(x))}, {{"axis", 1}});
  const Value sizes = Call("array.Reshape", {pairs}, {{"shape", Ints{-1}}});
  Ints axes;
  for (int i = 0; i < x.shape().rank(); ++i) axes.push_back(2 * i);
  const Value split = Call("array.Reshape", {g.gradient(0), sizes}, {{"allowzero", true}});
  const Value sum = Call("math.ReduceSum", {split}, {{"axes", axes}, {"keepdims", false}});
  return std::vector<Value>{ReshapeLike(sum, x)};
}

NOMO_REGISTER_OP(CopyOp(
    OpDef("array.Tile")
        .Doc("Repeats the whole of x along each axis: y[i, j, ...] = x[i mod n0, j mod n1, ...]. "
             "The numbers of repeats are an attribute or an input.")
        .Source("ONNX Tile")
        .Known({.as = "onnx", .name = "Tile", .attrs = {{"repeats", KnownAttr::kInput, "", 1}}})
        .TypeVar("T", kStoredType)
        .Input("x", "T", "any shape")
        .OptionalInput("repeats", "int64", "a vector with a number for each axis of x")
        .Output("y", "T", "the sizes of x, each times its number of repeats")
        .OptionalAttr("repeats", AttrType::kInts, "a number of at least 0 for each axis of x")
        .Infer(Infer)
        .InLowPrecision(LowPrecision::kFollows)
        .Gradient(Gradient)
        .Examples(Examples),
    Plan, {1}));

}  // namespace
}  // namespace nomograph
