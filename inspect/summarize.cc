#include "nomograph/inspect/summarize.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/concrete_types.h"
#include "nomograph/inspect/picture/hierarchy.h"

namespace nomograph {
namespace {

using picture::Box;
using picture::BoxKind;
using picture::Tree;

template <typename Visit>
void ForEachTensor(const Model& model, const Visit& visit) {
  const auto of_graph = [&](const Graph& graph) {
    for (const Weight& weight : graph.weights) visit(weight.tensor);
    for (const Node& node : graph.nodes) {
      for (const auto& [name, value] : node.attrs) {
        if (const auto* tensor = value.template As<Tensor>()) visit(*tensor);
      }
    }
  };
  of_graph(model.graph);
  for (const auto& [name, function] : model.functions) of_graph(function.graph);
  for (const Variable& variable : model.variables) visit(variable.initial);
}

void CountOps(const Model& model, ModelSummary& summary) {
  absl::flat_hash_map<std::string, int64_t> counts;
  for (const Node& node : model.graph.nodes) ++counts[node.op];
  for (const auto& [name, function] : model.functions) {
    summary.function_nodes += static_cast<int64_t>(function.graph.nodes.size());
    for (const Node& node : function.graph.nodes) ++counts[node.op];
  }
  summary.nodes = static_cast<int64_t>(model.graph.nodes.size());
  summary.ops.assign(counts.begin(), counts.end());
  std::sort(summary.ops.begin(), summary.ops.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
}

void CountBytes(const Model& model, ModelSummary& summary) {
  absl::flat_hash_set<const void*> seen;
  ForEachTensor(model, [&](const Tensor& tensor) {
    summary.tensor_bytes += tensor.num_bytes();
    if (tensor.num_bytes() > 0 && seen.insert(tensor.raw_data()).second) {
      summary.stored_bytes += tensor.num_bytes();
    }
  });
}

void AddTo(NodeCost& sum, const NodeCost& cost) {
  sum.macs = SaturatingAdd(sum.macs, cost.macs);
  sum.parameters = SaturatingAdd(sum.parameters, cost.parameters);
  sum.bytes_read = SaturatingAdd(sum.bytes_read, cost.bytes_read);
  sum.bytes_written = SaturatingAdd(sum.bytes_written, cost.bytes_written);
  sum.open = sum.open || cost.open;
}

// The box that each node counts for: a constant's is that of its first user. -1: none.
std::vector<int> OwnersOf(const Tree& tree) {
  const Graph& graph = *tree.graph;
  std::vector<int> owner = tree.box_of_node, user(graph.values.size(), -1);
  for (size_t n = graph.nodes.size(); n-- > 0;) {
    const Node& node = graph.nodes[n];
    for (const ValueId id : node.outputs) {
      if (owner[n] < 0 && id != kNoValue) owner[n] = user[id];
    }
    for (const ValueId id : node.inputs) {
      if (id != kNoValue) user[id] = owner[n];
    }
  }
  return owner;
}

// What a model's nodes cost without sizes: the parameters that they read.
std::vector<NodeCost> ParametersOnly(const Model& model) {
  std::vector<NodeCost> costs(model.graph.nodes.size());
  absl::flat_hash_map<ValueId, int64_t> unread;
  for (const Weight& weight : model.graph.weights) {
    unread[weight.value] = weight.tensor.num_elements();
  }
  for (size_t n = 0; n < costs.size(); ++n) {
    for (const ValueId id : model.graph.nodes[n].inputs) {
      const auto weight = unread.find(id);
      if (weight == unread.end()) continue;
      costs[n].parameters += weight->second;
      unread.erase(weight);
    }
  }
  return costs;
}

class RowMaker {
 public:
  RowMaker(const Tree& tree, const std::vector<NodeCost>& costs, int depth)
      : tree_(tree), depth_(depth), sums_(tree.boxes.size()), nodes_(tree.boxes.size(), 0) {
    const std::vector<int> owner = OwnersOf(tree);
    for (size_t n = 0; n < owner.size(); ++n) {
      if (owner[n] < 0) continue;
      AddTo(sums_[owner[n]], costs[n]);
      ++nodes_[owner[n]];
    }
    for (size_t b = tree.boxes.size(); b-- > 1;) {
      AddTo(sums_[tree.boxes[b].parent], sums_[b]);
      nodes_[tree.boxes[b].parent] += nodes_[b];
    }
  }

  // In preorder; of a repeat that is opened the first block's children.
  std::vector<ScopeRow> Rows() {
    for (int b = 1; b < static_cast<int>(tree_.boxes.size());) b = Visit(b);
    return std::move(rows_);
  }

 private:
  // Returns the box behind those that have had their rows.
  int Visit(int b) {
    const Box& box = tree_.boxes[b];
    if (box.kind == BoxKind::kInput || box.kind == BoxKind::kOutput) return box.end;
    if (box.level > depth_) return box.end;
    const Box& parent = tree_.boxes[box.parent];
    if (parent.kind == BoxKind::kRepeat) {
      // The first block is shown in the repeat's place; the others are like it.
      const bool first = b == box.parent + 1;
      return first && IsOpened(b) ? b + 1 : box.end;
    }
    if (tree_.IsLeaf(b)) {
      AddLeaf(b);
      return box.end;
    }
    AddRow(b, /*is_scope=*/true);
    return IsOpened(b) ? b + 1 : box.end;
  }

  // Scopes with nothing but nodes in them stay closed: a row for these would say the same again.
  bool IsOpened(int b) const {
    bool has_scopes = false;
    tree_.ForEachChild(b, [&](int child) { has_scopes |= !tree_.IsLeaf(child); });
    return has_scopes && tree_.boxes[b].level < depth_;
  }

  void AddRow(int b, bool is_scope) {
    const Box& box = tree_.boxes[b];
    ScopeRow row{.depth = box.level,
                 .name = box.name,
                 .is_scope = is_scope,
                 .repeats = box.kind == BoxKind::kRepeat ? tree_.NumChildren(b) : 1,
                 .nodes = nodes_[b],
                 .parameters = sums_[b].parameters,
                 .cost = sums_[b]};
    SetOutput(box, row);
    rows_.push_back(std::move(row));
    last_parent_ = is_scope ? -1 : box.parent;
  }

  // Nodes side by side share a row, which has the names of a few, and the first and last of more.
  void AddLeaf(int b) {
    constexpr size_t kMaxNames = 200, kMaxListed = 4;
    const Box& box = tree_.boxes[b];
    const bool joins = !rows_.empty() && last_parent_ == box.parent && name_bytes_ < kMaxNames;
    if (!joins) {
      AddRow(b, /*is_scope=*/false);
      first_name_ = box.name;
      name_bytes_ = box.name.size();
      num_names_ = 1;
      return;
    }
    ScopeRow& row = rows_.back();
    row.name = ++num_names_ > kMaxListed ? absl::StrCat(first_name_, " .. ", box.name)
                                         : absl::StrCat(row.name, ", ", box.name);
    name_bytes_ += box.name.size() + 2;
    row.nodes += nodes_[b];
    AddTo(row.cost, sums_[b]);
    row.parameters = row.cost.parameters;
    SetOutput(box, row);
  }

  void SetOutput(const Box& box, ScopeRow& row) const {
    if (box.outputs.empty() || box.outputs.back() == kNoValue) return;
    row.output = tree_.graph->value(box.outputs.back()).type;
  }

  const Tree& tree_;
  const int depth_;
  std::vector<NodeCost> sums_;  // by box, of all nodes inside
  std::vector<int64_t> nodes_;
  std::vector<ScopeRow> rows_;
  int last_parent_ = -1;  // of the nodes in the last row; -1: it is a scope's
  std::string first_name_;
  size_t name_bytes_ = 0, num_names_ = 0;  // of all nodes in the last row
};

}  // namespace

absl::StatusOr<ModelSummary> Summarize(const Model& model, const SummaryOptions& options,
                                       const OpRegistry& registry) {
  ModelSummary summary;
  summary.parameters = CountParameters(model);
  CountBytes(model, summary);
  CountOps(model, summary);
  auto inputs = ConcreteInputs(model.graph, options.shapes, options.batch);
  if (inputs.ok()) {
    summary.inputs = *std::move(inputs);
    auto costs = ComputeCosts(model, summary.inputs, registry);
    summary.costs_status = costs.status();
    if (costs.ok()) summary.costs = *std::move(costs);
  } else if (!options.shapes.empty()) {
    return inputs.status();
  } else {
    summary.costs_status = inputs.status();
  }
  constexpr int64_t kRows = 24;
  // Without sizes there are parameters still, those of functions among them.
  std::vector<NodeCost> costs = ParametersOnly(model);
  if (summary.costs) {
    costs = summary.costs->nodes;
  } else {
    std::vector<TensorType> declared;
    for (const ValueId id : model.graph.inputs) declared.push_back(model.graph.value(id).type);
    auto open = ComputeCosts(model, declared, registry);
    if (open.ok()) costs = std::move(open->nodes);
  }
  const picture::Hierarchy hierarchy = picture::MakeHierarchy(model, registry);
  summary.depth = options.depth ? *options.depth : picture::DepthFor(hierarchy, kRows);
  summary.rows = RowMaker(hierarchy.main(), costs, summary.depth).Rows();
  return summary;
}

}  // namespace nomograph
