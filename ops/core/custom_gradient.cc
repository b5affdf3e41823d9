// core.CustomGradient: a function of the model whose gradient is another one.
#include "nomograph/core/build/value.h"
#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/core/control_flow.h"

namespace nomograph {
namespace {

bool IsFloat(const TensorType& type) { return kFloats.Contains(type.dtype); }

// What the gradient function takes: the inputs, the outputs, and the gradients of those outputs
// that have any.
std::vector<TensorType> GradientInputs(std::vector<TensorType> inputs,
                                       const std::vector<TensorType>& outputs) {
  inputs.insert(inputs.end(), outputs.begin(), outputs.end());
  for (const TensorType& output : outputs) {
    if (IsFloat(output)) inputs.push_back(output);
  }
  return inputs;
}

absl::Status CheckGradient(const InferContext& context, const std::vector<TensorType>& inputs,
                           const std::vector<TensorType>& outputs) {
  const auto gradients =
      context.InferFunction(context.attrs().Function("gradient"), GradientInputs(inputs, outputs));
  NOMO_RETURN_IF_ERROR(Annotate(gradients.status(), "gradient"));
  size_t next = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!IsFloat(inputs[i])) continue;
    if (next == gradients->size()) {
      return InvalidArgument("gradient: expected one for each floating-point input, found ", next);
    }
    const TensorType& found = (*gradients)[next++];
    if (found.dtype != inputs[i].dtype || !Compatible(found.shape, inputs[i].shape)) {
      return InvalidArgument("gradient: for input ", i, " expected ", inputs[i].ToString(),
                             ", found ", found.ToString());
    }
  }
  if (next == gradients->size()) return absl::OkStatus();
  return InvalidArgument("gradient: expected ", next, ", one for each floating-point input, found ",
                         gradients->size());
}

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  std::vector<TensorType> inputs;
  for (int i = 0; i < context.num_inputs(); ++i) inputs.push_back(context.input(i));
  auto outputs = context.InferFunction(context.attrs().Function("function"), inputs);
  NOMO_RETURN_IF_ERROR(Annotate(outputs.status(), "function"));
  if (static_cast<int>(outputs->size()) != context.num_outputs()) {
    return InvalidArgument("expected ", context.num_outputs(), " outputs, the function yields ",
                           outputs->size());
  }
  NOMO_RETURN_IF_ERROR(CheckGradient(context, inputs, *outputs));
  return outputs;
}

absl::Status Compute(KernelContext& context) {
  const std::vector<Tensor> inputs = BorrowInputs(context, 0);
  NOMO_ASSIGN_OR_RETURN(const std::vector<Tensor> outputs,
                        CallFunction(context, "function", inputs, 0));
  return SetOutputs(context, outputs);
}

absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  std::vector<Value> inputs;
  for (int i = 0; i < g.num_inputs(); ++i) inputs.push_back(g.input(i));
  for (int i = 0; i < g.num_outputs(); ++i) inputs.push_back(g.output(i));
  for (int i = 0; i < g.num_outputs(); ++i) {
    if (IsFloat(g.output(i).type())) inputs.push_back(g.gradient(i));
  }
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> gradients, g.Inline("gradient", inputs));
  std::vector<Value> result(g.num_inputs());
  size_t next = 0;
  for (int i = 0; i < g.num_inputs(); ++i) {
    if (IsFloat(g.input(i).type()) && next < gradients.size()) result[i] = gradients[next++];
  }
  return result;
}

std::vector<Example> Examples() {
  using Values = absl::Span<const Value>;
  const auto log1p_exp = [](Values in) {
    return std::vector<Value>{Call("math.Log", {1 + Call("math.Exp", {in[0]})})};
  };
  // dy (1 - 1 / (1 + e^x)), which does not become inf / inf.
  const auto gradient = [](Values in) {
    return std::vector<Value>{in[2] * (1 - 1 / (1 + Call("math.Exp", {in[0]})))};
  };
  const Tensor x = Tensor::Vector<float>({-1, 0, 2});
  return {{.name = "log(1 + e^x)",
           .inputs = {x},
           .outputs = {Tensor::Vector<float>({0.313261688f, 0.693147181f, 2.12692801f})},
           .functions = {{"function", log1p_exp, {x.type()}},
                         {"gradient", gradient, {x.type(), x.type(), x.type()}}}}};
}

NOMO_REGISTER_OP(
    WithKey(OpDef("core.CustomGradient"))
        .Doc("outputs = function(inputs), a function of the model. Where gradients are computed, "
             "those of the floating-point inputs are what another function yields, in their order: "
             "gradient(inputs..., outputs..., gradients...), with a gradient for each "
             "floating-point output.")
        .Source("tf.custom_gradient; torch.autograd.Function")
        .VariadicInput("inputs", "any", "what the function takes")
        .VariadicOutput("outputs", "any", "what it yields")
        .RequiredAttr("function", AttrType::kFunction, "what is computed")
        .RequiredAttr("gradient", AttrType::kFunction, "how gradients are computed")
        .Infer(Infer)
        .Reference(Compute)
        .Gradient(Gradient)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph
