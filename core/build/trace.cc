// Tracing: a function on values becomes a function of the model, saved as data.
#include "nomograph/core/build/expr.h"
#include "nomograph/core/build/expr_writer.h"
#include "nomograph/core/op/eager.h"

namespace nomograph {
namespace {

bool IsConstant(const Expr& expr) { return expr.node.op == "core.Constant"; }

// The values from before `first_id` that expressions of the function use, constants apart, each
// once.
std::vector<Value> CapturedValues(absl::Span<const Value> outputs,
                                  const std::vector<std::shared_ptr<const Expr>>& inside,
                                  uint64_t first_id) {
  std::vector<Value> captured;
  const auto add = [&](const Value& value) {
    if (!value.valid() || value.expr()->id >= first_id || IsConstant(*value.expr())) return;
    for (const Value& known : captured) {
      if (known.expr() == value.expr() && known.output() == value.output()) return;
    }
    captured.push_back(value);
  };
  for (const auto& expr : inside) {
    for (const Value& input : expr->inputs) add(input);
  }
  for (const Value& output : outputs) add(output);
  return captured;
}

absl::Status CheckOutputs(absl::Span<const Value> outputs) {
  if (outputs.empty()) return InvalidArgument("the function yields no output");
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!outputs[i].valid()) return InvalidArgument("output ", i, " of the function is absent");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<const TracedFunction>> Trace(
    const TraceFn& function, absl::Span<const TensorType> input_types, absl::string_view name) {
  if (function == nullptr) return InvalidArgument("there is no function");
  const ScopedLayer no_layer(nullptr);
  std::vector<Value> inputs;
  for (const TensorType& type : input_types) {
    inputs.push_back(type.dtype == DType::kInvalid ? Value() : InputValue(type));
  }
  const uint64_t first_id = Expr(Expr::Kind::kInput).id;
  const std::vector<Value> outputs = function(inputs);
  NOMO_RETURN_IF_ERROR(CheckOutputs(outputs));

  const auto exprs = ReachableExprs(
      outputs, [&](const Expr& expr) { return expr.id >= first_id || IsConstant(expr); });
  ErrorList errors;
  for (const auto& expr : exprs) errors.Add(expr->status);
  NOMO_RETURN_IF_ERROR(errors.ToStatus("the function is not valid"));

  auto traced = std::make_shared<TracedFunction>();
  traced->main = std::string(name);
  Function main{.name = traced->main};
  main.graph.name = traced->main;
  LayerNames layers;
  std::vector<Variable> variables;
  ExprWriter writer(main.graph, layers, traced->functions, variables);
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].valid()) {
      writer.AddInput(inputs[i], inputs.size() == 1 ? "x" : absl::StrCat("x", i));
    } else {
      main.graph.inputs.push_back(main.graph.AddValue(absl::StrCat("absent", i), {}));
    }
  }
  for (const Value& value : CapturedValues(outputs, exprs, first_id)) {
    bool is_input = false;
    for (const Value& input : inputs) is_input |= input.valid() && input.expr() == value.expr();
    if (is_input) continue;
    writer.AddInput(value, "captured");
    traced->captured.push_back(value);
  }
  // The function's own name is kept free for it while the functions that it calls are named.
  traced->functions[traced->main] = Function{};
  writer.ReserveFunction(traced->main);
  for (const auto& expr : exprs) NOMO_RETURN_IF_ERROR(writer.Write(expr, 0));
  if (!variables.empty()) {
    return InvalidArgument(
        "a traced function cannot have state variables; use them in a layer of your own");
  }
  for (const Value& output : outputs) main.graph.outputs.push_back(writer.IdOf(output));
  traced->functions[traced->main] = std::move(main);
  return traced;
}

absl::StatusOr<std::shared_ptr<const TracedFunction>> TraceOpBody(
    const OpDef& op, const Attributes& attrs, absl::Span<const TensorType> input_types) {
  absl::Status status;
  const TraceFn function = [&](absl::Span<const Value> inputs) {
    auto outputs = CatchExceptions([&] { return op.body(inputs, attrs); });
    status = outputs.status();
    return outputs.ok() ? *std::move(outputs) : std::vector<Value>{};
  };
  auto traced = Trace(function, input_types, op.name);
  NOMO_RETURN_IF_ERROR(Annotate(status, "body"));
  NOMO_RETURN_IF_ERROR(Annotate(traced.status(), "body"));
  return *std::move(traced);
}

}  // namespace nomograph
