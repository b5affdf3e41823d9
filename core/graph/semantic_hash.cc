// The walk: a value's digest is made of the op that yields it and of the digests of the op's
// inputs, so that names and the order of nodes do not come in. serialization/FORMAT.md specifies
// it.
//
// Two things besides values make up what a model does: random numbers, which are keyed by names of
// nodes, and effects on variables, which come in an order. What an op does is known only where the
// op is registered, and the hash must be the same everywhere. So a node counts with its own name,
// in the order of such nodes, unless its op is a standard one that does neither or it has a body.
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/graph/call_graph.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

// 16 bytes. Empty: of nothing, e.g. of an absent input.
using Digest = std::string;

Digest DigestOf(const void* data, size_t size) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(data, size));
  return Digest(reinterpret_cast<const char*>(canonical.digest), sizeof(canonical.digest));
}

// Bytes in which two different things never look alike.
class Canonical {
 public:
  explicit Canonical(absl::string_view kind) { Text(kind); }

  Canonical& Number(uint64_t value) {
    for (int i = 0; i < 8; ++i) bytes_.push_back(static_cast<char>(value >> (8 * i)));
    return *this;
  }
  Canonical& Double(double value) {
    return Number(std::bit_cast<uint64_t>(
        std::isnan(value) ? std::numeric_limits<double>::quiet_NaN() : value));
  }
  Canonical& Text(absl::string_view text) {
    Number(text.size());
    bytes_.append(text.data(), text.size());
    return *this;
  }
  Canonical& Value(const Tensor& tensor) {
    Number(static_cast<uint64_t>(tensor.dtype()));
    if (!tensor.valid()) return *this;
    Number(tensor.shape().rank());
    for (const int64_t dim : tensor.shape().dims()) Number(dim);
    return Text(DigestOf(tensor.raw_data(), tensor.num_bytes()));
  }
  Digest Finish() const { return DigestOf(bytes_.data(), bytes_.size()); }

 private:
  std::string bytes_;
};

// Writes types with their symbols numbered in the order in which they come: "batch" or "n" is one.
class TypeWriter {
 public:
  void Write(const TensorType& type, Canonical& out) {
    out.Number(static_cast<uint64_t>(type.dtype)).Number(type.shape.rank());
    if (!type.shape.has_rank()) return;
    for (const Dim& dim : type.shape.dims()) {
      const bool named = !dim.symbol().empty();
      out.Number(dim.known() ? 0 : named ? 1 : 2);
      out.Number(dim.known() ? dim.size()
                 : named     ? symbols_.emplace(dim.symbol(), symbols_.size()).first->second
                             : 0);
    }
  }

 private:
  absl::flat_hash_map<std::string, uint64_t> symbols_;
};

struct FunctionHash {
  Digest digest;
  bool pure = false;
};
using FunctionHashes = absl::flat_hash_map<std::string, FunctionHash>;

// The node's op where it is one of the standard set, else null. What a machine has registered
// beside the standard set does not count: the hash is to be the same elsewhere.
const OpDef* StandardOp(const Node& node) {
  const OpRegistry& registry = OpRegistry::Default();
  const OpDef* op = registry.Find(node.op, node.version);
  return op != nullptr && registry.IsStandard(*op) ? op : nullptr;
}

// Whether the op is a standard one that draws no random numbers and has no state, apart from the
// functions that it calls.
bool IsPureStandardOp(const Node& node) {
  const OpDef* op = StandardOp(node);
  return op != nullptr && op->effects == Effects::kPure;
}

// The attributes without those of standard ops that are written down but have their defaults, as
// exporters write them.
std::vector<std::pair<absl::string_view, const AttrValue*>> AttributesThatSay(const Node& node) {
  const OpDef* op = node.body.empty() ? StandardOp(node) : nullptr;
  std::vector<std::pair<absl::string_view, const AttrValue*>> attributes;
  for (const auto& [name, value] : node.attrs) {
    const auto is_default = [&, &name = name, &value = value](const AttrDef& attr) {
      return attr.name == name && attr.default_value && *attr.default_value == value;
    };
    if (op == nullptr || std::none_of(op->attrs.begin(), op->attrs.end(), is_default))
      attributes.emplace_back(name, &value);
  }
  return attributes;
}

// Hashes a graph whose functions have been hashed.
class GraphHasher {
 public:
  // The inputs and outputs of a model go by name, those of a function by place.
  GraphHasher(const Graph& graph, const FunctionHashes& functions, bool named_ports)
      : graph_(graph),
        functions_(functions),
        named_ports_(named_ports),
        values_(graph.values.size()) {}

  FunctionHash Run();

 private:
  void HashNode(const Node& node);
  void WriteAttributes(const Node& node, Canonical& out) const;
  void WritePorts(const std::vector<ValueId>& ids, TypeWriter* types, Canonical& out) const;
  bool IsPure(const Node& node) const;
  FunctionHash Function(const std::string& name) const;
  bool Has(ValueId id) const { return id >= 0 && id < static_cast<ValueId>(values_.size()); }

  const Graph& graph_;
  const FunctionHashes& functions_;
  const bool named_ports_;
  std::vector<Digest> values_;
  std::vector<Digest> impure_nodes_;
};

FunctionHash GraphHasher::Run() {
  for (size_t i = 0; i < graph_.inputs.size(); ++i) {
    if (!Has(graph_.inputs[i])) continue;
    Canonical input("input");
    named_ports_ ? input.Text(graph_.values[graph_.inputs[i]].name) : input.Number(i);
    values_[graph_.inputs[i]] = input.Finish();
  }
  for (const Weight& weight : graph_.weights) {
    if (Has(weight.value))
      values_[weight.value] = Canonical("weight").Value(weight.tensor).Finish();
  }
  for (const Node& node : graph_.nodes) HashNode(node);

  Canonical graph("graph");
  TypeWriter types;
  WritePorts(graph_.inputs, &types, graph);
  WritePorts(graph_.outputs, nullptr, graph);
  graph.Number(impure_nodes_.size());
  for (const Digest& node : impure_nodes_) graph.Text(node);
  return {graph.Finish(), impure_nodes_.empty()};
}

void GraphHasher::WritePorts(const std::vector<ValueId>& ids, TypeWriter* types,
                             Canonical& out) const {
  out.Number(ids.size());
  for (const ValueId id : ids) {
    if (!Has(id)) continue;
    if (named_ports_) out.Text(graph_.values[id].name);
    if (types != nullptr) types->Write(graph_.values[id].type, out);
    out.Text(values_[id]);
  }
}

void GraphHasher::HashNode(const Node& node) {
  Canonical out("node");
  // A traced lambda is named after nothing that matters: its body is its meaning.
  const bool is_body_alone = absl::StartsWith(node.op, "local.") && !node.body.empty();
  out.Text(is_body_alone ? "local" : node.op).Number(is_body_alone ? 0 : node.version);
  out.Text(node.body.empty() ? "" : Function(node.body).digest);
  WriteAttributes(node, out);
  out.Number(node.inputs.size());
  for (const ValueId id : node.inputs) out.Text(Has(id) ? values_[id] : "");
  out.Number(node.outputs.size());
  for (const ValueId id : node.outputs) out.Number(Has(id));
  out.Number(node.signature.has_value());
  if (node.signature) {
    TypeWriter types;
    for (const auto* list : {&node.signature->inputs, &node.signature->outputs}) {
      out.Number(list->size());
      for (const TensorType& type : *list) types.Write(type, out);
    }
  }
  const bool pure = IsPure(node);
  if (!pure) out.Text(node.name);
  const Digest digest = out.Finish();
  if (!pure) impure_nodes_.push_back(digest);
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (Has(node.outputs[i]))
      values_[node.outputs[i]] = Canonical("output").Text(digest).Number(i).Finish();
  }
}

void GraphHasher::WriteAttributes(const Node& node, Canonical& out) const {
  const auto attributes = AttributesThatSay(node);
  out.Number(attributes.size());
  for (const auto& [name, attribute] : attributes) {
    const AttrValue& value = *attribute;
    out.Text(name).Number(static_cast<uint64_t>(value.type()));
    if (const auto* v = value.As<bool>()) out.Number(*v);
    if (const auto* v = value.As<int64_t>()) out.Number(*v);
    if (const auto* v = value.As<double>()) out.Double(*v);
    if (const auto* v = value.As<std::string>()) out.Text(*v);
    if (const auto* v = value.As<DType>()) out.Number(static_cast<uint64_t>(*v));
    if (const auto* v = value.As<Tensor>()) out.Value(*v);
    if (const auto* v = value.As<FunctionRef>()) out.Text(Function(v->name).digest);
    const auto list = [&out](const auto* values, auto write) {
      if (values == nullptr) return;
      out.Number(values->size());
      for (const auto& element : *values) write(element);
    };
    list(value.As<std::vector<int64_t>>(), [&](int64_t v) { out.Number(v); });
    list(value.As<std::vector<double>>(), [&](double v) { out.Double(v); });
    list(value.As<std::vector<std::string>>(), [&](const std::string& v) { out.Text(v); });
  }
}

bool GraphHasher::IsPure(const Node& node) const {
  for (const std::string& callee : NamedFunctions(node)) {
    if (!Function(callee).pure) return false;
  }
  // An op outside of the standard does what its body does.
  return !node.body.empty() || IsPureStandardOp(node);
}

FunctionHash GraphHasher::Function(const std::string& name) const {
  const auto found = functions_.find(name);
  return found == functions_.end() ? FunctionHash() : found->second;
}

// Hashes the functions that `graph` reaches, each after those that it reaches itself. With an
// explicit stack: the depth comes from a file.
FunctionHashes HashFunctions(const Model& model) {
  FunctionHashes hashes;
  absl::flat_hash_map<std::string, bool> entered;
  struct Step {
    std::string function;
    bool leaving;
  };
  std::vector<Step> stack;
  const auto push_callees = [&stack](const Graph& graph) {
    for (const Node& node : graph.nodes) {
      for (std::string& callee : NamedFunctions(node)) stack.push_back({std::move(callee), false});
    }
  };
  push_callees(model.graph);
  while (!stack.empty()) {
    const Step step = std::move(stack.back());
    stack.pop_back();
    const auto function = model.functions.find(step.function);
    if (function == model.functions.end()) continue;
    const Graph& graph = function->second.graph;
    if (step.leaving) {
      hashes[step.function] = GraphHasher(graph, hashes, false).Run();
    } else if (entered.emplace(step.function, true).second) {
      stack.push_back({step.function, true});
      push_callees(graph);
    }
  }
  return hashes;
}

}  // namespace

std::string SemanticHash(const Model& model) {
  Canonical out("nomograph semantic hash 3");
  out.Text(GraphHasher(model.graph, HashFunctions(model), true).Run().digest);
  std::vector<const Variable*> variables;
  for (const Variable& variable : model.variables) variables.push_back(&variable);
  std::sort(variables.begin(), variables.end(),
            [](const Variable* a, const Variable* b) { return a->name < b->name; });
  out.Number(variables.size());
  for (const Variable* variable : variables) out.Text(variable->name).Value(variable->initial);
  return absl::BytesToHexString(out.Finish());
}

}  // namespace nomograph
