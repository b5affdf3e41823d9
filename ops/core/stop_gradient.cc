// core.StopGradient: the input itself, through which nothing flows back.
#include "nomograph/core/build/value.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

absl::Status Compute(KernelContext& context) {
  return context.SetOutput(0, context.BorrowInput(0));
}

absl::StatusOr<std::vector<Value>> Body(absl::Span<const Value> inputs, const Attributes&) {
  return std::vector<Value>{Call("core.Identity", {inputs[0]})};
}

std::vector<Example> Examples() {
  // Of integers: of floating-point numbers the derivative differs from 0, as is meant.
  const Tensor x = Tensor::Of<int32_t>({2, 2}, {1, 2, 3, 4});
  return {{.name = "matrix", .inputs = {x}, .outputs = {x}}};
}

NOMO_REGISTER_OP(OpDef("core.StopGradient")
                     .Doc("y = x, which counts as a constant where gradients are computed.")
                     .Source("tf.stop_gradient; torch.Tensor.detach")
                     .TypeVar("T", kStoredType)
                     .Input("x", "T", "any shape")
                     .Output("y", "T", "the shape of x")
                     .Infer(SameAsInput)
                     .Reference(Compute)
                     .Body(Body)
                     .InLowPrecision(LowPrecision::kFollows)
                     .View()
                     .GradientIsZero()
                     .Examples(Examples));

}  // namespace
}  // namespace nomograph
