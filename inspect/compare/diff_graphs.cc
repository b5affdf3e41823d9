#include "nomograph/inspect/compare/diff_graphs.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace nomograph {
namespace {

std::string SignatureText(const Node& node) {
  if (!node.signature) return "";
  const auto append = [](std::string* out, const TensorType& type) { *out += type.ToString(); };
  return absl::StrCat("(", absl::StrJoin(node.signature->inputs, ", ", append), ") -> (",
                      absl::StrJoin(node.signature->outputs, ", ", append), ")");
}

std::string UnknownText(const Node& node) {
  return node.unknown_fields.empty() ? "" : absl::StrCat(node.unknown_fields.size(), " bytes");
}

// The diff of two graphs that are matched.
class GraphDiffer {
 public:
  GraphDiffer(const GraphIndex& a, const GraphIndex& b, const GraphMatch& match,
              const std::vector<std::optional<Fold>>& folds, SameFunction same_function,
              const OpRegistry& registry, const DiffOptions& options)
      : a_(a),
        b_(b),
        match_(match),
        folds_(folds),
        same_function_(same_function),
        registry_(registry),
        options_(options) {}

  GraphDiff Run() {
    GraphDiff diff;
    DiffNodes(diff);
    DiffPorts(a_.graph().inputs, b_.graph().inputs, diff.inputs);
    DiffPorts(a_.graph().outputs, b_.graph().outputs, diff.outputs);
    DiffWeights(diff);
    return diff;
  }

 private:
  const ValueInfo& ValueA(ValueId id) const { return a_.graph().value(id); }
  const ValueInfo& ValueB(ValueId id) const { return b_.graph().value(id); }

  void DiffNodes(GraphDiff& diff) const;
  NodeDiff DiffNode(int a, int b) const;
  void DiffAttributes(const Node& a, const Node& b, std::vector<Edit>& edits) const;
  void DiffInputs(const Node& a, const Node& b, std::vector<Edit>& edits) const;
  void DiffOutputs(const Node& a, const Node& b, std::vector<Edit>& edits) const;
  bool SameValues(const std::vector<ValueId>& a, const std::vector<ValueId>& b) const;
  bool SameNames(const Node& a, const Node& b) const;
  std::string PortText(const Node& node, size_t input) const;

  void DiffPorts(const std::vector<ValueId>& a, const std::vector<ValueId>& b,
                 std::vector<ItemDiff>& items) const;
  std::string SourceText(const GraphIndex& index, ValueId value) const;

  void DiffWeights(GraphDiff& diff) const;
  WeightDiff DiffWeight(const Weight& a, const Weight& b) const;

  const GraphIndex& a_;
  const GraphIndex& b_;
  const GraphMatch& match_;
  const std::vector<std::optional<Fold>>& folds_;
  const SameFunction same_function_;
  const OpRegistry& registry_;
  const DiffOptions& options_;
};

void GraphDiffer::DiffNodes(GraphDiff& diff) const {
  diff.of_a.assign(a_.num_nodes(), -1);
  diff.of_b.assign(b_.num_nodes(), -1);
  const auto add = [&diff](NodeDiff node) {
    const int index = static_cast<int>(diff.nodes.size());
    if (node.a >= 0) diff.of_a[node.a] = index;
    if (node.b >= 0) diff.of_b[node.b] = index;
    diff.nodes.push_back(std::move(node));
  };
  // What only A has, by the node of A in front of it that is in B, too; -1 stands at its place 0.
  std::vector<std::vector<int>> only_a(a_.num_nodes() + 1);
  int last = -1;
  for (int a = 0; a < a_.num_nodes(); ++a) {
    match_.node_b[a] >= 0 ? void(last = a) : only_a[last + 1].push_back(a);
  }
  const auto add_only_a = [&](int behind) {
    for (const int a : only_a[behind + 1]) {
      folds_[a] ? add({.change = Change::kFolded, .a = a, .into = folds_[a]->into})
                : add({.change = Change::kRemoved, .a = a});
    }
  };
  add_only_a(-1);
  for (int b = 0; b < b_.num_nodes(); ++b) {
    const int a = match_.node_a[b];
    add(a < 0 ? NodeDiff{.change = Change::kAdded, .b = b} : DiffNode(a, b));
    if (a >= 0) add_only_a(a);
  }
}

NodeDiff GraphDiffer::DiffNode(int index_a, int index_b) const {
  const Node& a = a_.graph().nodes[index_a];
  const Node& b = b_.graph().nodes[index_b];
  NodeDiff diff{.a = index_a, .b = index_b};
  AddEdit("op", a.op, b.op, diff.edits);
  if (a.version != b.version) {
    AddEdit("version", absl::StrCat(a.version), absl::StrCat(b.version), diff.edits);
  }
  DiffAttributes(a, b, diff.edits);
  if (!same_function_(a.body, b.body)) AddEdit("body", a.body, b.body, diff.edits);
  DiffInputs(a, b, diff.edits);
  DiffOutputs(a, b, diff.edits);
  if (a.signature != b.signature) {
    diff.edits.push_back({"signature", SignatureText(a), SignatureText(b)});
  }
  if (a.unknown_fields != b.unknown_fields) {
    diff.edits.push_back({"unknown fields", UnknownText(a), UnknownText(b)});
  }
  if (options_.descriptions) {
    AddEdit("layer", a.layer, b.layer, diff.edits);
    AddEdit("provider", a.provider, b.provider, diff.edits);
    AddEdit("documentation", a.doc, b.doc, diff.edits);
  }
  diff.change = !diff.edits.empty()                  ? Change::kChanged
                : options_.names && !SameNames(a, b) ? Change::kRenamed
                                                     : Change::kSame;
  return diff;
}

bool GraphDiffer::SameNames(const Node& a, const Node& b) const {
  if (a.name != b.name) return false;
  for (size_t i = 0; i < std::min(a.outputs.size(), b.outputs.size()); ++i) {
    if (a.outputs[i] == kNoValue || b.outputs[i] == kNoValue) continue;
    if (ValueA(a.outputs[i]).name != ValueB(b.outputs[i]).name) return false;
  }
  return true;
}

void GraphDiffer::DiffAttributes(const Node& a, const Node& b, std::vector<Edit>& edits) const {
  const Attributes of_a = WithDefaults(a, registry_), of_b = WithDefaults(b, registry_);
  for (const auto& [name, value] : of_a) {
    const AttrValue* other = of_b.Find(name);
    if (other != nullptr && value == *other) continue;
    const auto *function = value.As<FunctionRef>(),
               *other_function = other ? other->As<FunctionRef>() : nullptr;
    if (function && other_function && same_function_(function->name, other_function->name)) {
      continue;
    }
    const auto *tensor = value.As<Tensor>(), *other_tensor = other ? other->As<Tensor>() : nullptr;
    if (tensor && other_tensor && tensor->valid() && other_tensor->valid() &&
        tensor->type() == other_tensor->type() &&
        MeasureDifference(*other_tensor, *tensor, options_.tolerance).within()) {
      continue;
    }
    edits.push_back({absl::StrCat("attribute ", name), value.ToString(),
                     other != nullptr ? other->ToString() : ""});
  }
  for (const auto& [name, value] : of_b) {
    if (!of_a.Has(name)) edits.push_back({absl::StrCat("attribute ", name), "", value.ToString()});
  }
}

std::string GraphDiffer::PortText(const Node& node, size_t input) const {
  const OpDef* op = registry_.Find(node.op, node.version);
  if (op == nullptr || op->inputs.empty()) return absl::StrCat("input ", input);
  const Port& port = op->inputs[std::min(input, op->inputs.size() - 1)];
  return port.kind == Port::Kind::kVariadic || input >= op->inputs.size()
             ? absl::StrCat("input ", input)
             : absl::StrCat("input ", port.name);
}

void GraphDiffer::DiffInputs(const Node& a, const Node& b, std::vector<Edit>& edits) const {
  for (size_t i = 0; i < std::max(a.inputs.size(), b.inputs.size()); ++i) {
    const ValueId of_a = i < a.inputs.size() ? a.inputs[i] : kNoValue;
    const ValueId of_b = i < b.inputs.size() ? b.inputs[i] : kNoValue;
    const ValueId expected = of_a == kNoValue ? kNoValue : match_.value_b[of_a];
    if (of_b == expected && (of_a == kNoValue) == (of_b == kNoValue)) continue;
    edits.push_back({PortText(b, i), of_a == kNoValue ? "" : ValueA(of_a).name,
                     of_b == kNoValue ? "" : ValueB(of_b).name});
  }
}

// Whether all that is known of two types is the same; names of open sizes are those of whoever
// found the types.
bool SameKnown(const TensorType& a, const TensorType& b) {
  if (a.dtype != b.dtype || a.shape.has_rank() != b.shape.has_rank()) return false;
  if (!a.shape.has_rank()) return true;
  return std::equal(a.shape.dims().begin(), a.shape.dims().end(), b.shape.dims().begin(),
                    b.shape.dims().end(),
                    [](const Dim& a, const Dim& b) { return a.size() == b.size(); });
}

// Another type that follows from other types of the inputs is no edit of this node.
void GraphDiffer::DiffOutputs(const Node& a, const Node& b, std::vector<Edit>& edits) const {
  if (a.outputs.size() != b.outputs.size()) {
    edits.push_back(
        {"number of outputs", absl::StrCat(a.outputs.size()), absl::StrCat(b.outputs.size())});
    return;
  }
  if (!edits.empty() || !SameValues(a.inputs, b.inputs)) return;
  for (size_t i = 0; i < a.outputs.size(); ++i) {
    const ValueId of_a = a.outputs[i], of_b = b.outputs[i];
    if (of_a == kNoValue && of_b == kNoValue) continue;
    if (of_a != kNoValue && of_b != kNoValue && SameKnown(ValueA(of_a).type, ValueB(of_b).type)) {
      continue;
    }
    AddEdit(absl::StrCat("type of output ", i),
            of_a == kNoValue ? "" : ValueA(of_a).type.ToString(),
            of_b == kNoValue ? "" : ValueB(of_b).type.ToString(), edits);
  }
}

bool GraphDiffer::SameValues(const std::vector<ValueId>& a, const std::vector<ValueId>& b) const {
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (a[i] != kNoValue && b[i] != kNoValue && !SameKnown(ValueA(a[i]).type, ValueB(b[i]).type)) {
      return false;
    }
  }
  return true;
}

std::string GraphDiffer::SourceText(const GraphIndex& index, ValueId value) const {
  const GraphIndex::Use from = index.producer(value);
  if (from.node >= 0) return absl::StrCat("node ", index.graph().nodes[from.node].name);
  return absl::StrCat(index.weight(value) != nullptr ? "weight " : "input ",
                      index.graph().value(value).name);
}

// By name, then, for what is left, by the value that it is.
void GraphDiffer::DiffPorts(const std::vector<ValueId>& a, const std::vector<ValueId>& b,
                            std::vector<ItemDiff>& items) const {
  std::map<absl::string_view, ValueId> by_name;
  for (const ValueId id : b) by_name.emplace(ValueB(id).name, id);
  std::vector<ValueId> pairs(a.size(), kNoValue);
  for (size_t i = 0; i < a.size(); ++i) {
    const auto found = by_name.find(ValueA(a[i]).name);
    if (found == by_name.end()) continue;
    pairs[i] = found->second;
    by_name.erase(found);
  }
  for (size_t i = 0; i < a.size(); ++i) {
    const ValueInfo& of_a = ValueA(a[i]);
    const ValueId matched = match_.value_b[a[i]];
    if (pairs[i] == kNoValue && matched != kNoValue) {
      const auto found = by_name.find(ValueB(matched).name);
      if (found != by_name.end() && found->second == matched) {
        pairs[i] = matched;
        by_name.erase(found);
      }
    }
    if (pairs[i] == kNoValue) {
      items.push_back({Change::kRemoved, of_a.name, "", {}});
      continue;
    }
    const ValueInfo& of_b = ValueB(pairs[i]);
    ItemDiff item{Change::kSame, of_a.name, of_b.name, {}};
    AddEdit("type", of_a.type.ToString(), of_b.type.ToString(), item.edits);
    if (matched != pairs[i]) {
      item.edits.push_back({"source", SourceText(a_, a[i]), SourceText(b_, pairs[i])});
    }
    if (options_.descriptions) AddEdit("documentation", of_a.doc, of_b.doc, item.edits);
    item.change = !item.edits.empty()      ? Change::kChanged
                  : of_a.name != of_b.name ? Change::kRenamed
                                           : Change::kSame;
    items.push_back(std::move(item));
  }
  for (const ValueId id : b) {
    const auto found = by_name.find(ValueB(id).name);
    if (found == by_name.end() || found->second != id) continue;
    items.push_back({Change::kAdded, "", ValueB(id).name, {}});
  }
}

void GraphDiffer::DiffWeights(GraphDiff& diff) const {
  for (const Weight& weight : a_.graph().weights) {
    const ValueId b = match_.value_b[weight.value];
    const Weight* other = b == kNoValue ? nullptr : b_.weight(b);
    diff.weights.push_back(other != nullptr
                               ? DiffWeight(weight, *other)
                               : WeightDiff{.change = Change::kRemoved, .a = weight.value});
  }
  for (const Weight& weight : b_.graph().weights) {
    if (match_.value_a[weight.value] == kNoValue) {
      diff.weights.push_back({.change = Change::kAdded, .b = weight.value});
    }
  }
}

WeightDiff GraphDiffer::DiffWeight(const Weight& a, const Weight& b) const {
  WeightDiff diff{.a = a.value, .b = b.value};
  AddEdit("type", a.tensor.type().ToString(), b.tensor.type().ToString(), diff.edits);
  AddEdit("trainable", a.trainable ? "yes" : "no", b.trainable ? "yes" : "no", diff.edits);
  if (a.tensor.valid() && b.tensor.valid() && a.tensor.shape() == b.tensor.shape() &&
      a_.weight_hash(a.value) != b_.weight_hash(b.value)) {
    diff.values = MeasureDifference(b.tensor, a.tensor, options_.tolerance);
    if (diff.values->within()) diff.values.reset();
  }
  const bool renamed = options_.names && ValueA(a.value).name != ValueB(b.value).name;
  diff.change = diff.values || !diff.edits.empty() ? Change::kChanged
                : renamed                          ? Change::kRenamed
                                                   : Change::kSame;
  return diff;
}

}  // namespace

GraphDiff DiffMatchedGraphs(const GraphIndex& a, const GraphIndex& b, const GraphMatch& match,
                            const std::vector<std::optional<Fold>>& folds,
                            SameFunction same_function, const OpRegistry& registry,
                            const DiffOptions& options) {
  return GraphDiffer(a, b, match, folds, same_function, registry, options).Run();
}

void AddEdit(std::string what, std::string a, std::string b, std::vector<Edit>& edits) {
  if (a != b) edits.push_back({std::move(what), std::move(a), std::move(b)});
}

}  // namespace nomograph
