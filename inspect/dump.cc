// Runs a copy of the model that has the values as its outputs.
#include "nomograph/inspect/dump.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"

namespace nomograph {
namespace {

// The inputs in their order.
absl::StatusOr<std::vector<Tensor>> Ordered(const Graph& graph, const NamedTensors& inputs) {
  std::vector<Tensor> ordered;
  for (const ValueId id : graph.inputs) {
    const auto found = inputs.find(graph.value(id).name);
    if (found == inputs.end()) {
      return InvalidArgument("there is no input ", Quoted(graph.value(id).name));
    }
    ordered.push_back(found->second);
  }
  return ordered;
}

}  // namespace

absl::StatusOr<std::vector<Tensor>> ComputeValues(const Model& model,
                                                  absl::Span<const ValueId> values,
                                                  const NamedTensors& inputs,
                                                  const DumpOptions& options) {
  NOMO_ASSIGN_OR_RETURN(std::vector<Tensor> ordered, Ordered(model.graph, inputs));
  absl::flat_hash_map<ValueId, Tensor> known;
  for (const Weight& weight : model.graph.weights) known[weight.value] = weight.tensor;
  for (size_t i = 0; i < ordered.size(); ++i) known[model.graph.inputs[i]] = ordered[i];

  auto copy = std::make_shared<Model>(model);
  copy->golden_vectors.clear();
  copy->graph.outputs.clear();
  absl::flat_hash_set<ValueId> asked;
  for (const ValueId id : values) {
    if (!known.contains(id) && asked.insert(id).second) copy->graph.outputs.push_back(id);
  }
  if (!copy->graph.outputs.empty()) {
    const std::vector<ValueId> computed = copy->graph.outputs;
    NOMO_ASSIGN_OR_RETURN(const auto session, Session::Create(std::move(copy), options.session));
    RunOptions run = options.run;
    run.outputs.clear();
    NOMO_ASSIGN_OR_RETURN(std::vector<Tensor> results, session->Run(ordered, run));
    for (size_t i = 0; i < computed.size(); ++i) known[computed[i]] = std::move(results[i]);
  }
  std::vector<Tensor> tensors;
  for (const ValueId id : values) tensors.push_back(known[id]);
  return tensors;
}

std::vector<ValueId> ComputedValues(const Graph& graph) {
  std::vector<ValueId> values;
  for (const Node& node : graph.nodes) {
    for (const ValueId id : node.outputs) {
      if (id != kNoValue) values.push_back(id);
    }
  }
  return values;
}

}  // namespace nomograph
