// array.Squeeze, array.Unsqueeze: axes of size 1 removed and inserted.
#include <algorithm>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/array/copy_op.h"

namespace nomograph {
namespace {

// Without `axes` all axes of size 1 go; unknown where a size that decides is unknown.
absl::StatusOr<PartialShape> SqueezeAll(const PartialShape& shape) {
  std::vector<Dim> kept;
  for (const Dim& dim : shape.dims()) {
    if (!dim.known()) return PartialShape();
    if (dim.size() != 1) kept.push_back(dim);
  }
  return PartialShape(std::move(kept));
}

absl::StatusOr<PartialShape> SqueezeAxes(const PartialShape& shape, const Ints& given) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<int> axes, NormalizeAxes(given, shape.rank()));
  std::vector<Dim> kept;
  for (int i = 0; i < shape.rank(); ++i) {
    if (!std::binary_search(axes.begin(), axes.end(), i)) {
      kept.push_back(shape[i]);
    } else if (shape[i].known() && shape[i].size() != 1) {
      return InvalidArgument("axis ", i, " of shape ", shape.ToString(), " is not of size 1");
    }
  }
  return PartialShape(std::move(kept));
}

absl::StatusOr<std::vector<TensorType>> InferSqueeze(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(const IntsArg axes, GetInts(context, "axes", 1));
  const PartialShape& shape = context.shape(0);
  PartialShape result;
  if (shape.has_rank() && !axes.given) {
    NOMO_ASSIGN_OR_RETURN(result, SqueezeAll(shape));
  } else if (shape.has_rank() && axes.known) {
    NOMO_ASSIGN_OR_RETURN(result, SqueezeAxes(shape, axes.values));
  }
  return std::vector<TensorType>{{context.dtype(0), result}};
}

absl::StatusOr<PartialShape> UnsqueezeAxes(const PartialShape& shape, const Ints& given) {
  NOMO_ASSIGN_OR_RETURN(PartialShape result,
                        UnknownShape(shape.rank() + static_cast<int64_t>(given.size())));
  NOMO_ASSIGN_OR_RETURN(const std::vector<int> axes, NormalizeAxes(given, result.rank()));
  for (int i = 0, from = 0; i < result.rank(); ++i) {
    result[i] = std::binary_search(axes.begin(), axes.end(), i) ? Dim(1) : shape[from++];
  }
  return result;
}

absl::StatusOr<std::vector<TensorType>> InferUnsqueeze(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(const IntsArg axes, GetRequiredInts(context, "axes", 1));
  const PartialShape& shape = context.shape(0);
  PartialShape result;
  if (shape.has_rank() && axes.known) {
    NOMO_ASSIGN_OR_RETURN(result, UnsqueezeAxes(shape, axes.values));
  } else if (shape.has_rank() && axes.count.known()) {
    if (axes.count.size() > kMaxRank) return InvalidArgument("axes: expected at most ", kMaxRank);
    NOMO_ASSIGN_OR_RETURN(result, UnknownShape(shape.rank() + axes.count.size()));
  }
  return std::vector<TensorType>{{context.dtype(0), result}};
}

std::vector<Example> SqueezeExamples() {
  const Tensor x = Tensor::Of<float>({1, 3, 1, 2}, {0, 1, 2, 3, 4, 5});
  return {
      {.name = "all axes of size 1", .inputs = {x}, .outputs = {x.Reshaped({3, 2})}},
      {.name = "axes",
       .attrs = {{"axes", Ints{0}}},
       .inputs = {x},
       .outputs = {x.Reshaped({3, 1, 2})}},
      {.name = "negative axis",
       .attrs = {{"axes", Ints{-2}}},
       .inputs = {x},
       .outputs = {x.Reshaped({1, 3, 2})}},
      {.name = "axes as an input",
       .inputs = {x, Tensor::Vector<int64_t>({2, 0})},
       .outputs = {x.Reshaped({3, 2})}},
      {.name = "to a scalar",
       .inputs = {Tensor::Of<int8_t>({1, 1}, {5})},
       .outputs = {Tensor::Scalar<int8_t>(5)}},
  };
}

std::vector<Example> UnsqueezeExamples() {
  const Tensor x = Tensor::Of<float>({3, 2}, {0, 1, 2, 3, 4, 5});
  return {
      {.name = "front",
       .attrs = {{"axes", Ints{0}}},
       .inputs = {x},
       .outputs = {x.Reshaped({1, 3, 2})}},
      {.name = "several, in any order",
       .attrs = {{"axes", Ints{-1, 1}}},
       .inputs = {x},
       .outputs = {x.Reshaped({3, 1, 2, 1})}},
      {.name = "axes as an input",
       .inputs = {x, Tensor::Vector<int64_t>({0, 3})},
       .outputs = {x.Reshaped({1, 3, 2, 1})}},
      {.name = "scalar",
       .attrs = {{"axes", Ints{0}}},
       .inputs = {Tensor::Scalar<double>(2.5)},
       .outputs = {Tensor::Of<double>({1}, {2.5})}},
  };
}

NOMO_REGISTER_OP(ViewOp(
    OpDef("array.Squeeze")
        .Doc("Removes axes of size 1: those that are named, as an attribute or an input, or "
             "else all. To name an axis of another size is an error.")
        .Source("ONNX Squeeze")
        .Known({.as = "onnx", .name = "Squeeze", .attrs = {{"axes", KnownAttr::kInput, "", 1}}})
        .TypeVar("T", kStoredType)
        .Input("x", "T", "any shape")
        .OptionalInput("axes", "int64", "a vector of axes")
        .Output("y", "T", "the shape of x without those axes")
        .OptionalAttr("axes", AttrType::kInts, "in [-rank, rank), each once")
        .Infer(InferSqueeze)
        .InLowPrecision(LowPrecision::kFollows)
        .Gradient(UnaryGradient([](const Value& x, const Value&, const Value& dy) {
          return ReshapeLike(dy, x);
        }))
        .Examples(SqueezeExamples)));

NOMO_REGISTER_OP(ViewOp(
    OpDef("array.Unsqueeze")
        .Doc("Inserts axes of size 1, so that they are the named ones of y. "
             "The axes are an attribute or an input.")
        .Source("ONNX Unsqueeze")
        .Known({.as = "onnx", .name = "Unsqueeze", .attrs = {{"axes", KnownAttr::kInput, "", 1}}})
        .TypeVar("T", kStoredType)
        .Input("x", "T", "any shape")
        .OptionalInput("axes", "int64", "a vector of axes")
        .Output("y", "T", "the shape of x with those axes")
        .OptionalAttr("axes", AttrType::kInts, "in [-r, r), each once, where r is the rank of y")
        .Infer(InferUnsqueeze)
        .InLowPrecision(LowPrecision::kFollows)
        .Gradient(UnaryGradient([](const Value& x, const Value&, const Value& dy) {
          return ReshapeLike(dy, x);
        }))
        .Examples(UnsqueezeExamples)));

}  // namespace
}  // namespace nomograph
