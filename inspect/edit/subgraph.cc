#include "nomograph/inspect/edit/subgraph.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/graph/call_graph.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/picture/hierarchy.h"

namespace nomograph {
namespace {

// A work list, because the depth comes from a file.
void KeepCalledFunctions(Model& model) {
  absl::flat_hash_set<std::string> called;
  std::vector<std::string> waiting;
  const auto visit = [&](const Graph& graph) {
    for (const Node& node : graph.nodes) {
      for (std::string& name : NamedFunctions(node)) {
        if (called.insert(name).second) waiting.push_back(std::move(name));
      }
    }
  };
  visit(model.graph);
  while (!waiting.empty()) {
    const auto function = model.functions.find(waiting.back());
    waiting.pop_back();
    if (function != model.functions.end()) visit(function->second.graph);
  }
  for (auto it = model.functions.begin(); it != model.functions.end();) {
    it = called.contains(it->first) ? std::next(it) : model.functions.erase(it);
  }
}

// Layers whose nodes are gone are no layers any more.
void KeepLayers(Model& model, const std::vector<ValueId>& new_id) {
  absl::flat_hash_set<std::string> made;
  for (const Node& node : model.graph.nodes) {
    made.insert(node.layer.substr(0, node.layer.find('/')));
  }
  std::erase_if(model.layers, [&](LayerInfo& layer) {
    bool whole = made.contains(layer.name) || layer.class_name == "InputLayer";
    for (ValueId& output : layer.outputs) {
      if (output != kNoValue) output = new_id[output];
      whole = whole && output != kNoValue;
    }
    return !whole;
  });
}

bool HasEffects(const Node& node, const OpRegistry& registry) {
  const OpDef* op = registry.Find(node.op, node.version);
  return op != nullptr && (op->effects == Effects::kStateful || op->effects == Effects::kIo);
}

bool UsesState(const Model& model) {
  const auto uses = [](const Graph& graph) {
    return std::any_of(graph.nodes.begin(), graph.nodes.end(),
                       [](const Node& node) { return absl::StartsWith(node.op, "state."); });
  };
  return uses(model.graph) || std::any_of(model.functions.begin(), model.functions.end(),
                                          [&](const auto& f) { return uses(f.second.graph); });
}

}  // namespace

Graph KeepNodes(const Graph& graph, const std::vector<bool>& keep,
                const std::vector<ValueId>& inputs, const std::vector<ValueId>& outputs,
                std::vector<ValueId>* new_id) {
  std::vector<bool> used(graph.values.size(), false);
  const auto use = [&](const std::vector<ValueId>& ids) {
    for (const ValueId id : ids) {
      if (id != kNoValue) used[id] = true;
    }
  };
  use(inputs);
  use(outputs);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    if (!keep[n]) continue;
    use(graph.nodes[n].inputs);
    use(graph.nodes[n].outputs);
  }
  Graph kept{.name = graph.name, .doc = graph.doc, .unknown_fields = graph.unknown_fields};
  std::vector<ValueId> ids(graph.values.size(), kNoValue);
  for (size_t v = 0; v < graph.values.size(); ++v) {
    if (!used[v]) continue;
    ids[v] = static_cast<ValueId>(kept.values.size());
    kept.values.push_back(graph.values[v]);
  }
  const auto renumbered = [&](std::vector<ValueId> list) {
    for (ValueId& id : list) {
      if (id != kNoValue) id = ids[id];
    }
    return list;
  };
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    if (!keep[n]) continue;
    Node node = graph.nodes[n];
    node.inputs = renumbered(std::move(node.inputs));
    node.outputs = renumbered(std::move(node.outputs));
    kept.nodes.push_back(std::move(node));
  }
  absl::flat_hash_set<ValueId> given(inputs.begin(), inputs.end());
  for (const Weight& weight : graph.weights) {
    if (!used[weight.value] || given.contains(weight.value)) continue;
    kept.weights.push_back(weight);
    kept.weights.back().value = ids[weight.value];
  }
  kept.inputs = renumbered(inputs);
  kept.outputs = renumbered(outputs);
  if (new_id != nullptr) *new_id = std::move(ids);
  return kept;
}

int64_t RemoveUnused(Model& model, const OpRegistry& registry) {
  const Graph& graph = model.graph;
  std::vector<bool> wanted(graph.values.size(), false), keep(graph.nodes.size(), false);
  for (const ValueId id : graph.outputs) wanted[id] = true;
  int64_t removed = 0;
  for (size_t n = graph.nodes.size(); n-- > 0;) {
    const Node& node = graph.nodes[n];
    keep[n] = HasEffects(node, registry) ||
              std::any_of(node.outputs.begin(), node.outputs.end(),
                          [&](ValueId id) { return id != kNoValue && wanted[id]; });
    removed += keep[n] ? 0 : 1;
    for (const ValueId id : node.inputs) {
      if (keep[n] && id != kNoValue) wanted[id] = true;
    }
  }
  std::vector<ValueId> new_id;
  model.graph = KeepNodes(graph, keep, graph.inputs, graph.outputs, &new_id);
  KeepLayers(model, new_id);
  KeepCalledFunctions(model);
  return removed;
}

absl::StatusOr<Extraction> ExtractModel(const Model& model, const Selection& selection,
                                        const OpRegistry& registry) {
  // Functions come with the nodes that call them: where nodes of the main graph are selected, what
  // bears such a name inside of functions (a branch's inputs have those of the values around it)
  // was not meant.
  if (selection.graphs.size() > 1 && !selection.graphs[0].function.empty()) {
    return InvalidArgument(
        "nodes of several functions are selected; add @NAME for those of one of them");
  }
  const GraphSelection& part = selection.graphs[0];
  const Graph& graph = *part.graph;
  const std::vector<int> nodes = part.WithProducers();
  if (nodes.empty()) return InvalidArgument("no node is selected");
  std::vector<bool> keep(graph.nodes.size(), false);
  for (const int n : nodes) keep[n] = true;

  // From the last node to the first: whether anything kept takes a value, or anything else does.
  const std::vector<bool> constant = picture::ConstantNodes(graph, registry);
  std::vector<bool> taken(graph.values.size(), false), left(graph.values.size(), false);
  for (const ValueId id : graph.outputs) left[id] = true;
  for (size_t n = graph.nodes.size(); n-- > 0;) {
    const Node& node = graph.nodes[n];
    const bool needed = std::any_of(node.outputs.begin(), node.outputs.end(),
                                    [&](ValueId id) { return id != kNoValue && taken[id]; });
    if (constant[n] && needed) keep[n] = true;
    for (const ValueId id : node.inputs) {
      if (id != kNoValue) (keep[n] ? taken : left)[id] = true;
    }
  }
  std::vector<bool> made(graph.values.size(), false);
  for (const Weight& weight : graph.weights) made[weight.value] = true;
  std::vector<ValueId> inputs, outputs;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    if (!keep[n]) continue;
    for (const ValueId id : graph.nodes[n].inputs) {
      if (id == kNoValue || made[id]) continue;
      made[id] = true;
      inputs.push_back(id);
    }
    for (const ValueId id : graph.nodes[n].outputs) {
      if (id == kNoValue) continue;
      made[id] = true;
      const bool asked_for = std::binary_search(nodes.begin(), nodes.end(), static_cast<int>(n));
      if (asked_for && (left[id] || !taken[id])) outputs.push_back(id);
    }
  }

  Extraction result;
  Model& cut = result.model;
  cut = model;
  std::vector<ValueId> new_id;
  cut.graph = KeepNodes(graph, keep, inputs, outputs, &new_id);
  cut.golden_vectors.clear();
  if (part.function.empty()) {
    KeepLayers(cut, new_id);
  } else {
    cut.layers.clear();
  }
  KeepCalledFunctions(cut);
  if (!UsesState(cut)) cut.variables.clear();
  if (!model.golden_vectors.empty()) {
    result.notes.push_back("golden vectors are of the whole model, and stayed behind");
  }
  NOMO_RETURN_IF_ERROR(Annotate(VerifyModel(cut), "the part that was cut out"));
  return result;
}

}  // namespace nomograph
