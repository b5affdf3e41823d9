// Asks ops through the hooks by which the compiler folds (OpDef::AsAffine(), AbsorbsAffine(), and
// FoldNode()), within the compiler's budget.
#include "nomograph/inspect/compare/find_folds.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "nomograph/core/graph/infer.h"
#include "nomograph/inspect/compare/tensor_difference.h"

namespace nomograph {
namespace {

// Of the norm. Far above what rounding makes of it, far below what another fold would be.
constexpr double kRounding = 1e-3;

bool AreClose(const Tensor& found, const Tensor& expected) {
  return found.valid() && expected.valid() && found.shape() == expected.shape() &&
         MeasureDifference(found, expected, {}).relative() <= kRounding;
}

// The values of one graph that are known without running it.
class Constants {
 public:
  Constants(const Model& model, const GraphIndex& index, const OpRegistry& registry)
      : index_(index),
        types_(model.functions, registry, {.fold = {.max_elements = int64_t{1} << 24}}),
        known_(index.graph().values.size()),
        is_sound_(index.num_nodes(), false) {
    for (const ValueInfo& value : index.graph().values) value_types_.push_back(value.type);
    for (const Weight& weight : index.graph().weights) {
      known_[weight.value] = weight.tensor;
      if (weight.tensor.valid()) types_.fold_budget().AddOwn(weight.tensor);
    }
  }

  // REQUIRES: called with the nodes in their order.
  void ComputeNode(int n) {
    const Node& node = index_.graph().nodes[n];
    std::vector<TensorType> inputs;
    std::vector<Tensor> constants;
    for (const ValueId id : node.inputs) {
      inputs.push_back(id == kNoValue ? TensorType{} : value_types_[id]);
      constants.push_back(id == kNoValue ? Tensor() : known_[id]);
    }
    auto typed = types_.TypeNode(node, inputs, constants);
    if (!typed.ok()) return;
    is_sound_[n] = true;
    typed->constants.resize(node.outputs.size());
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const ValueId id = node.outputs[i];
      if (id == kNoValue) continue;
      known_[id] = std::move(typed->constants[i]);
      auto shape = Merge(typed->types[i].shape, value_types_[id].shape);
      is_sound_[n] = is_sound_[n] && shape.ok() && typed->types[i].dtype == value_types_[id].dtype;
      if (shape.ok()) value_types_[id].shape = *std::move(shape);
    }
  }

  // Whether the node's types are what its op says. Hooks rely on it.
  bool IsSound(int n) const { return is_sound_[n]; }
  const TensorType& TypeOf(ValueId value) const { return value_types_[value]; }
  // Invalid where the value is not known.
  const Tensor& Of(ValueId value) const { return known_[value]; }

 private:
  const GraphIndex& index_;
  const TypeInferrer types_;
  std::vector<Tensor> known_;
  std::vector<TensorType> value_types_;
  std::vector<bool> is_sound_;
};

// A node of A that is matched, and what its constants become when nodes behind it are put into
// them.
struct Chain {
  int producer = -1;
  std::vector<Tensor> constants;  // by input of the producer
  std::vector<int> nodes;         // in it so far
};

class FoldFinder {
 public:
  FoldFinder(const Model& model_a, const GraphIndex& a, const Model& model_b, const GraphIndex& b,
             const OpRegistry& registry, GraphMatch& match)
      : a_(a),
        b_(b),
        registry_(registry),
        match_(match),
        constants_a_(model_a, a, registry),
        constants_b_(model_b, b, registry),
        folds_(a.num_nodes()) {}

  std::vector<std::optional<Fold>> Run() {
    for (int n = 0; n < a_.num_nodes(); ++n) constants_a_.ComputeNode(n);
    for (int n = 0; n < b_.num_nodes(); ++n) constants_b_.ComputeNode(n);
    FindAffine();
    FindConstant();
    return std::move(folds_);
  }

 private:
  bool IsFree(int n) const { return match_.node_b[n] < 0 && !folds_[n]; }
  const Node& NodeA(int n) const { return a_.graph().nodes[n]; }

  // Where B reads what A's value is read for, at matched nodes and outputs: kNoValue where nothing
  // reads it or they do not agree.
  ValueId ReadInB(ValueId value) const;

  void FindAffine();
  std::optional<Chain> Extend(int n, const absl::flat_hash_map<ValueId, Chain>& chains) const;
  std::optional<ChannelAffine> AsAffine(const Node& node, int input) const;
  std::vector<Tensor> Absorb(const Node& node, const std::vector<Tensor>& constants,
                             const ChannelAffine& affine) const;
  void CloseChain(const Chain& chain, ValueId value);

  // From the last node to the first: a constant may go into one that goes into another.
  void FindConstant();

  std::vector<TensorSpec> Specs(const std::vector<ValueId>& ids) const;

  const GraphIndex& a_;
  const GraphIndex& b_;
  const OpRegistry& registry_;
  GraphMatch& match_;
  Constants constants_a_, constants_b_;
  std::vector<std::optional<Fold>> folds_;
};

ValueId FoldFinder::ReadInB(ValueId value) const {
  ValueId found = kNoValue;
  const auto agrees = [&found](ValueId id) {
    if (found == kNoValue) found = id;
    return id != kNoValue && id == found;
  };
  for (const GraphIndex::Use use : a_.uses(value)) {
    const int user = match_.node_b[use.node];
    if (user < 0) continue;
    const std::vector<ValueId>& inputs = b_.graph().nodes[user].inputs;
    if (use.port >= static_cast<int>(inputs.size()) || !agrees(inputs[use.port])) return kNoValue;
  }
  const std::vector<ValueId>&outputs_a = a_.graph().outputs, &outputs_b = b_.graph().outputs;
  for (size_t i = 0; i < std::min(outputs_a.size(), outputs_b.size()); ++i) {
    if (outputs_a[i] == value && !agrees(outputs_b[i])) return kNoValue;
  }
  return found;
}

void FoldFinder::FindAffine() {
  absl::flat_hash_map<ValueId, Chain> chains;  // by the value that the last node yields
  for (int n = 0; n < a_.num_nodes(); ++n) {
    if (!IsFree(n)) continue;
    std::optional<Chain> chain = Extend(n, chains);
    if (!chain) continue;
    CloseChain(*chain, NodeA(n).outputs[0]);
    chains.emplace(NodeA(n).outputs[0], *std::move(chain));
  }
}

// The chain that ends at node `n`, where it is affine and what yields its input can absorb it.
std::optional<Chain> FoldFinder::Extend(int n,
                                        const absl::flat_hash_map<ValueId, Chain>& chains) const {
  const Node& node = NodeA(n);
  if (node.outputs.size() != 1 || node.outputs[0] == kNoValue || !constants_a_.IsSound(n)) {
    return std::nullopt;
  }
  for (int i = 0; i < static_cast<int>(node.inputs.size()); ++i) {
    const ValueId input = node.inputs[i];
    if (input == kNoValue || a_.producer(input).node < 0 || a_.uses(input).size() != 1 ||
        constants_a_.TypeOf(input) != constants_a_.TypeOf(node.outputs[0])) {
      continue;
    }
    Chain chain;
    if (const auto found = chains.find(input); found != chains.end()) {
      chain = found->second;
    } else {
      chain.producer = a_.producer(input).node;
      if (match_.node_b[chain.producer] < 0 || !constants_a_.IsSound(chain.producer) ||
          NodeA(chain.producer).outputs.size() != 1) {
        continue;
      }
      for (const ValueId id : NodeA(chain.producer).inputs) {
        chain.constants.push_back(id == kNoValue ? Tensor() : constants_a_.Of(id));
      }
    }
    const std::optional<ChannelAffine> affine = AsAffine(node, i);
    if (!affine) continue;
    const std::vector<Tensor> absorbed = Absorb(NodeA(chain.producer), chain.constants, *affine);
    if (absorbed.empty()) continue;
    chain.constants.resize(std::max(chain.constants.size(), absorbed.size()));
    for (size_t k = 0; k < absorbed.size(); ++k) {
      if (absorbed[k].valid()) chain.constants[k] = absorbed[k];
    }
    chain.nodes.push_back(n);
    return chain;
  }
  return std::nullopt;
}

std::vector<TensorSpec> FoldFinder::Specs(const std::vector<ValueId>& ids) const {
  std::vector<TensorSpec> specs;
  for (const ValueId id : ids) {
    TensorSpec spec;
    if (id != kNoValue) {
      const TensorType& type = constants_a_.TypeOf(id);
      spec.dtype = type.dtype;
      // What is open is the batch or the size of pictures, on which no weight depends.
      for (int i = 0; i < type.shape.rank(); ++i) {
        spec.shape.Append(type.shape[i].known() ? type.shape[i].size() : 1);
      }
    }
    specs.push_back(std::move(spec));
  }
  return specs;
}

std::optional<ChannelAffine> FoldFinder::AsAffine(const Node& node, int input) const {
  const OpDef* op = registry_.Find(node.op, node.version);
  if (op == nullptr || !op->as_affine) return std::nullopt;
  const std::vector<TensorSpec> inputs = Specs(node.inputs), outputs = Specs(node.outputs);
  std::vector<Tensor> constants;
  for (const ValueId id : node.inputs) {
    constants.push_back(id == kNoValue ? Tensor() : constants_a_.Of(id));
  }
  const Attributes attrs = WithDefaults(node, registry_);
  return op->as_affine(FusionQuery{attrs, inputs, constants, outputs[0], input});
}

std::vector<Tensor> FoldFinder::Absorb(const Node& node, const std::vector<Tensor>& constants,
                                       const ChannelAffine& affine) const {
  const OpDef* op = registry_.Find(node.op, node.version);
  if (op == nullptr || !op->absorb_affine) return {};
  std::vector<TensorSpec> inputs = Specs(node.inputs);
  const std::vector<TensorSpec> outputs = Specs(node.outputs);
  inputs.resize(std::max(inputs.size(), constants.size()));
  for (size_t i = 0; i < constants.size(); ++i) {
    if (constants[i].valid()) inputs[i] = {constants[i].dtype(), constants[i].shape()};
  }
  const Attributes attrs = WithDefaults(node, registry_);
  return op->absorb_affine(PrepareContext{attrs, inputs, outputs, constants, {}, 1}, affine);
}

// Where B's node yields what the chain's last one does, and has the weights that the chain comes
// to, all of it is folded.
void FoldFinder::CloseChain(const Chain& chain, ValueId value) {
  const int into = match_.node_b[chain.producer];
  const ValueId read = ReadInB(value);
  if (read == kNoValue || b_.producer(read).node != into) return;
  const Node& node = b_.graph().nodes[into];
  for (size_t i = 0; i < chain.constants.size(); ++i) {
    if (!chain.constants[i].valid()) continue;
    const ValueId id = i < node.inputs.size() ? node.inputs[i] : kNoValue;
    if (id == kNoValue || !AreClose(constants_b_.Of(id), chain.constants[i])) return;
  }
  for (const int n : chain.nodes) {
    folds_[n] = Fold{into};
    match_.value_b[NodeA(n).outputs[0]] = read;
  }
}

void FoldFinder::FindConstant() {
  for (int n = a_.num_nodes() - 1; n >= 0; --n) {
    if (!IsFree(n)) continue;
    std::vector<std::pair<ValueId, ValueId>> stand_ins;
    bool read = false, all = true;
    for (const ValueId id : NodeA(n).outputs) {
      if (id == kNoValue) continue;
      const Tensor& value = constants_a_.Of(id);
      const ValueId in_b = ReadInB(id);
      if (in_b != kNoValue) {
        all = all && AreClose(constants_b_.Of(in_b), value);
        stand_ins.push_back({id, in_b});
      }
      for (const GraphIndex::Use use : a_.uses(id)) {
        all =
            all && (match_.node_b[use.node] >= 0 ? in_b != kNoValue : folds_[use.node].has_value());
        read = true;
      }
      all = all && value.valid();
    }
    if (!read || !all) continue;
    folds_[n] = Fold{};
    for (const auto& [value, in_b] : stand_ins) match_.value_b[value] = in_b;
  }
}

}  // namespace

std::vector<std::optional<Fold>> FindFolds(const Model& model_a, const GraphIndex& a,
                                           const Model& model_b, const GraphIndex& b,
                                           const OpRegistry& registry, GraphMatch& match) {
  const bool all_matched =
      std::all_of(match.node_b.begin(), match.node_b.end(), [](int node) { return node >= 0; });
  if (all_matched) return std::vector<std::optional<Fold>>(a.num_nodes());
  return FoldFinder(model_a, a, model_b, b, registry, match).Run();
}

}  // namespace nomograph
