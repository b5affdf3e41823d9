#include "nomograph/core/control_flow.h"

#include "nomograph/core/expr.h"

namespace nomograph {
namespace {

std::vector<TensorType> TypesOf(const std::vector<Value>& values) {
  std::vector<TensorType> types;
  for (const Value& value : values) types.push_back(value.valid() ? value.type() : TensorType{});
  return types;
}

}  // namespace

std::vector<Value> If(const Value& condition, std::vector<Value> inputs, TraceFn then_branch,
                      TraceFn else_branch) {
  const std::vector<TensorType> types = TypesOf(inputs);
  // How many values a branch yields is known when it has been traced.
  const auto traced = Trace(then_branch, types, "then");
  if (!traced.ok()) return {ErrorValue(Annotate(traced.status(), "core.If: then_branch"))};
  CallOptions options;
  options.num_outputs =
      static_cast<int>((*traced)->functions.at((*traced)->main).graph.outputs.size());
  options.functions = {{"then_branch", std::move(then_branch), types},
                       {"else_branch", std::move(else_branch), types}};
  inputs.insert(inputs.begin(), condition);
  return CallMulti("core.If", std::move(inputs), {}, std::move(options));
}

std::vector<Value> While(std::vector<Value> initial, TraceFn condition, TraceFn body) {
  const std::vector<TensorType> types = TypesOf(initial);
  CallOptions options;
  options.num_outputs = static_cast<int>(initial.size());
  options.functions = {{"cond", std::move(condition), types}, {"body", std::move(body), types}};
  return CallMulti("core.While", std::move(initial), {}, std::move(options));
}

}  // namespace nomograph
