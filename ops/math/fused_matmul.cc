// math.FusedMatMul: a scaled product of matrices that may be transposed first.
#include <algorithm>

#include "nomograph/core/build/value.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

using Ints = std::vector<int64_t>;

// The order of axes that puts the first one behind the batches: [M, batch..., K] becomes [batch...,
// M, K].
Ints BatchesFirst(int rank) {
  Ints perm;
  for (int axis = 1; axis + 1 < rank; ++axis) perm.push_back(axis);
  perm.push_back(0);
  perm.push_back(rank - 1);
  return perm;
}

absl::StatusOr<TensorType> Operand(const InferContext& context, int i, const char* attr) {
  TensorType type = context.input(i);
  if (!context.attrs().Bool(attr) || !type.shape.has_rank()) return type;
  if (type.shape.rank() < 2) {
    return InvalidArgument(attr, ": expected at least 2 axes, found shape ", type.shape.ToString());
  }
  std::vector<Dim> dims;
  for (const int64_t axis : BatchesFirst(type.shape.rank())) {
    dims.push_back(type.shape[static_cast<int>(axis)]);
  }
  type.shape = PartialShape(std::move(dims));
  return type;
}

Attributes MatMulAttributes(const Attributes& attrs) {
  return {{"transpose_a", attrs.Bool("transpose_a")}, {"transpose_b", attrs.Bool("transpose_b")}};
}

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(TensorType a, Operand(context, 0, "transpose_batch_a"));
  NOMO_ASSIGN_OR_RETURN(TensorType b, Operand(context, 1, "transpose_batch_b"));
  const TensorType types[] = {std::move(a), std::move(b)};
  const Attributes attrs = MatMulAttributes(context.attrs());
  const OpDef* matmul = OpRegistry::Default().Find("math.MatMul");
  if (matmul == nullptr) return absl::InternalError("math.MatMul is not registered");
  return InferNode(*matmul, InferContext(attrs, types, {}, 1));
}

absl::StatusOr<std::vector<Value>> Body(absl::Span<const Value> in, const Attributes& attrs) {
  const auto operand = [&](int i, const char* attr) -> absl::StatusOr<Value> {
    if (!attrs.Bool(attr)) return in[i];
    if (!in[i].shape().has_rank()) return InvalidArgument(attr, ": the rank must be known");
    return Call("array.Transpose", {in[i]}, {{"perm", BatchesFirst(in[i].shape().rank())}});
  };
  NOMO_ASSIGN_OR_RETURN(Value a, operand(0, "transpose_batch_a"));
  NOMO_ASSIGN_OR_RETURN(Value b, operand(1, "transpose_batch_b"));
  const Value product = Call("math.MatMul", {std::move(a), std::move(b)}, MatMulAttributes(attrs));
  const double alpha = attrs.Float("alpha");
  return std::vector<Value>{alpha == 1 ? product : product * alpha};
}

std::vector<Example> Examples() {
  return {
      {.name = "scaled, both transposed",
       .attrs = {{"alpha", -0.5}, {"transpose_a", true}, {"transpose_b", true}},
       .inputs = {Tensor::Of<float>({3, 2}, {-1, 0.5, -1.5, 0, 1.5, -1}),
                  Tensor::Of<float>({2, 3}, {-1, -1, -1.5, -1.5, -0.5, -1})},
       .outputs = {Tensor::Of<float>({2, 2}, {-0.125, -0.375, -0.5, -0.125})}},
      {.name = "batches of a behind its rows",
       .attrs = {{"transpose_batch_a", true}},
       .inputs = {Tensor::Of<float>({2, 3, 2},
                                    {0, -2, -1.5, -1, -0.5, 2, 0.5, 0.5, 0, -0.5, 0.5, 1}),
                  Tensor::Of<float>({3, 2, 1}, {0.5, -1.5, -1.5, -2, 2, -2})},
       .outputs = {Tensor::Of<float>({3, 2, 1}, {3, -0.5, 4.25, 1, -5, -1})}},
      {.name = "batches of b too, and transposed",
       .attrs = {{"transpose_batch_a", true}, {"transpose_batch_b", true}, {"transpose_b", true}},
       .inputs = {Tensor::Of<float>({2, 3, 2},
                                    {0, -2, -1.5, -1, -0.5, 2, 0.5, 0.5, 0, -0.5, 0.5, 1}),
                  Tensor::Of<float>({1, 3, 2}, {0.5, -0.5, -0.5, -2, -0.5, 1.5})},
       .outputs = {Tensor::Of<float>({3, 2, 1}, {1, 0, 2.75, 1, 3.25, 1.25})}},
      {.name = "plain",
       .inputs = {Tensor::Of<float>({2}, {1, 2}), Tensor::Of<float>({2}, {3, 4})},
       .outputs = {Tensor::Scalar<float>(11)}},
  };
}

const std::vector<KnownAttr> kRuntimeNames = {
    {"transpose_a", KnownAttr::kAttribute, "transA"},
    {"transpose_b", KnownAttr::kAttribute, "transB"},
    {"transpose_batch_a", KnownAttr::kAttribute, "transBatchA"},
    {"transpose_batch_b", KnownAttr::kAttribute, "transBatchB"},
};

NOMO_REGISTER_OP(
    OpDef("math.FusedMatMul")
        .Doc("y = alpha * math.MatMul(a, b), whose matrices may be transposed first. With "
             "transpose_batch_a (b) the first axis of a (b) is put behind the batches before that: "
             "[M, batch..., K] becomes [batch..., M, K].")
        .Source("com.microsoft FusedMatMul")
        .Known({.as = "com.microsoft", .name = "FusedMatMul", .attrs = kRuntimeNames})
        .Known({.as = "com.microsoft", .name = "TransposeMatMul", .attrs = kRuntimeNames})
        .TypeVar("T", kFloats)
        .Input("a", "T", "[batch..., M, K], or [K]")
        .Input("b", "T", "[batch..., K, N], or [K]")
        .Output("y", "T", "[batch..., M, N] without the axes that a vector lacks")
        .Attr("transpose_a", false, "swaps the last two axes of a")
        .Attr("transpose_b", false, "swaps the last two axes of b")
        .Attr("transpose_batch_a", false, "puts the first axis of a behind its batches")
        .Attr("transpose_batch_b", false, "puts the first axis of b behind its batches")
        .Attr("alpha", 1.0, "the factor of the product")
        .Infer(Infer)
        .Body(Body)
        .Work(ProductWork)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph
