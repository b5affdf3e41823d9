// core.While: loop variables replaced by a body's results as long as a condition holds.
#include <algorithm>

#include "nomograph/core/build/expr.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/gradient/draws.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/core/control_flow.h"
#include "nomograph/ops/core/loop_body.h"
#include "nomograph/ops/core/loop_gradient.h"

namespace nomograph {
namespace {

absl::Status CheckConditionFunction(const InferContext& context,
                                    absl::Span<const TensorType> variables) {
  auto types = context.InferFunction(context.attrs().Function("cond"), variables);
  NOMO_RETURN_IF_ERROR(Annotate(types.status(), "cond"));
  if (types->size() != 1)
    return InvalidArgument("cond: expected one output, found ", types->size());
  return CheckCondition((*types)[0], "cond");
}

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  std::vector<TensorType> variables;
  for (int i = 0; i < context.num_inputs(); ++i) variables.push_back(context.input(i));
  NOMO_ASSIGN_OR_RETURN(const std::vector<TensorType> outputs,
                        InferLoopBody(context, {.count = context.num_inputs()}, variables));
  if (outputs.size() != variables.size()) {
    return InvalidArgument("body: expected an output for each of ", variables.size(),
                           " variables, found ", outputs.size());
  }
  NOMO_RETURN_IF_ERROR(CheckConditionFunction(context, variables));
  return variables;
}

absl::Status Compute(KernelContext& context) {
  std::vector<Tensor> variables = BorrowInputs(context, 0);
  for (uint64_t iteration = 0;; ++iteration) {
    NOMO_ASSIGN_OR_RETURN(const std::vector<Tensor> result,
                          CallFunction(context, "cond", variables, 2 * iteration));
    NOMO_ASSIGN_OR_RETURN(const bool goes_on, ConditionValue(result[0], "cond"));
    if (!goes_on) return SetOutputs(context, variables);
    if (context.attrs().Has("max_iterations") &&
        iteration == static_cast<uint64_t>(context.attrs().Int("max_iterations"))) {
      return absl::OutOfRangeError(
          absl::StrCat("the loop goes on after max_iterations, ", iteration));
    }
    NOMO_ASSIGN_OR_RETURN(variables, CallFunction(context, "body", variables, 2 * iteration + 1));
  }
}

// A core.Loop that does the same, and yields what the variables that change were ahead of each
// iteration.
absl::StatusOr<std::vector<Value>> SavedIterations(const GradientContext& g,
                                                   const std::vector<bool>& unchanged) {
  const int count = g.num_inputs();
  std::vector<Value> inputs;
  std::vector<TensorType> types = {{DType::kInt64, Shape{}}, {DType::kBool, Shape{}}};
  for (int i = 0; i < count; ++i) {
    inputs.push_back(g.input(i));
    types.push_back(g.output(i).type());
  }
  const auto body = [&](absl::Span<const Value> in) -> std::vector<Value> {
    in.remove_prefix(2);  // the iteration and the condition
    auto next = g.Inline("body", in);
    if (!next.ok()) return {ErrorValue(next.status())};
    auto outputs = g.Inline("cond", *next);
    if (!outputs.ok()) return {ErrorValue(outputs.status())};
    outputs->insert(outputs->end(), next->begin(), next->end());
    for (int i = 0; i < count; ++i) {
      if (!unchanged[i]) outputs->push_back(in[i]);
    }
    return *std::move(outputs);
  };
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> begins, g.Inline("cond", inputs));
  inputs.insert(inputs.begin(), {Value(), begins[0]});
  CallOptions options;
  options.num_outputs =
      count + static_cast<int>(std::count(unchanged.begin(), unchanged.end(), false));
  options.functions = {{"body", body, types}};
  std::vector<Value> outputs = CallMulti("core.Loop", inputs, {{"num_carried", count}}, options);
  NOMO_RETURN_IF_ERROR(outputs[0].status());
  outputs.erase(outputs.begin(), outputs.begin() + count);
  return outputs;
}

absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  for (const char* function : {"cond", "body"}) {
    const TracedFunction* traced = g.function(function);
    if (traced != nullptr && DrawingNode(traced->functions) != nullptr) {
      return absl::UnimplementedError(
          absl::StrCat(function,
                       " draws random numbers, which a while loop's gradient cannot draw again; "
                       "core.Loop's can"));
    }
  }
  NOMO_RETURN_IF_ERROR(CheckKeptShapes(g, 0, g.num_inputs()));
  const std::vector<bool> unchanged = Unchanged(g, g.num_inputs(), 0, 0);
  if (std::find(unchanged.begin(), unchanged.end(), false) == unchanged.end()) {
    std::vector<Value> result;  // of a loop that ends, it ran not once
    for (int i = 0; i < g.num_inputs(); ++i)
      result.push_back(g.has_gradient(i) ? g.gradient(i) : Value());
    return result;
  }
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> saved, SavedIterations(g, unchanged));
  DifferentiatedLoop loop;
  loop.carried = CarriedValues(g, 0, unchanged, saved);
  loop.step = [&g](const Iteration& iteration) { return g.Inline("body", iteration.carried); };
  return GradientsOfLoop(loop).carried;
}

// Counts i down while it adds it up.
Example SumTo(const char* name, int64_t i, int64_t total) {
  using Values = absl::Span<const Value>;
  const auto above_zero = [](Values in) { return std::vector<Value>{in[0] > 0}; };
  const auto add_up = [](Values in) { return std::vector<Value>{in[0] - 1, in[1] + in[0]}; };
  const std::vector<TensorType> types(2, {DType::kInt64, Shape{}});
  return {
      .name = name,
      .inputs = {Tensor::Scalar<int64_t>(i), Tensor::Scalar<int64_t>(0)},
      .outputs = {Tensor::Scalar<int64_t>(std::min<int64_t>(i, 0)), Tensor::Scalar<int64_t>(total)},
      .functions = {{"cond", above_zero, types}, {"body", add_up, types}}};
}

// Doubles a vector until it has 4 elements.
Example Grow() {
  using Values = absl::Span<const Value>;
  const auto short_of_4 = [](Values in) {
    return std::vector<Value>{Call("array.Size", {in[0]}) < 4};
  };
  const auto doubled = [](Values in) {
    return std::vector<Value>{Call("array.Concat", {in[0], in[0]})};
  };
  const std::vector<TensorType> types = {{DType::kInt32, PartialShape::OfRank(1)}};
  return {.name = "a shape that changes",
          .inputs = {Tensor::Vector<int32_t>({7})},
          .outputs = {Tensor::Vector<int32_t>({7, 7, 7, 7})},
          .functions = {{"cond", short_of_4, types}, {"body", doubled, types}}};
}

std::vector<Example> Examples() {
  std::vector<Example> examples = {SumTo("1 + 2 + 3 + 4", 4, 10), SumTo("not once", -1, 0), Grow()};
  examples.push_back(SumTo("as often as is allowed", 3, 6));
  examples.back().attrs.Set("max_iterations", 3);
  return examples;
}

NOMO_REGISTER_OP(
    WithKey(OpDef("core.While"))
        .Doc("Calls functions of the model over loop variables, the inputs: as long as "
             "cond(variables) is true, variables = body(variables). The outputs are the variables "
             "at the end. The body keeps their number and dtypes; their shapes may change, and are "
             "then known only when the node has run. Random ops in the functions draw other "
             "numbers in each iteration.")
        .Source("ONNX Loop; tf.while_loop")
        .VariadicInput("variables", "any", "the variables' first values")
        .VariadicOutput("results", "any", "their last values")
        .RequiredAttr("cond", AttrType::kFunction, "yields one bool")
        .RequiredAttr("body", AttrType::kFunction, "yields as many variables as it takes")
        .OptionalAttr(
            "max_iterations", AttrType::kInt,
            "a guard against endless loops: to go on after so many is an error; absent: no limit")
        .Min(0)
        .Infer(Infer)
        .Reference(Compute)
        .Gradient(Gradient)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph
