// core.Identity, core.After: the input itself, at once or when other values have been computed.
#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

absl::Status Compute(KernelContext& context) {
  return context.SetOutput(0, context.BorrowInput(0));
}

std::vector<Example> IdentityExamples() {
  const Tensor x = Tensor::Of<float>({2, 2}, {1, 2, 3, 4});
  const Tensor scalar = Tensor::Scalar<uint16_t>(7);
  return {
      {.name = "matrix", .inputs = {x}, .outputs = {x}},
      {.name = "scalar", .inputs = {scalar}, .outputs = {scalar}},
  };
}

std::vector<Example> AfterExamples() {
  const Tensor x = Tensor::Of<float>({2, 2}, {1, 2, 3, 4});
  return {
      {.name = "two to wait for, of any dtype",
       .inputs = {x, Tensor::Vector<bool>({true}), Tensor::Scalar<int64_t>(3)},
       .outputs = {x}},
      {.name = "nothing to wait for", .inputs = {x}, .outputs = {x}},
  };
}

NOMO_REGISTER_OP(OpDef("core.Identity")
                     .Doc("y = x.")
                     .Source("ONNX Identity")
                     .Known({.as = "onnx", .name = "Identity"})
                     .TypeVar("T", kStoredType)
                     .Input("x", "T", "any shape")
                     .Output("y", "T", "the shape of x")
                     .Infer(SameAsInput)
                     .Reference(Compute)
                     .View()
                     .InLowPrecision(LowPrecision::kFollows)
                     .Gradient(PassGradient())
                     .Examples(IdentityExamples));

NOMO_REGISTER_OP(OpDef("core.After")
                     .Doc("y = x, once the `others` have been computed. It orders effects: what "
                          "uses y runs after an assignment whose result is among the others, which "
                          "so runs even if nothing else uses it.")
                     .Source("tf.control_dependencies")
                     .TypeVar("T", kStoredType)
                     .Input("x", "T", "any shape")
                     .VariadicInput("others", "any", "any types", 0)
                     .Output("y", "T", "the shape of x")
                     .Infer(SameAsInput)
                     .Reference(Compute)
                     .View()
                     .Gradient(PassGradient())
                     .Examples(AfterExamples));

}  // namespace
}  // namespace nomograph
