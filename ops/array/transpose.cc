// array.Transpose: axes permuted.
#include <numeric>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/array/copy_op.h"

namespace nomograph {
namespace {

// Axis i of the output is axis perm[i] of the input.
absl::StatusOr<std::vector<int>> Permutation(const Attributes& attrs, int rank) {
  std::vector<int> perm(rank);
  std::iota(perm.rbegin(), perm.rend(), 0);
  if (!attrs.Has("perm")) return perm;
  const Ints& given = attrs.Ints("perm");
  if (static_cast<int64_t>(given.size()) != rank) {
    return InvalidArgument("perm: expected ", rank, " axes, found ", given.size());
  }
  NOMO_RETURN_IF_ERROR(
      Annotate(NormalizeAxes(given, rank).status(), "perm"));  // names each axis once
  for (int i = 0; i < rank; ++i)
    perm[i] = static_cast<int>(given[i] < 0 ? given[i] + rank : given[i]);
  return perm;
}

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  PartialShape shape = context.shape(0);
  if (!shape.has_rank()) {
    if (!context.attrs().Has("perm")) return std::vector<TensorType>{context.input(0)};
    NOMO_ASSIGN_OR_RETURN(shape,
                          UnknownShape(static_cast<int64_t>(context.attrs().Ints("perm").size())));
  }
  NOMO_ASSIGN_OR_RETURN(const std::vector<int> perm, Permutation(context.attrs(), shape.rank()));
  std::vector<Dim> dims;
  for (const int axis : perm) dims.push_back(shape[axis]);
  return std::vector<TensorType>{{context.dtype(0), PartialShape(std::move(dims))}};
}

absl::Status Plan(const InferContext& node, absl::Span<const Shape> outputs, CopyPlan& plan) {
  const Shape shape = node.shape(0).ToShape();
  NOMO_ASSIGN_OR_RETURN(const std::vector<int> perm, Permutation(node.attrs(), shape.rank()));
  plan.Copy(StridedView::Input(0, shape).Permute(perm), StridedView::Output(0, outputs[0]));
  return absl::OkStatus();
}

std::vector<Example> Examples() {
  const Tensor x = Tensor::Of<float>({2, 3, 2}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  return {
      {.name = "reversed",
       .inputs = {x},
       .outputs = {Tensor::Of<float>({2, 3, 2}, {0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11})}},
      {.name = "perm",
       .attrs = {{"perm", Ints{0, 2, 1}}},
       .inputs = {x},
       .outputs = {Tensor::Of<float>({2, 2, 3}, {0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11})}},
      {.name = "outer axes, negative axis",
       .attrs = {{"perm", Ints{1, 0, -1}}},
       .inputs = {x},
       .outputs = {Tensor::Of<float>({3, 2, 2}, {0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11})}},
      {.name = "a matrix of one-byte elements",
       .inputs = {Tensor::Of<uint8_t>({2, 3}, {1, 2, 3, 4, 5, 6})},
       .outputs = {Tensor::Of<uint8_t>({3, 2}, {1, 4, 2, 5, 3, 6})}},
      {.name = "scalar",
       .inputs = {Tensor::Scalar<int64_t>(7)},
       .outputs = {Tensor::Scalar<int64_t>(7)}},
      {.name = "empty",
       .attrs = {{"perm", Ints{1, 0}}},
       .inputs = {Tensor::Of<Half>({0, 3}, {})},
       .outputs = {Tensor::Of<Half>({3, 0}, {})}},
  };
}

// The inverse permutation, which for the default is the default.
absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  Attributes attrs;
  if (g.attrs().Has("perm")) {
    const Ints& perm = g.attrs().Ints("perm");
    const auto rank = static_cast<int64_t>(perm.size());
    Ints inverse(perm.size());
    for (int64_t i = 0; i < rank; ++i) inverse[perm[i] < 0 ? perm[i] + rank : perm[i]] = i;
    attrs.Set("perm", inverse);
  }
  return std::vector<Value>{Call("array.Transpose", {g.gradient(0)}, attrs)};
}

NOMO_REGISTER_OP(CopyOp(
    OpDef("array.Transpose")
        .Doc("Exchanges axes: axis i of y is axis perm[i] of x.")
        .Source("ONNX Transpose; Keras Permute")
        .Known({.as = "onnx", .name = "Transpose"})
        .TypeVar("T", kStoredType)
        .Input("x", "T", "any shape")
        .Output("y", "T", "the sizes of x in the order of perm")
        .OptionalAttr(
            "perm", AttrType::kInts,
            "each axis of x once, negative ones counted from the end; absent: all axes in reverse")
        .Infer(Infer)
        .InLowPrecision(LowPrecision::kFollows)
        .Gradient(Gradient)
        .Examples(Examples),
    Plan));

}  // namespace
}  // namespace nomograph
