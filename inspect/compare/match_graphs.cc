// Every step is linear in nodes and edges, or sorts them. No name is trusted alone as long as what
// surrounds a node tells more: exporters number nodes, and one that is put in gives all behind it
// the names of others.
#include "nomograph/inspect/compare/match_graphs.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"

namespace nomograph {
namespace {

// How far surroundings reach, the widest first.
constexpr int kRadii[] = {8, 3, 1};

class NodeMatcher {
 public:
  NodeMatcher(const GraphIndex& a, const GraphIndex& b) : a_(a), b_(b) {
    match_.node_b.assign(a.num_nodes(), -1);
    match_.node_a.assign(b.num_nodes(), -1);
  }

  GraphMatch Run() {
    MatchNamesWithin(SurroundingsA(1, true), SurroundingsB(1, true));
    for (const int radius : kRadii) {
      MatchEqual(SurroundingsA(radius, true), SurroundingsB(radius, true));
    }
    MatchNamesWithin(Ops(a_), Ops(b_));
    for (const int radius : kRadii) {
      MatchEqual(SurroundingsA(radius, false), SurroundingsB(radius, false));
    }
    MatchNeighbours();
    MatchByOrder();
    MatchNamesWithin(std::vector<uint64_t>(a_.num_nodes(), 0),
                     std::vector<uint64_t>(b_.num_nodes(), 0));
    return std::move(match_);
  }

 private:
  const Node& NodeA(int n) const { return a_.graph().nodes[n]; }
  const Node& NodeB(int n) const { return b_.graph().nodes[n]; }
  bool IsFree(int a, int b) const { return match_.node_b[a] < 0 && match_.node_a[b] < 0; }
  void Pair(int a, int b) {
    match_.node_b[a] = b;
    match_.node_a[b] = a;
    pairs_.push_back({a, b});
  }
  // Of the nodes that are free: most are not behind the first step.
  std::vector<uint64_t> SurroundingsA(int radius, bool values) const {
    return a_.Surroundings(radius, values, Free(match_.node_b));
  }
  std::vector<uint64_t> SurroundingsB(int radius, bool values) const {
    return b_.Surroundings(radius, values, Free(match_.node_a));
  }
  static std::vector<int> Free(const std::vector<int>& partners) {
    std::vector<int> free;
    for (size_t n = 0; n < partners.size(); ++n) {
      if (partners[n] < 0) free.push_back(static_cast<int>(n));
    }
    return free;
  }
  static std::vector<uint64_t> Ops(const GraphIndex& index) {
    std::vector<uint64_t> ops;
    for (const Node& node : index.graph().nodes) ops.push_back(absl::HashOf(node.op));
    return ops;
  }

  // Nodes of one name of which `key` is equal.
  void MatchNamesWithin(const std::vector<uint64_t>& key_a, const std::vector<uint64_t>& key_b);
  // Nodes of which `key` is equal, in their order, where both graphs have as many of them.
  void MatchEqual(const std::vector<uint64_t>& key_a, const std::vector<uint64_t>& key_b);
  // From every pair along and against the data, as long as the ops agree.
  void MatchNeighbours();
  void MatchProducers(int a, int b);
  void MatchUsers(int a, int b);
  // Nodes of one op behind the same matched node, in their order.
  void MatchByOrder();

  const GraphIndex& a_;
  const GraphIndex& b_;
  GraphMatch match_;
  std::vector<std::pair<int, int>> pairs_;
};

void NodeMatcher::MatchNamesWithin(const std::vector<uint64_t>& key_a,
                                   const std::vector<uint64_t>& key_b) {
  absl::flat_hash_map<absl::string_view, int> by_name;
  for (int b = 0; b < b_.num_nodes(); ++b) {
    if (match_.node_a[b] < 0) by_name.emplace(NodeB(b).name, b);
  }
  for (int a = 0; a < a_.num_nodes(); ++a) {
    if (match_.node_b[a] >= 0) continue;
    const auto found = by_name.find(NodeA(a).name);
    if (found != by_name.end() && key_a[a] == key_b[found->second]) Pair(a, found->second);
  }
}

void NodeMatcher::MatchEqual(const std::vector<uint64_t>& key_a,
                             const std::vector<uint64_t>& key_b) {
  struct Nodes {
    std::vector<int> a, b;
  };
  absl::flat_hash_map<uint64_t, Nodes> by_key;
  for (int a = 0; a < a_.num_nodes(); ++a) {
    if (match_.node_b[a] < 0) by_key[key_a[a]].a.push_back(a);
  }
  for (int b = 0; b < b_.num_nodes(); ++b) {
    if (match_.node_a[b] < 0) by_key[key_b[b]].b.push_back(b);
  }
  // In A's order, so that what follows does not depend on hashes.
  for (int a = 0; a < a_.num_nodes(); ++a) {
    if (match_.node_b[a] >= 0) continue;
    const Nodes& nodes = by_key[key_a[a]];
    if (nodes.a.size() != nodes.b.size()) continue;
    for (size_t i = 0; i < nodes.a.size(); ++i) Pair(nodes.a[i], nodes.b[i]);
  }
}

void NodeMatcher::MatchNeighbours() {
  // The list grows while it is read.
  for (size_t i = 0; i < pairs_.size(); ++i) {
    const auto [a, b] = pairs_[i];
    MatchProducers(a, b);
    MatchUsers(a, b);
  }
}

void NodeMatcher::MatchProducers(int a, int b) {
  const size_t ports = std::min(NodeA(a).inputs.size(), NodeB(b).inputs.size());
  for (size_t i = 0; i < ports; ++i) {
    const ValueId value_a = NodeA(a).inputs[i], value_b = NodeB(b).inputs[i];
    if (value_a == kNoValue || value_b == kNoValue) continue;
    const GraphIndex::Use from_a = a_.producer(value_a), from_b = b_.producer(value_b);
    if (from_a.node < 0 || from_b.node < 0 || from_a.port != from_b.port) continue;
    if (IsFree(from_a.node, from_b.node) && NodeA(from_a.node).op == NodeB(from_b.node).op) {
      Pair(from_a.node, from_b.node);
    }
  }
}

void NodeMatcher::MatchUsers(int a, int b) {
  using Kind = std::pair<absl::string_view, int>;  // op, port
  const size_t ports = std::min(NodeA(a).outputs.size(), NodeB(b).outputs.size());
  for (size_t i = 0; i < ports; ++i) {
    const ValueId value_a = NodeA(a).outputs[i], value_b = NodeB(b).outputs[i];
    if (value_a == kNoValue || value_b == kNoValue) continue;
    absl::flat_hash_map<Kind, std::vector<int>> of_b;
    for (const GraphIndex::Use use : b_.uses(value_b)) {
      if (match_.node_a[use.node] < 0) of_b[{NodeB(use.node).op, use.port}].push_back(use.node);
    }
    if (of_b.empty()) continue;
    absl::flat_hash_map<Kind, std::vector<int>> of_a;
    for (const GraphIndex::Use use : a_.uses(value_a)) {
      if (match_.node_b[use.node] < 0) of_a[{NodeA(use.node).op, use.port}].push_back(use.node);
    }
    for (const GraphIndex::Use use : a_.uses(value_a)) {
      const Kind kind = {NodeA(use.node).op, use.port};
      const auto users_a = of_a.find(kind);
      const auto users_b = of_b.find(kind);
      if (users_a == of_a.end() || users_b == of_b.end()) continue;
      if (users_a->second.size() == users_b->second.size()) {
        for (size_t k = 0; k < users_a->second.size(); ++k) {
          if (IsFree(users_a->second[k], users_b->second[k])) {
            Pair(users_a->second[k], users_b->second[k]);
          }
        }
      }
      of_a.erase(users_a);
    }
  }
}

void NodeMatcher::MatchByOrder() {
  // The place of a node: its op, and the last matched node ahead of it, as a node of A.
  using Place = std::pair<int, absl::string_view>;
  absl::flat_hash_map<Place, std::vector<int>> of_a;
  int last = -1;
  for (int a = 0; a < a_.num_nodes(); ++a) {
    match_.node_b[a] >= 0 ? void(last = a) : of_a[{last, NodeA(a).op}].push_back(a);
  }
  absl::flat_hash_map<Place, size_t> taken;
  std::vector<std::pair<int, int>> found;
  last = -1;
  for (int b = 0; b < b_.num_nodes(); ++b) {
    if (match_.node_a[b] >= 0) {
      last = match_.node_a[b];
      continue;
    }
    const Place place = {last, NodeB(b).op};
    const auto nodes = of_a.find(place);
    if (nodes == of_a.end()) continue;
    size_t& next = taken[place];
    if (next < nodes->second.size()) found.push_back({nodes->second[next++], b});
  }
  for (const auto& [a, b] : found) Pair(a, b);
}

// Values, once the nodes are matched.
class ValueMatcher {
 public:
  ValueMatcher(const GraphIndex& a, const GraphIndex& b, GraphMatch& match)
      : a_(a), b_(b), match_(match) {
    match_.value_b.assign(a.graph().values.size(), kNoValue);
    match_.value_a.assign(b.graph().values.size(), kNoValue);
  }

  void Run() {
    MatchOutputsOfNodes();
    MatchInputs();
    const auto same_name = [this](ValueId a, ValueId b) { return Name(a_, a) == Name(b_, b); };
    const auto same_values = [this](ValueId a, ValueId b) {
      return a_.weight_hash(a) == b_.weight_hash(b);
    };
    const auto same_type = [this](ValueId a, ValueId b) {
      return a_.graph().value(a).type == b_.graph().value(b).type;
    };
    MatchWeightsByUse(same_name);
    MatchWeightsByUse(same_values);
    MatchWeightsByName(same_values);
    MatchWeightsByUse(same_type);
    MatchWeightsByName(same_type);
    MatchWeightsByValues();
    MatchWeightsByUse([](ValueId, ValueId) { return true; });
    MatchWeightsByName([](ValueId, ValueId) { return true; });
  }

 private:
  using Test = absl::FunctionRef<bool(ValueId a, ValueId b)>;

  static absl::string_view Name(const GraphIndex& index, ValueId value) {
    return index.graph().value(value).name;
  }
  bool IsFree(ValueId a, ValueId b) const {
    return match_.value_b[a] == kNoValue && match_.value_a[b] == kNoValue;
  }
  void Pair(ValueId a, ValueId b) {
    match_.value_b[a] = b;
    match_.value_a[b] = a;
  }

  void MatchOutputsOfNodes() {
    for (int a = 0; a < a_.num_nodes(); ++a) {
      if (match_.node_b[a] < 0) continue;
      const std::vector<ValueId>& of_a = a_.graph().nodes[a].outputs;
      const std::vector<ValueId>& of_b = b_.graph().nodes[match_.node_b[a]].outputs;
      for (size_t i = 0; i < std::min(of_a.size(), of_b.size()); ++i) {
        if (of_a[i] != kNoValue && of_b[i] != kNoValue) Pair(of_a[i], of_b[i]);
      }
    }
  }

  // By name, then what is left by place.
  void MatchInputs() {
    absl::flat_hash_map<absl::string_view, ValueId> by_name;
    for (const ValueId b : b_.graph().inputs) by_name.emplace(Name(b_, b), b);
    for (const ValueId a : a_.graph().inputs) {
      const auto found = by_name.find(Name(a_, a));
      if (found != by_name.end() && IsFree(a, found->second)) Pair(a, found->second);
    }
    const size_t ports = std::min(a_.graph().inputs.size(), b_.graph().inputs.size());
    for (size_t i = 0; i < ports; ++i) {
      const ValueId a = a_.graph().inputs[i], b = b_.graph().inputs[i];
      if (IsFree(a, b)) Pair(a, b);
    }
  }

  // Weights at the same inputs of nodes that are matched.
  void MatchWeightsByUse(Test test) {
    for (int a = 0; a < a_.num_nodes(); ++a) {
      if (match_.node_b[a] < 0) continue;
      const std::vector<ValueId>& of_a = a_.graph().nodes[a].inputs;
      const std::vector<ValueId>& of_b = b_.graph().nodes[match_.node_b[a]].inputs;
      for (size_t i = 0; i < std::min(of_a.size(), of_b.size()); ++i) {
        if (of_a[i] != kNoValue && of_b[i] != kNoValue) MatchWeights(of_a[i], of_b[i], test);
      }
    }
  }
  void MatchWeightsByName(Test test) {
    absl::flat_hash_map<absl::string_view, ValueId> by_name;
    for (const Weight& weight : b_.graph().weights) {
      if (match_.value_a[weight.value] == kNoValue) {
        by_name.emplace(Name(b_, weight.value), weight.value);
      }
    }
    for (const Weight& weight : a_.graph().weights) {
      const auto found = by_name.find(Name(a_, weight.value));
      if (found != by_name.end()) MatchWeights(weight.value, found->second, test);
    }
  }
  void MatchWeightsByValues() {
    absl::flat_hash_map<uint64_t, std::vector<ValueId>> by_hash;
    for (auto weight = b_.graph().weights.rbegin(); weight != b_.graph().weights.rend(); ++weight) {
      if (match_.value_a[weight->value] == kNoValue) {
        by_hash[b_.weight_hash(weight->value)].push_back(weight->value);
      }
    }
    for (const Weight& weight : a_.graph().weights) {
      if (match_.value_b[weight.value] != kNoValue) continue;
      const auto found = by_hash.find(a_.weight_hash(weight.value));
      if (found == by_hash.end() || found->second.empty()) continue;
      Pair(weight.value, found->second.back());
      found->second.pop_back();
    }
  }
  void MatchWeights(ValueId a, ValueId b, Test test) {
    if (a_.weight(a) != nullptr && b_.weight(b) != nullptr && IsFree(a, b) && test(a, b)) {
      Pair(a, b);
    }
  }

  const GraphIndex& a_;
  const GraphIndex& b_;
  GraphMatch& match_;
};

}  // namespace

GraphMatch MatchGraphs(const GraphIndex& a, const GraphIndex& b) {
  GraphMatch match = NodeMatcher(a, b).Run();
  ValueMatcher(a, b, match).Run();
  return match;
}

}  // namespace nomograph
