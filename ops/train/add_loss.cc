// train.AddLoss, train.LossMask: values that bring along what a trainer is to know: a loss beside
// those of the model's outputs, and which samples of an output count.
#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/registry.h"

namespace nomograph::train {
namespace {

absl::StatusOr<std::vector<Value>> Body(absl::Span<const Value> inputs,
                                        const Attributes& /*attrs*/) {
  return std::vector<Value>{inputs[0]};
}

absl::StatusOr<std::vector<TensorType>> InferMask(const InferContext& context) {
  const PartialShape &x = context.shape(0), &mask = context.shape(1);
  bool fits = true;  // axis by axis, from the first on
  for (int axis = 0; x.has_rank() && mask.has_rank() && axis < mask.rank(); ++axis) {
    fits &= axis < x.rank() && (!x[axis].known() || !mask[axis].known() || mask[axis] == Dim(1) ||
                                x[axis] == mask[axis]);
  }
  if (!fits) {
    return InvalidArgument("the mask: expected x's first axes, of ", x.ToString(), ", found ",
                           mask.ToString());
  }
  return std::vector<TensorType>{context.input(0)};
}

std::vector<Example> MaskExamples() {
  const Tensor x = Tensor::Of<float>({2, 2, 1}, {1, 2, 3, 4});
  return {{.name = "a mask of steps",
           .inputs = {x, Tensor::Of<bool>({2, 2}, {true, true, true, false})},
           .outputs = {x}}};
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

NOMO_REGISTER_OP(OpDef("train.LossMask")
                     .Doc("y = x. Where y is an output of the model, the samples whose mask is "
                          "false count neither in the output's loss nor in its metrics; elsewhere "
                          "the mask is not computed.")
                     .Source("Keras: the mask of a model's output, keras.losses.Loss")
                     .TypeVar("T", kAnyType)
                     .Input("x", "T", "[batch, ...]")
                     .Input("mask", "bool", "[batch, steps], or other first axes of x")
                     .Output("y", "T", "as x")
                     .Infer(InferMask)
                     .Body(Body)
                     .Gradient(PassGradient())
                     .Examples(MaskExamples));

}  // namespace
}  // namespace nomograph::train
