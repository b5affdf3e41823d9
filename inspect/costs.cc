#include "nomograph/inspect/costs.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/compile/memory_needs.h"
#include "nomograph/core/graph/call_graph.h"
#include "nomograph/core/graph/infer.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/macs.h"

namespace nomograph {
namespace {

void Add(NodeCost& total, const NodeCost& cost) {
  total.macs = SaturatingAdd(total.macs, cost.macs);
  total.parameters = SaturatingAdd(total.parameters, cost.parameters);
  total.bytes_read = SaturatingAdd(total.bytes_read, cost.bytes_read);
  total.bytes_written = SaturatingAdd(total.bytes_written, cost.bytes_written);
  total.open = total.open || cost.open;
}

// A call of a function, as the op of a node makes it.
struct FunctionCall {
  std::string function;
  std::vector<TensorType> inputs;
};

class Coster {
 public:
  Coster(const Model& model, const OpRegistry& registry)
      : model_(model), registry_(registry), inferrer_(model.functions, registry) {}

  absl::StatusOr<ModelCosts> Run(absl::Span<const TensorType> inputs) {
    ModelCosts costs;
    NOMO_ASSIGN_OR_RETURN(const Graph graph, Typed(model_.graph, inputs));
    costs.nodes = CostsOf(graph);
    for (const NodeCost& cost : costs.nodes) {
      Add(costs.total, cost);
      costs.open_nodes += cost.open ? 1 : 0;
    }
    for (const ValueInfo& value : graph.values) costs.types.push_back(value.type);
    MeasureLiveSet(graph, costs);
    costs.has_loops = has_loops_;
    return costs;
  }

 private:
  // A copy of the graph with the types that follow from `inputs`. What the file declares of values
  // inside holds for any inputs, so it says less, but for values of ops that are not known.
  absl::StatusOr<Graph> Typed(Graph graph, absl::Span<const TensorType> inputs) {
    for (const Node& node : graph.nodes) {
      if (!inferrer_.Knows(node)) continue;
      for (const ValueId id : node.outputs) {
        if (id != kNoValue) graph.values[id].type.shape = PartialShape();
      }
    }
    for (size_t i = 0; i < graph.inputs.size(); ++i) graph.values[graph.inputs[i]].type = inputs[i];
    NOMO_RETURN_IF_ERROR(inferrer_.InferGraph(graph));
    return graph;
  }

  std::vector<NodeCost> CostsOf(const Graph& graph) {
    absl::flat_hash_map<ValueId, int64_t> unread;  // weights, by their elements
    for (const Weight& weight : graph.weights) unread[weight.value] = weight.tensor.num_elements();
    std::vector<NodeCost> costs;
    costs.reserve(graph.nodes.size());
    for (const Node& node : graph.nodes) {
      NodeCost cost = CostOf(graph, node);
      for (const ValueId input : node.inputs) {
        const auto weight = unread.find(input);
        if (weight == unread.end()) continue;
        cost.parameters = SaturatingAdd(cost.parameters, weight->second);
        unread.erase(weight);
      }
      costs.push_back(cost);
    }
    return costs;
  }

  NodeCost CostOf(const Graph& graph, const Node& node) {
    NodeCost cost;
    std::vector<TensorType> inputs, outputs;
    absl::flat_hash_set<ValueId> seen;
    for (const ValueId id : node.inputs) {
      inputs.push_back(id == kNoValue ? TensorType{} : graph.value(id).type);
      if (id != kNoValue && seen.insert(id).second) AddBytes(inputs.back(), cost.bytes_read, cost);
    }
    for (const ValueId id : node.outputs) {
      outputs.push_back(id == kNoValue ? TensorType{} : graph.value(id).type);
      if (id != kNoValue) AddBytes(outputs.back(), cost.bytes_written, cost);
    }
    const OpDef* op = registry_.Find(node.op, node.version);
    if (op == nullptr) {
      if (node.body.empty()) {
        cost.open = true;
      } else {
        Add(cost, CostOfCall({node.body, inputs}));
      }
      return cost;
    }
    if (op->is_view || node.op == "core.Constant") cost.bytes_read = cost.bytes_written = 0;
    const auto attrs = ResolveAttributes(op->attrs, node.attrs);
    if (!attrs.ok()) return cost;  // InferGraph() has had its say
    const auto macs = MultiplyAccumulates(*op, *attrs, inputs, outputs);
    cost.open = cost.open || !macs;
    cost.macs = macs.value_or(0);
    AddCalls(node, *op, *attrs, inputs, cost);
    return cost;
  }

  static void AddBytes(const TensorType& type, int64_t& bytes, NodeCost& cost) {
    const int64_t needed = BytesNeeded(type);
    if (needed < 0) {
      cost.open = true;
    } else {
      bytes = SaturatingAdd(bytes, needed);
    }
  }

  // What the op calls is learnt from its shape function, which must ask for the types of it.
  void AddCalls(const Node& node, const OpDef& op, const Attributes& attrs,
                absl::Span<const TensorType> inputs, NodeCost& cost) {
    if (!CallsFunctions(attrs)) return;
    std::map<std::string, FunctionCall> last;  // a loop asks again until the types stay
    const InferContext::FunctionInferrer record = [&](const std::string& function,
                                                      absl::Span<const TensorType> types) {
      last[function] = {function, {types.begin(), types.end()}};
      return inferrer_.InferFunction(function, types);
    };
    InferContext context(attrs, inputs, {}, static_cast<int>(node.outputs.size()));
    context.set_function_inferrer(&record);
    if (!InferNode(op, context).ok()) return;
    NodeCost inner;
    for (const auto& [name, call] : last) {
      const NodeCost one = CostOfCall(call);
      if (op.name == "core.If") {
        const int64_t parameters = SaturatingAdd(inner.parameters, one.parameters);
        if (one.macs >= inner.macs) inner = one;
        inner.parameters = parameters;
      } else {
        Add(inner, one);
      }
    }
    Repeat(op, attrs, inputs, inner);
    Add(cost, inner);
  }

  void Repeat(const OpDef& op, const Attributes& attrs, absl::Span<const TensorType> inputs,
              NodeCost& inner) {
    if (op.name == "core.If") return;
    int64_t steps = -1;
    if (op.name == "core.Scan") {
      const size_t scanned = static_cast<size_t>(attrs.Int("num_states"));
      const std::vector<int64_t>& axes = attrs.Ints("scan_input_axes");
      const PartialShape& shape = scanned < inputs.size() ? inputs[scanned].shape : PartialShape();
      const auto axis =
          shape.has_rank() ? NormalizeAxis(axes.empty() ? 0 : axes[0], shape.rank()) : -1;
      if (axis.ok() && *axis >= 0) steps = shape[*axis].size();
    }
    if (steps < 0) {
      has_loops_ = true;
      return;
    }
    inner.macs = SaturatingMultiply(inner.macs, steps);
    inner.bytes_read = SaturatingMultiply(inner.bytes_read, steps);
    inner.bytes_written = SaturatingMultiply(inner.bytes_written, steps);
  }

  // A function's weights count at its first call. Recursion is as deep as functions are nested,
  // which InferGraph() has limited.
  NodeCost CostOfCall(const FunctionCall& call) {
    std::string key = absl::StrCat(call.function, "(");
    for (const TensorType& type : call.inputs) absl::StrAppend(&key, type.ToString(), ";");
    if (const auto known = known_.find(key); known != known_.end()) return known->second;
    NodeCost cost;
    const auto function = model_.functions.find(call.function);
    const size_t size =
        function == model_.functions.end() ? 0 : function->second.graph.nodes.size();
    if (size > nodes_left_ || function == model_.functions.end() ||
        function->second.graph.inputs.size() != call.inputs.size()) {
      cost.open = true;
      return cost;
    }
    nodes_left_ -= size;
    const auto graph = Typed(function->second.graph, call.inputs);
    if (!graph.ok()) {
      cost.open = true;
      return cost;
    }
    const bool first = called_.insert(call.function).second;
    for (const NodeCost& one : CostsOf(*graph)) Add(cost, one);
    NodeCost later = cost;
    later.parameters = 0;
    known_[key] = later;
    return first ? cost : later;
  }

  void MeasureLiveSet(const Graph& graph, ModelCosts& costs) const {
    // Where each value's memory is: a view's with its input.
    std::vector<ValueId> root(graph.values.size());
    for (size_t i = 0; i < root.size(); ++i) root[i] = static_cast<ValueId>(i);
    std::vector<bool> counts(graph.values.size(), false);
    for (const ValueId id : graph.inputs) counts[id] = true;
    std::vector<int> last(graph.values.size(), -1);
    for (size_t n = 0; n < graph.nodes.size(); ++n) {
      const Node& node = graph.nodes[n];
      const OpDef* op = registry_.Find(node.op, node.version);
      for (const ValueId id : node.inputs) {
        if (id != kNoValue) last[root[id]] = static_cast<int>(n);
      }
      const bool view = op != nullptr && op->is_view && !node.inputs.empty() &&
                        !node.outputs.empty() && node.inputs[0] != kNoValue &&
                        node.outputs[0] != kNoValue;
      if (view) root[node.outputs[0]] = root[node.inputs[0]];
      for (const ValueId id : node.outputs) {
        if (id == kNoValue || node.op == "core.Constant" || root[id] != id) continue;
        counts[id] = true;
        last[id] = std::max(last[id], static_cast<int>(n));
      }
    }
    for (const ValueId id : graph.outputs) last[root[id]] = static_cast<int>(graph.nodes.size());
    AddUp(graph, counts, last, costs);
  }

  static void AddUp(const Graph& graph, const std::vector<bool>& counts,
                    const std::vector<int>& last, ModelCosts& costs) {
    const auto bytes = [&](ValueId id) {
      return counts[id] ? std::max<int64_t>(BytesNeeded(graph.value(id).type), 0) : 0;
    };
    std::vector<int64_t> freed(graph.nodes.size() + 1, 0);
    int64_t live = 0;
    const auto begin = [&](ValueId id) {
      live = SaturatingAdd(live, bytes(id));
      if (last[id] >= 0) freed[last[id]] = SaturatingAdd(freed[last[id]], bytes(id));
    };
    for (const ValueId id : graph.inputs) begin(id);
    costs.peak_bytes = live;
    for (size_t n = 0; n < graph.nodes.size(); ++n) {
      for (const ValueId id : graph.nodes[n].outputs) {
        if (id == kNoValue) continue;
        begin(id);
        costs.activation_bytes = SaturatingAdd(costs.activation_bytes, bytes(id));
      }
      if (live > costs.peak_bytes) {
        costs.peak_bytes = live;
        costs.peak_node = static_cast<int>(n);
      }
      live -= std::min(live, freed[n]);
    }
  }

  const Model& model_;
  const OpRegistry& registry_;
  const TypeInferrer inferrer_;
  absl::flat_hash_map<std::string, NodeCost> known_;
  absl::flat_hash_set<std::string> called_;
  size_t nodes_left_ = 1 << 20;  // of functions, each counted for each list of input types
  bool has_loops_ = false;
};

}  // namespace

absl::StatusOr<ModelCosts> ComputeCosts(const Model& model, absl::Span<const TensorType> inputs,
                                        const OpRegistry& registry) {
  if (inputs.size() != model.graph.inputs.size()) {
    return InvalidArgument("expected ", model.graph.inputs.size(), " types of inputs, found ",
                           inputs.size());
  }
  return Coster(model, registry).Run(inputs);
}

}  // namespace nomograph
