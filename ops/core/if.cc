// core.If: one of two functions of the model, as a condition says.
#include "nomograph/core/build/value.h"
#include "nomograph/core/gradient/gradients.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/core/control_flow.h"
#include "nomograph/ops/core/loop_gradient.h"

namespace nomograph {
namespace {

using Types = absl::StatusOr<std::vector<TensorType>>;

Types InferBranch(const InferContext& context, absl::string_view attr) {
  std::vector<TensorType> inputs;
  for (int i = 1; i < context.num_inputs(); ++i) inputs.push_back(context.input(i));
  Types types = context.InferFunction(context.attrs().Function(attr), inputs);
  if (!types.ok()) return Annotate(types.status(), attr);
  return types;
}

// Null where that is not known before the node runs.
absl::StatusOr<const Types*> TakenBranch(const InferContext& context, const Types& then_types,
                                         const Types& else_types) {
  if (context.constant(0) == nullptr) return nullptr;
  NOMO_ASSIGN_OR_RETURN(const bool condition, ConditionValue(*context.constant(0), "condition"));
  return condition ? &then_types : &else_types;
}

// What exporters write squeezes an axis where its size is 1, in a branch that does not fit other
// sizes: such a branch is a fault only where it is taken.
Types Infer(const InferContext& context) {
  NOMO_RETURN_IF_ERROR(CheckCondition(context.input(0), "condition"));
  const Types then_types = InferBranch(context, "then_branch");
  const Types else_types = InferBranch(context, "else_branch");
  NOMO_ASSIGN_OR_RETURN(const Types* taken, TakenBranch(context, then_types, else_types));
  if (taken != nullptr) NOMO_RETURN_IF_ERROR(taken->status());
  if (!then_types.ok() && !else_types.ok()) return then_types;
  const Types& first = then_types.ok() ? then_types : else_types;
  const Types& second = else_types.ok() ? else_types : then_types;
  if (first->size() != second->size() || static_cast<int>(first->size()) != context.num_outputs()) {
    return InvalidArgument("expected ", context.num_outputs(), " outputs, then_branch yields ",
                           first->size(), ", else_branch ", second->size());
  }
  std::vector<TensorType> types = taken != nullptr ? **taken : *first;
  for (size_t i = 0; i < types.size(); ++i) {
    if ((*first)[i].dtype != (*second)[i].dtype) {
      return InvalidArgument("output ", i, ": then_branch yields ", (*first)[i].ToString(),
                             ", else_branch ", (*second)[i].ToString());
    }
    if (taken == nullptr) types[i].shape = CommonShape(types[i].shape, (*second)[i].shape);
  }
  return types;
}

absl::Status Compute(KernelContext& context) {
  NOMO_ASSIGN_OR_RETURN(const bool condition, ConditionValue(context.BorrowInput(0), "condition"));
  const std::vector<Tensor> inputs = BorrowInputs(context, 1);
  NOMO_ASSIGN_OR_RETURN(
      const std::vector<Tensor> outputs,
      CallFunction(context, condition ? "then_branch" : "else_branch", inputs, condition ? 1 : 0));
  return SetOutputs(context, outputs);
}

// Of a branch whose first `inputs` inputs are the node's, and the others the gradients of its
// outputs `ends`: those of the inputs `wanted`.
std::vector<Value> BranchGradient(const GradientContext& g, absl::string_view branch,
                                  absl::Span<const Value> in, const std::vector<int>& ends,
                                  const std::vector<int>& wanted) {
  const auto inputs = in.first(in.size() - ends.size());
  const auto outputs = g.Inline(branch, inputs);
  if (!outputs.ok()) return {ErrorValue(outputs.status())};
  std::vector<Value> differentiated, values;
  for (const int i : ends) differentiated.push_back((*outputs)[i]);
  for (const int i : wanted) values.push_back(inputs[i]);
  GradientOptions options;
  const auto gradients = in.subspan(inputs.size());
  options.output_gradients.assign(gradients.begin(), gradients.end());
  auto found = Gradients(differentiated, values, options);
  if (!found.ok()) return {ErrorValue(found.status())};
  for (size_t i = 0; i < values.size(); ++i) {
    if (!(*found)[i].valid()) (*found)[i] = ZerosLike(values[i]);
  }
  return *std::move(found);
}

// A node that calls the branches' derivatives.
absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  std::vector<int> ends, wanted;
  std::vector<Value> inputs = {g.input(0)};
  std::vector<TensorType> types;
  for (int i = 1; i < g.num_inputs(); ++i) {
    if (g.wants(i)) wanted.push_back(i - 1);
    inputs.push_back(g.input(i));
    types.push_back(g.input(i).type());
  }
  for (int i = 0; i < g.num_outputs(); ++i) {
    if (!g.has_gradient(i)) continue;
    ends.push_back(i);
    inputs.push_back(g.gradient(i));
    types.push_back(g.output(i).type());
  }
  std::vector<Value> result(g.num_inputs());
  if (wanted.empty()) return result;
  CallOptions options;
  options.num_outputs = static_cast<int>(wanted.size());
  for (const char* branch : {"then_branch", "else_branch"}) {
    options.functions.push_back({branch,
                                 [&g, &ends, &wanted, branch](absl::Span<const Value> in) {
                                   return BranchGradient(g, branch, in, ends, wanted);
                                 },
                                 types});
  }
  const std::vector<Value> gradients = CallMulti("core.If", inputs, KeyOf(g), options);
  for (size_t i = 0; i < wanted.size(); ++i) result[wanted[i] + 1] = gradients[i];
  return result;
}

std::vector<Example> Examples() {
  using Values = absl::Span<const Value>;
  const auto twice = [](Values in) { return std::vector<Value>{in[0] + in[0]}; };
  const auto square = [](Values in) { return std::vector<Value>{in[0] * in[0]}; };
  const auto first_row = [](Values in) {
    return std::vector<Value>{Call("array.Slice", {in[0]}, {{"starts", 0}, {"ends", 1}})};
  };
  const Tensor x = Tensor::Of<float>({2, 1}, {3, -4});
  const std::vector<TensorType> types = {x.type()};
  return {
      {.name = "then",
       .inputs = {Tensor::Scalar(true), x},
       .outputs = {Tensor::Of<float>({2, 1}, {6, -8})},
       .functions = {{"then_branch", twice, types}, {"else_branch", square, types}}},
      {.name = "else",
       .inputs = {Tensor::Scalar(false), x},
       .outputs = {Tensor::Of<float>({2, 1}, {9, 16})},
       .functions = {{"then_branch", twice, types}, {"else_branch", square, types}}},
      {.name = "branches of different shapes",
       .inputs = {Tensor::Vector<bool>({true}), x},
       .outputs = {Tensor::Of<float>({1, 1}, {3})},
       .functions = {{"then_branch", first_row, types}, {"else_branch", square, types}}},
  };
}

NOMO_REGISTER_OP(WithKey(OpDef("core.If"))
                     .Doc("Calls one of two functions of the model: then_branch where `condition` "
                          "is true, else else_branch, with the other inputs. Both take the same "
                          "inputs and yield as many outputs, of equal dtypes. Where their shapes "
                          "differ, they are known only when the node has run. A branch that does "
                          "not fit the inputs' shapes is a fault only where it is taken.")
                     .Source("ONNX If; tf.cond")
                     .Input("condition", "bool", "one element")
                     .VariadicInput("inputs", "any", "what the branches take", 0)
                     .VariadicOutput("outputs", "any", "what the branch yields")
                     .RequiredAttr("then_branch", AttrType::kFunction, "the function for true")
                     .RequiredAttr("else_branch", AttrType::kFunction, "the function for false")
                     .Infer(Infer)
                     .Reference(Compute)
                     .Gradient(Gradient)
                     .Examples(Examples));

}  // namespace
}  // namespace nomograph
