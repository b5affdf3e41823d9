#include "nomograph/core/gradient/custom_gradient.h"

#include <utility>

#include "nomograph/core/build/expr.h"

namespace nomograph {

Value StopGradient(const Value& x) { return Call("core.StopGradient", {x}); }

std::vector<Value> CustomGradient(std::vector<Value> inputs, TraceFn function, TraceFn gradient) {
  std::vector<TensorType> types;
  for (const Value& input : inputs) {
    if (!input.valid()) {
      return {ErrorValue(InvalidArgument("core.CustomGradient: an input is absent"), inputs)};
    }
    if (!input.status().ok()) return {ErrorValue(absl::OkStatus(), inputs)};
    types.push_back(input.type());
  }
  // What the function yields is known when it has been traced.
  const auto traced = Trace(function, types, "function");
  if (!traced.ok()) {
    return {ErrorValue(Annotate(traced.status(), "core.CustomGradient: function"), inputs)};
  }
  const Graph& graph = (*traced)->functions.at((*traced)->main).graph;
  std::vector<TensorType> gradient_types = types, differentiated;
  for (const ValueId id : graph.outputs) {
    gradient_types.push_back(graph.value(id).type);
    if (kFloats.Contains(graph.value(id).type.dtype))
      differentiated.push_back(graph.value(id).type);
  }
  gradient_types.insert(gradient_types.end(), differentiated.begin(), differentiated.end());
  CallOptions options;
  options.num_outputs = static_cast<int>(graph.outputs.size());
  options.functions = {{"function", std::move(function), std::move(types)},
                       {"gradient", std::move(gradient), std::move(gradient_types)}};
  return CallMulti("core.CustomGradient", std::move(inputs), {}, std::move(options));
}

}  // namespace nomograph
