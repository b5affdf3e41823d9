// Matches graphs, then writes down what is not the same of what is matched.
#include "nomograph/inspect/compare/diff.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/graph/call_graph.h"
#include "nomograph/inspect/compare/find_folds.h"
#include "nomograph/inspect/compare/graph_index.h"
#include "nomograph/inspect/compare/match_graphs.h"

namespace nomograph {
namespace {

void AddEdit(std::string what, std::string a, std::string b, std::vector<Edit>& edits) {
  if (a != b) edits.push_back({std::move(what), std::move(a), std::move(b)});
}

std::string TensorText(const Tensor& tensor) {
  return tensor.valid() ? tensor.ToString(/*limit=*/8) : std::string();
}

std::string SignatureText(const Node& node) {
  if (!node.signature) return "";
  const auto append = [](std::string* out, const TensorType& type) { *out += type.ToString(); };
  return absl::StrCat("(", absl::StrJoin(node.signature->inputs, ", ", append), ") -> (",
                      absl::StrJoin(node.signature->outputs, ", ", append), ")");
}

std::string UnknownText(const Node& node) {
  return node.unknown_fields.empty() ? "" : absl::StrCat(node.unknown_fields.size(), " bytes");
}

// What has a name on both sides, name by name: `edits(a, b)` lists what differs.
template <typename T, typename Edits>
std::vector<ItemDiff> DiffByName(const std::map<std::string, T, std::less<>>& a,
                                 const std::map<std::string, T, std::less<>>& b, Edits edits) {
  std::vector<ItemDiff> items;
  for (const auto& [name, value] : a) {
    const auto found = b.find(name);
    if (found == b.end()) {
      items.push_back({Change::kRemoved, name, "", {}});
    } else if (std::vector<Edit> list = edits(value, found->second); !list.empty()) {
      items.push_back({Change::kChanged, name, name, std::move(list)});
    }
  }
  for (const auto& [name, value] : b) {
    if (a.find(name) == a.end()) items.push_back({Change::kAdded, "", name, {}});
  }
  return items;
}

// Which functions of the two libraries are one: by name, what is left by its contents.
class FunctionMatch {
 public:
  FunctionMatch(const Model& a, const Model& b, const OpRegistry& registry)
      : hashes_a_(a, registry), hashes_b_(b, registry) {
    std::multimap<int64_t, std::string> left;
    for (const auto& [name, function] : b.functions) {
      if (a.functions.count(name) > 0) {
        Pair(name, name);
      } else {
        left.emplace(hashes_b_.Of(name), name);
      }
    }
    for (const auto& [name, function] : a.functions) {
      if (b_of_a_.count(name) > 0) continue;
      const auto found = left.find(hashes_a_.Of(name));
      if (found == left.end()) continue;
      Pair(name, found->second);
      left.erase(found);
    }
  }

  bool AreOne(const std::string& a, const std::string& b) const {
    const auto found = b_of_a_.find(a);
    return found == b_of_a_.end() ? a == b && b_names_.count(b) == 0 : found->second == b;
  }
  const std::map<std::string, std::string, std::less<>>& b_of_a() const { return b_of_a_; }
  bool HasB(const std::string& b) const { return b_names_.count(b) > 0; }

  // Of the contents, with those of all that is called.
  uint64_t HashA(absl::string_view name) { return hashes_a_.Of(name); }
  uint64_t HashB(absl::string_view name) { return hashes_b_.Of(name); }

 private:
  class Hashes {
   public:
    Hashes(const Model& model, const OpRegistry& registry)
        : measure_(model.functions, NamedFunctions,
                   [&registry](const Graph& graph, CallGraphMeasure::Of of) {
                     const GraphIndex index(
                         graph, registry,
                         [of](absl::string_view name) { return static_cast<uint64_t>(of(name)); },
                         [](int64_t) {});
                     return static_cast<int64_t>(index.Whole() % (uint64_t{1} << 61));
                   }) {}
    int64_t Of(absl::string_view name) { return measure_.OfFunction(name); }

   private:
    CallGraphMeasure measure_;
  };

  void Pair(const std::string& a, const std::string& b) {
    b_of_a_[a] = b;
    b_names_[b] = a;
  }

  Hashes hashes_a_, hashes_b_;
  std::map<std::string, std::string, std::less<>> b_of_a_, b_names_;
};

// The diff of two graphs that are matched.
class GraphDiffer {
 public:
  GraphDiffer(const GraphIndex& a, const GraphIndex& b, const GraphMatch& match,
              const std::vector<std::optional<Fold>>& folds, const FunctionMatch& functions,
              const OpRegistry& registry, const DiffOptions& options)
      : a_(a),
        b_(b),
        match_(match),
        folds_(folds),
        functions_(functions),
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
  const FunctionMatch& functions_;
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
  if (!functions_.AreOne(a.body, b.body)) AddEdit("body", a.body, b.body, diff.edits);
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
    if (function && other_function && functions_.AreOne(function->name, other_function->name)) {
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

std::vector<Edit> DiffGoldenVector(const GoldenVector& a, const GoldenVector& b) {
  std::vector<Edit> edits;
  for (const auto& [name, tensor] : a.inputs) {
    const auto found = b.inputs.find(name);
    if (found == b.inputs.end()) {
      edits.push_back({absl::StrCat("input ", name), TensorText(tensor), ""});
    } else if (!(tensor == found->second)) {
      edits.push_back(
          {absl::StrCat("input ", name), TensorText(tensor), TensorText(found->second)});
    }
  }
  for (const auto& [name, output] : a.outputs) {
    const auto found = b.outputs.find(name);
    const std::string what = absl::StrCat("expected ", name);
    if (found == b.outputs.end()) {
      edits.push_back({what, TensorText(output.expected), ""});
      continue;
    }
    if (!(output.expected == found->second.expected)) {
      edits.push_back({what, TensorText(output.expected), TensorText(found->second.expected)});
    }
    AddEdit(absl::StrCat("tolerance of ", name), Tolerance{output.rtol, output.atol}.ToString(),
            Tolerance{found->second.rtol, found->second.atol}.ToString(), edits);
  }
  for (const auto& [name, tensor] : b.inputs) {
    if (a.inputs.count(name) == 0) {
      edits.push_back({absl::StrCat("input ", name), "", TensorText(tensor)});
    }
  }
  for (const auto& [name, output] : b.outputs) {
    if (a.outputs.count(name) == 0) {
      edits.push_back({absl::StrCat("expected ", name), "", TensorText(output.expected)});
    }
  }
  AddEdit("training", a.training ? "yes" : "no", b.training ? "yes" : "no", edits);
  AddEdit("seed", absl::StrCat(a.seed), absl::StrCat(b.seed), edits);
  AddEdit("step", absl::StrCat(a.step), absl::StrCat(b.step), edits);
  return edits;
}

// Lists of what has a name, by it; of two with one name the first counts.
template <typename T>
std::map<std::string, const T*, std::less<>> ByName(const std::vector<T>& items) {
  std::map<std::string, const T*, std::less<>> by_name;
  for (const T& item : items) by_name.emplace(item.name, &item);
  return by_name;
}

void DiffLists(const Model& a, const Model& b, const DiffOptions& options, ModelDiff& diff) {
  diff.variables = DiffByName(
      ByName(a.variables), ByName(b.variables), [](const Variable* a, const Variable* b) {
        std::vector<Edit> edits;
        if (!(a->initial == b->initial)) {
          edits.push_back({"initial value", TensorText(a->initial), TensorText(b->initial)});
        }
        return edits;
      });
  diff.golden_vectors = DiffByName(
      ByName(a.golden_vectors), ByName(b.golden_vectors),
      [](const GoldenVector* a, const GoldenVector* b) { return DiffGoldenVector(*a, *b); });
  if (!options.descriptions) return;
  diff.metadata =
      DiffByName(a.metadata, b.metadata, [](const std::string& a, const std::string& b) {
        std::vector<Edit> edits;
        AddEdit("value", a, b, edits);
        return edits;
      });
  const auto about = [&diff](const char* what, const std::string& a, const std::string& b) {
    std::vector<Edit> edits;
    AddEdit("value", a, b, edits);
    if (!edits.empty()) diff.about.push_back({Change::kChanged, what, what, std::move(edits)});
  };
  about("name", a.name, b.name);
  about("documentation", a.doc, b.doc);
  about("producer", a.producer, b.producer);
}

int64_t WeightBytes(const Model& model) {
  int64_t bytes = 0;
  const auto add = [&bytes](const Graph& graph) {
    for (const Weight& weight : graph.weights) {
      if (weight.tensor.valid()) bytes += weight.tensor.num_bytes();
    }
  };
  add(model.graph);
  for (const auto& [name, function] : model.functions) add(function.graph);
  return bytes;
}

class ModelDiffer {
 public:
  ModelDiffer(const Model& a, const Model& b, const OpRegistry& registry,
              const DiffOptions& options)
      : a_(a),
        b_(b),
        registry_(registry),
        options_(options),
        functions_(a, b, registry),
        total_(WeightBytes(a) + WeightBytes(b)) {}

  ModelDiff Run() {
    ModelDiff diff;
    diff.graphs.push_back(DiffGraphs(a_.graph, b_.graph));
    for (const auto& [name, function] : a_.functions) {
      const auto other = functions_.b_of_a().find(name);
      if (other == functions_.b_of_a().end()) {
        diff.functions.push_back({Change::kRemoved, name, "", {}});
        continue;
      }
      if (options_.names && name != other->second) {
        diff.functions.push_back({Change::kRenamed, name, other->second, {}});
      }
      diff.graphs.push_back(
          DiffGraphs(function.graph, b_.functions.find(other->second)->second.graph));
      diff.graphs.back().function_a = name;
      diff.graphs.back().function_b = other->second;
    }
    for (const auto& [name, function] : b_.functions) {
      if (!functions_.HasB(name)) diff.functions.push_back({Change::kAdded, "", name, {}});
    }
    DiffLists(a_, b_, options_, diff);
    return diff;
  }

 private:
  GraphDiff DiffGraphs(const Graph& graph_a, const Graph& graph_b) {
    const auto read = [this](int64_t bytes) {
      done_ += bytes;
      if (options_.progress) options_.progress(done_, total_);
    };
    const GraphIndex a(
        graph_a, registry_, [this](absl::string_view name) { return functions_.HashA(name); },
        read);
    const GraphIndex b(
        graph_b, registry_, [this](absl::string_view name) { return functions_.HashB(name); },
        read);
    GraphMatch match = MatchGraphs(a, b);
    const auto folds = FindFolds(a_, a, b_, b, registry_, match);
    return GraphDiffer(a, b, match, folds, functions_, registry_, options_).Run();
  }

  const Model& a_;
  const Model& b_;
  const OpRegistry& registry_;
  const DiffOptions& options_;
  FunctionMatch functions_;
  const int64_t total_;
  int64_t done_ = 0;
};

template <typename T>
bool AllSame(const std::vector<T>& items) {
  return std::all_of(items.begin(), items.end(),
                     [](const T& item) { return item.change == Change::kSame; });
}

}  // namespace

const char* ChangeName(Change change) {
  switch (change) {
    case Change::kSame:
      return "same";
    case Change::kRenamed:
      return "renamed";
    case Change::kChanged:
      return "changed";
    case Change::kAdded:
      return "added";
    case Change::kRemoved:
      return "removed";
    case Change::kFolded:
      return "folded";
  }
  return "";
}

bool GraphDiff::same() const {
  return AllSame(inputs) && AllSame(outputs) && AllSame(nodes) && AllSame(weights);
}

bool ModelDiff::same() const {
  return std::all_of(graphs.begin(), graphs.end(), [](const GraphDiff& g) { return g.same(); }) &&
         functions.empty() && variables.empty() && golden_vectors.empty() && metadata.empty() &&
         about.empty();
}

ModelDiff DiffModels(const Model& a, const Model& b, const OpRegistry& registry,
                     const DiffOptions& options) {
  return ModelDiffer(a, b, registry, options).Run();
}

}  // namespace nomograph
