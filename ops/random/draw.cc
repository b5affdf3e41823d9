#include "nomograph/ops/random/draw.h"

#include <utility>

#include "nomograph/core/op/int_args.h"

namespace nomograph::random {
namespace {

// Numbers of which a block of the stream holds two, for 2^32 blocks.
constexpr int64_t kMaxElements = int64_t{1} << 33;

}  // namespace

absl::StatusOr<std::vector<TensorType>> Drawn(DType dtype, const PartialShape& shape) {
  if (shape.fully_known()) {
    NOMO_ASSIGN_OR_RETURN(const int64_t count, shape.ToShape().CheckedNumElements());
    if (count > kMaxElements) {
      return InvalidArgument("expected at most 2^33 random numbers, found shape ",
                             shape.ToString());
    }
  }
  return std::vector<TensorType>{{dtype, shape}};
}

OpDef ShapedOp(std::string name, DTypeSet types, DType dtype, CheckFn check) {
  OpDef op(std::move(name));
  op.TypeVar("I", {DType::kInt32, DType::kInt64}).TypeVar("R", types);
  op.OptionalInput("shape", "I", "a vector: the shape of y, where the attribute does not give it");
  op.Output("y", "R", "random numbers");
  op.OptionalAttr("shape", AttrType::kInts, "the shape of y").Min(0);
  op.Attr("dtype", dtype, "the type of y");
  op.Infer([check](const InferContext& context) -> absl::StatusOr<std::vector<TensorType>> {
    if (check != nullptr) NOMO_RETURN_IF_ERROR(check(context.attrs()));
    NOMO_ASSIGN_OR_RETURN(const PartialShape shape, GetShape(context, "shape", 0));
    return Drawn(context.attrs().Type("dtype"), shape);
  });
  return RandomOp(std::move(op));
}

OpDef LikeOp(std::string name, DTypeSet x_types, DTypeSet types, CheckFn check) {
  OpDef op(std::move(name));
  op.TypeVar("T", x_types).TypeVar("R", types);
  op.Input("x", "T", "any shape").Output("y", "R", "the shape of x").GradientIsZero();
  op.OptionalAttr("dtype", AttrType::kDType, "the type of y; absent: that of x");
  op.Infer([check](const InferContext& context) -> absl::StatusOr<std::vector<TensorType>> {
    if (check != nullptr) NOMO_RETURN_IF_ERROR(check(context.attrs()));
    const bool given = context.attrs().Has("dtype");
    return Drawn(given ? context.attrs().Type("dtype") : context.dtype(0), context.shape(0));
  });
  return RandomOp(std::move(op));
}

OpDef WithDraw(OpDef op, std::function<void(KernelContext&)> draw) {
  op.Reference([infer = op.infer, draw = std::move(draw)](KernelContext& context) -> absl::Status {
    const ConcreteNode node(context);
    NOMO_RETURN_IF_ERROR(AllocateOutputs(context, node, infer));
    draw(context);
    return absl::OkStatus();
  });
  return op;
}

}  // namespace nomograph::random
