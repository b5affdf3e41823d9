// train.AddLoss: a value that brings a loss along, beside those of the model's outputs.
#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/registry.h"

namespace nomograph::train {
namespace {

absl::StatusOr<std::vector<Value>> Body(absl::Span<const Value> inputs,
                                        const Attributes& /*attrs*/) {
  return std::vector<Value>{inputs[0]};
}

std::vector<Example> Examples() {
  const Tensor x = Tensor::Of<float>({2, 2}, {1, 2, 3, 4});
  return {
      {.name = "a scalar loss", .inputs = {x, Tensor::Scalar<float>(0.5f)}, .outputs = {x}},
      {.name = "a loss for each row", .inputs = {x, Tensor::Vector<float>({1, 2})}, .outputs = {x}},
  };
}

NOMO_REGISTER_OP(OpDef("train.AddLoss")
                     .Doc("y = x. In training the sum of `loss` is added to the losses of the "
                          "model's outputs, which is how penalties on activations are written; "
                          "elsewhere it is not computed.")
                     .Source("Keras Layer.add_loss")
                     .TypeVar("T", kAnyType)
                     .TypeVar("F", kFloats)
                     .Input("x", "T", "any shape")
                     .Input("loss", "F", "any shape; its elements are summed")
                     .Output("y", "T", "as x")
                     .Infer(SameAsInput)
                     .Body(Body)
                     .Gradient(PassGradient())
                     .Examples(Examples));

}  // namespace
}  // namespace nomograph::train
