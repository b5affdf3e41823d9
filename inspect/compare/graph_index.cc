// Indexing is linear; a hash of surroundings takes a pass over all edges for each step of its
// radius.
#include "nomograph/inspect/compare/graph_index.h"

#include <xxhash.h>

#include <algorithm>
#include <string>
#include <variant>

#include "absl/hash/hash.h"

namespace nomograph {
namespace {

// What stands for a value beyond any node: its kind, so that kinds differ.
enum class Origin { kAbsent, kInput, kWeight, kNode };

uint64_t HashType(const TensorType& type) {
  uint64_t hash = absl::HashOf(static_cast<int>(type.dtype), type.shape.rank());
  if (!type.shape.has_rank()) return hash;
  for (const Dim& dim : type.shape.dims()) hash = absl::HashOf(hash, dim.size());
  return hash;
}

struct AttrHasher {
  GraphIndex::FunctionHash function_hash;
  bool values;

  uint64_t operator()(const Tensor& v) const { return values ? HashTensor(v) : HashType(v.type()); }
  uint64_t operator()(const FunctionRef& v) const { return function_hash(v.name); }
  uint64_t operator()(DType v) const { return absl::HashOf(static_cast<int>(v)); }
  template <typename T>
  uint64_t operator()(const T& v) const {
    return absl::HashOf(v);
  }
};

}  // namespace

Attributes WithDefaults(const Node& node, const OpRegistry& registry) {
  const OpDef* op = registry.Find(node.op, node.version);
  if (op == nullptr) return node.attrs;
  auto resolved = ResolveAttributes(op->attrs, node.attrs);
  return resolved.ok() ? *std::move(resolved) : node.attrs;
}

uint64_t HashTensor(const Tensor& tensor) {
  if (!tensor.valid()) return 0;
  return absl::HashOf(HashType(tensor.type()),
                      XXH3_64bits(tensor.raw_data(), static_cast<size_t>(tensor.num_bytes())));
}

GraphIndex::GraphIndex(const Graph& graph, const OpRegistry& registry, FunctionHash function_hash,
                       absl::FunctionRef<void(int64_t bytes)> read)
    : graph_(graph) {
  IndexValues();
  for (const Weight& weight : graph.weights) {
    weight_hashes_.push_back(HashTensor(weight.tensor));
    read(weight.tensor.valid() ? weight.tensor.num_bytes() : 0);
  }
  HashNodes(registry, function_hash);
}

void GraphIndex::IndexValues() {
  const size_t count = graph_.values.size();
  producers_.resize(count);
  first_use_.assign(count + 1, 0);
  weights_.assign(count, -1);
  for (const ValueInfo& value : graph_.values) types_.push_back(HashType(value.type));
  for (size_t w = 0; w < graph_.weights.size(); ++w) {
    weights_[graph_.weights[w].value] = static_cast<int>(w);
  }
  for (int n = 0; n < num_nodes(); ++n) {
    const Node& node = graph_.nodes[n];
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] != kNoValue) producers_[node.outputs[i]] = {n, static_cast<int>(i)};
    }
    for (const ValueId id : node.inputs) {
      if (id != kNoValue) ++first_use_[id + 1];
    }
  }
  for (size_t v = 0; v < count; ++v) first_use_[v + 1] += first_use_[v];
  uses_.resize(first_use_.back());
  std::vector<size_t> next(first_use_.begin(), first_use_.end() - 1);
  for (int n = 0; n < num_nodes(); ++n) {
    const std::vector<ValueId>& inputs = graph_.nodes[n].inputs;
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i] != kNoValue) uses_[next[inputs[i]]++] = {n, static_cast<int>(i)};
    }
  }
}

void GraphIndex::HashNodes(const OpRegistry& registry, FunctionHash function_hash) {
  for (const Node& node : graph_.nodes) {
    const Attributes attrs = WithDefaults(node, registry);
    for (const bool values : {true, false}) {
      uint64_t hash = absl::HashOf(node.op, node.version, node.inputs.size(), node.outputs.size(),
                                   node.body.empty() ? 0 : function_hash(node.body));
      const AttrHasher hasher{function_hash, values};
      for (const auto& [name, value] : attrs) {
        hash =
            absl::HashOf(hash, name, value.variant().index(), std::visit(hasher, value.variant()));
      }
      for (const ValueId id : node.inputs) {
        const bool of_node = id != kNoValue && producers_[id].node >= 0;
        hash = absl::HashOf(hash, of_node ? 0 : Incoming(id, values, {}));
      }
      (values ? own_ : own_without_values_).push_back(hash);
    }
  }
}

uint64_t GraphIndex::Incoming(ValueId value, bool values,
                              absl::Span<const uint64_t> of_nodes) const {
  if (value == kNoValue) return absl::HashOf(Origin::kAbsent);
  if (weights_[value] >= 0) {
    return absl::HashOf(Origin::kWeight, values ? weight_hash(value) : types_[value]);
  }
  const Use producer = producers_[value];
  if (producer.node < 0) return absl::HashOf(Origin::kInput, types_[value]);
  return absl::HashOf(Origin::kNode, of_nodes[producer.node], producer.port);
}

std::vector<int> GraphIndex::Near(absl::Span<const int> nodes, int radius) const {
  std::vector<int> near(nodes.begin(), nodes.end());
  std::vector<bool> seen(num_nodes(), false);
  for (const int n : near) seen[n] = true;
  const auto add = [&](int n) {
    if (n < 0 || seen[n]) return;
    seen[n] = true;
    near.push_back(n);
  };
  size_t begin = 0;
  for (int step = 0; step < radius; ++step) {
    for (const size_t end = near.size(); begin < end; ++begin) {
      const Node& node = graph_.nodes[near[begin]];
      for (const ValueId id : node.inputs) {
        if (id != kNoValue) add(producers_[id].node);
      }
      for (const ValueId id : node.outputs) {
        if (id == kNoValue) continue;
        for (const Use use : uses(id)) add(use.node);
      }
    }
  }
  return near;
}

std::vector<uint64_t> GraphIndex::Surroundings(int radius, bool values,
                                               absl::Span<const int> wanted) const {
  const std::vector<uint64_t>& base = values ? own_ : own_without_values_;
  std::vector<uint64_t> hashes = base, next = base;
  const std::vector<int> near = Near(wanted, radius);
  for (int step = 0; step < radius; ++step) {
    for (const int n : near) {
      const Node& node = graph_.nodes[n];
      uint64_t hash = absl::HashOf(base[n], hashes[n]);
      for (const ValueId id : node.inputs) hash = absl::HashOf(hash, Incoming(id, values, hashes));
      // What a value is used for does not depend on the order of its users.
      for (const ValueId id : node.outputs) {
        uint64_t users = 0;
        if (id != kNoValue) {
          for (const Use use : uses(id)) users += absl::HashOf(hashes[use.node], use.port);
        }
        hash = absl::HashOf(hash, users);
      }
      next[n] = hash;
    }
    std::swap(hashes, next);
  }
  return hashes;
}

uint64_t GraphIndex::Whole() const {
  std::vector<uint64_t> hashes(graph_.nodes.size(), 0);
  uint64_t whole = absl::HashOf(graph_.inputs.size(), graph_.outputs.size());
  for (int n = 0; n < num_nodes(); ++n) {
    hashes[n] = own_[n];
    for (const ValueId id : graph_.nodes[n].inputs) {
      hashes[n] = absl::HashOf(hashes[n], Incoming(id, true, hashes));
    }
    whole = absl::HashOf(whole, hashes[n]);
  }
  for (const ValueId id : graph_.outputs) whole = absl::HashOf(whole, Incoming(id, true, hashes));
  return whole;
}

}  // namespace nomograph
