#include "nomograph/inspect/picture/merged_graph.h"

#include <vector>

#include "nomograph/core/types/names.h"

namespace nomograph::picture {
namespace {

Mark MarkOf(nomograph::Change change) {
  switch (change) {
    case nomograph::Change::kSame:
    case nomograph::Change::kRenamed:
      return Mark::kSame;
    case nomograph::Change::kChanged:
      return Mark::kChanged;
    case nomograph::Change::kAdded:
      return Mark::kAdded;
    case nomograph::Change::kRemoved:
    case nomograph::Change::kFolded:
      return Mark::kRemoved;
  }
  return Mark::kNone;
}

class Merger {
 public:
  Merger(const Graph& a, const Graph& b, const GraphDiff& diff) : a_(a), b_(b), diff_(diff) {
    merged_.graph = b;
    for (const ValueInfo& value : b.values) value_names_.Reserve(value.name);
    for (const Node& node : b.nodes) node_names_.Reserve(node.name);
  }

  MergedGraph Run() {
    FindPlaces();
    for (const NodeDiff& node : diff_.nodes) {
      if (node.b >= 0) merged_.marks[b_.nodes[node.b].name] = MarkOf(node.change);
    }
    // In the order of A, in which what they take comes first.
    for (size_t i = 0; i < a_.nodes.size(); ++i) {
      const NodeDiff& node = diff_.nodes[diff_.of_a[i]];
      if (node.b < 0) Add(a_.nodes[i], MarkOf(node.change));
    }
    return std::move(merged_);
  }

 private:
  // By value of A: the value that stands for it in the merged graph.
  void FindPlaces() {
    place_.assign(a_.values.size(), kNoValue);
    for (const NodeDiff& node : diff_.nodes) {
      if (node.a < 0 || node.b < 0) continue;
      const std::vector<ValueId>&from = a_.nodes[node.a].outputs, &to = b_.nodes[node.b].outputs;
      for (size_t i = 0; i < from.size() && i < to.size(); ++i) {
        if (from[i] != kNoValue) place_[from[i]] = to[i];
      }
    }
    absl::flat_hash_map<absl::string_view, ValueId> inputs;
    for (const ValueId id : b_.inputs) inputs[b_.value(id).name] = id;
    for (const ValueId id : a_.inputs) {
      const auto found = inputs.find(a_.value(id).name);
      if (found != inputs.end()) place_[id] = found->second;
    }
    for (const Weight& weight : a_.weights) weight_of_[weight.value] = &weight;
  }

  ValueId AddValue(ValueId id) {
    const ValueInfo& value = a_.value(id);
    place_[id] = merged_.graph.AddValue(value_names_.Take(value.name), value.type);
    const auto weight = weight_of_.find(id);
    if (weight != weight_of_.end()) {
      merged_.graph.weights.push_back({place_[id], weight->second->tensor});
    }
    return place_[id];
  }

  void Add(Node node, Mark mark) {
    node.name = node_names_.Take(node.name);
    for (ValueId& id : node.inputs) {
      if (id != kNoValue) id = place_[id] != kNoValue ? place_[id] : AddValue(id);
    }
    for (ValueId& id : node.outputs) {
      if (id != kNoValue) id = AddValue(id);
    }
    merged_.marks[node.name] = mark;
    merged_.graph.nodes.push_back(std::move(node));
  }

  const Graph &a_, &b_;
  const GraphDiff& diff_;
  UniqueNames value_names_, node_names_;
  std::vector<ValueId> place_;
  absl::flat_hash_map<ValueId, const Weight*> weight_of_;
  MergedGraph merged_;
};

}  // namespace

MergedGraph MergeGraphs(const Graph& a, const Graph& b, const GraphDiff& diff) {
  return Merger(a, b, diff).Run();
}

}  // namespace nomograph::picture
