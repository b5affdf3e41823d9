// A pass: what exporters wrote with several nodes becomes the op that it is (OpDef::Written()).
#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "nomograph/core/compile/dtype_choice.h"
#include "nomograph/core/compile/lower.h"
#include "nomograph/core/compile/specs.h"

namespace nomograph {
namespace {

// What a pattern's parts are in the graph.
struct Match {
  std::map<const Pattern::Node*, ValueId> values;
  std::vector<ValueId> inputs;  // of the op
  Attributes attrs;
  std::vector<int> nodes;  // that it takes the place of, each once
};

class Matcher {
 public:
  Matcher(const LoweredGraph& graph, const std::vector<int>& producers,
          const std::vector<int>& uses)
      : graph_(graph), producers_(producers), uses_(uses) {}

  bool Matches(const Pattern& pattern, ValueId value, Match& match) const {
    if (value == kNoValue) return false;
    const Pattern::Node& node = pattern.node();
    if (const auto known = match.values.find(&node); known != match.values.end()) {
      return known->second == value;
    }
    bool matches = false;
    switch (node.kind) {
      case Pattern::Kind::kInput:
        if (match.inputs.size() <= static_cast<size_t>(node.input)) {
          match.inputs.resize(node.input + 1, kNoValue);
        }
        matches = (match.inputs[node.input] == kNoValue || match.inputs[node.input] == value) &&
                  (node.not_from.empty() || !IsFrom(node.not_from, value));
        match.inputs[node.input] = value;
        break;
      case Pattern::Kind::kNumber:
        matches = IsNumber(graph_.constants[value], node.number);
        break;
      case Pattern::Kind::kAttribute:
      case Pattern::Kind::kFactor:
      case Pattern::Kind::kDivisor:
        matches = SetsAttribute(node, graph_.constants[value], match.attrs);
        break;
      case Pattern::Kind::kOp:
        return MatchesNode(node, value, match);
      case Pattern::Kind::kEither:
        return MatchesEither(node, value, match);
    }
    if (matches) match.values[&node] = value;
    return matches;
  }

 private:
  static bool IsNumber(const Tensor& constant, double number) {
    constexpr int64_t kFew = 16;  // a constant that fills a tensor is an expanded number at most
    if (!constant.valid() || constant.num_elements() == 0 || constant.num_elements() > kFew ||
        !kFloats.Contains(constant.dtype())) {
      return false;
    }
    const double error = Rounding(constant.dtype()) * std::abs(number);
    for (int64_t i = 0; i < constant.num_elements(); ++i) {
      if (!(std::abs(constant.AsDouble(i) - number) <= error)) return false;
    }
    return true;
  }

  // By how much a number may change, relative to it, when it is written in that type.
  static double Rounding(DType dtype) {
    if (dtype == DType::kFloat16) return 0x1p-11;
    if (dtype == DType::kBFloat16) return 0x1p-8;
    return 1e-6;
  }

  static bool SetsAttribute(const Pattern::Node& node, const Tensor& constant, Attributes& attrs) {
    if (!constant.valid() || constant.num_elements() != 1 || !kFloats.Contains(constant.dtype())) {
      return false;
    }
    const double number = constant.AsDouble(0);
    if (node.kind == Pattern::Kind::kAttribute) {
      attrs.Set(node.name, number);
      return true;
    }
    const double before = attrs.Has(node.name) ? attrs.Float(node.name) : 1.0;
    attrs.Set(node.name, node.kind == Pattern::Kind::kFactor ? before * number : before / number);
    return true;
  }

  bool MatchesEither(const Pattern::Node& either, ValueId value, Match& match) const {
    for (const Pattern& alternative : either.inputs) {
      if (alternative.node().kind == Pattern::Kind::kOp && uses_[value] > 1) continue;
      Match trial = match;
      if (!Matches(alternative, value, trial)) continue;
      match = std::move(trial);
      match.values[&either] = value;
      return true;
    }
    return false;
  }

  bool IsFrom(const std::string& op, ValueId value) const {
    return producers_[value] >= 0 && graph_.nodes[producers_[value]].op->name == op;
  }

  bool MatchesNode(const Pattern::Node& pattern, ValueId value, Match& match) const {
    const int n = producers_[value];
    if (n < 0) return false;
    const LoweredNode& node = graph_.nodes[n];
    if (node.op->name != pattern.name || node.outputs.size() != 1 || !node.post_ops.empty() ||
        node.inputs.size() < pattern.inputs.size()) {
      return false;
    }
    if (pattern.condition) {
      const Operands operands(graph_, node.inputs);
      if (!pattern.condition(operands.Context(node.attrs), graph_.types[value])) return false;
    }
    if (pattern.gives_attributes) {
      for (const auto& [attr, value] : node.attrs) {
        if (!match.attrs.Has(attr)) match.attrs.Set(attr, value);
      }
    }
    for (const auto& [attr, name] : pattern.given) {
      if (const AttrValue* value = node.attrs.Find(attr)) match.attrs.Set(name, *value);
    }
    for (const auto& [attr, value] : pattern.set) match.attrs.Set(attr, value);
    const auto in_order = [&](bool swapped, Match& found) {
      found.values[&pattern] = value;
      found.nodes.push_back(n);
      for (size_t i = 0; i < pattern.inputs.size(); ++i) {
        const ValueId input = node.inputs[swapped ? 1 - i : i];
        if (!Matches(pattern.inputs[i], input, found)) return false;
      }
      return true;
    };
    for (const bool swapped : {false, true}) {
      if (swapped && !pattern.any_order) break;
      Match trial = match;
      if (!in_order(swapped, trial)) continue;
      match = std::move(trial);
      return true;
    }
    return false;
  }

  const LoweredGraph& graph_;
  const std::vector<int>& producers_;
  const std::vector<int>& uses_;
};

// The patterns that end in a node of some op, and the ops that they are of.
struct Candidate {
  const OpDef* op;
  Pattern pattern;
  std::function<bool(const InferContext&)> holds;  // none: always
};
using Patterns = absl::flat_hash_map<std::string, std::vector<Candidate>>;

Patterns PatternsByRoot(const OpRegistry& registry) {
  Patterns patterns;
  for (const OpDef* op : registry.All()) {
    for (const auto& [pattern, holds] : op->patterns) {
      patterns[pattern.node().name].push_back({op, pattern, holds});
    }
  }
  return patterns;
}

// Whether others may need what an inner node of a match yields: those that fold late only bring
// what they read into another form, which the op does by itself.
bool MayBeShared(const LoweredNode& node) { return node.op->folds_late; }

// How often the nodes of a match read each value.
absl::flat_hash_map<ValueId, int> InnerUses(const LoweredGraph& graph, const Match& match) {
  absl::flat_hash_map<ValueId, int> uses;
  for (const int n : match.nodes) {
    for (const ValueId id : graph.nodes[n].inputs) {
      if (id != kNoValue) ++uses[id];
    }
  }
  return uses;
}

// The node that stands for a match; none where the op does not yield what the nodes did, or where
// something else needs a value in between.
std::optional<LoweredNode> Replacement(const LoweredGraph& graph, const Candidate& candidate,
                                       const Match& match, const LoweredNode& root,
                                       const std::vector<int>& uses) {
  const OpDef& op = *candidate.op;
  absl::flat_hash_map<ValueId, int> inner_uses = InnerUses(graph, match);
  for (const int n : match.nodes) {
    const ValueId output = graph.nodes[n].outputs[0];
    if (output == root.outputs[0] || MayBeShared(graph.nodes[n])) continue;
    if (uses[output] != inner_uses[output]) return std::nullopt;
  }
  auto attrs = ResolveAttributes(op.attrs, match.attrs);
  if (!attrs.ok()) return std::nullopt;
  if (candidate.holds && !candidate.holds(Operands(graph, match.inputs).Context(*attrs))) {
    return std::nullopt;
  }
  std::vector<ValueId> inputs = match.inputs;
  inputs.resize(std::min(inputs.size(), op.inputs.size()));
  // An input may be what an inner node yields, as scores that are their own mask.
  for (const int n : match.nodes) {
    const ValueId output = graph.nodes[n].outputs[0];
    if (std::find(inputs.begin(), inputs.end(), output) != inputs.end()) return std::nullopt;
  }
  const Operands operands(graph, inputs);
  const auto yields = InferNode(op, operands.Context(*attrs));
  if (!yields.ok() || yields->size() != 1 || (*yields)[0] != graph.types[root.outputs[0]]) {
    return std::nullopt;
  }
  return LoweredNode{.name = root.name,
                     .op = &op,
                     .attrs = *std::move(attrs),
                     .inputs = std::move(inputs),
                     .outputs = root.outputs,
                     .post_ops = {},
                     .fused = root.fused};
}

// Whether products of floating-point numbers, which low precision is for, would become part of a
// node that it is not for, and that does not round their factors itself.
bool HidesProducts(const LoweredGraph& graph, const Match& match, const LoweredNode& node) {
  if (node.op->low_precision == LowPrecision::kGains || node.inputs.size() < 2) return false;
  for (const ValueId factor : {node.inputs[0], node.inputs[1]}) {
    if (factor == kNoValue || !kFloats.Contains(graph.types[factor].dtype)) return false;
  }
  const bool any = std::any_of(match.nodes.begin(), match.nodes.end(), [&](int n) {
    return graph.nodes[n].op->low_precision == LowPrecision::kGains;
  });
  return any && !RoundsItself(graph, node);
}

bool MatchAll(LoweredGraph& graph, const OpRegistry& registry, bool keep_products) {
  const Patterns patterns = PatternsByRoot(registry);
  std::vector<int> uses = graph.UseCounts();
  const std::vector<int> producers = graph.Producers();
  std::vector<bool> gone(graph.nodes.size(), false);
  bool changed = false;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    LoweredNode& root = graph.nodes[n];
    const auto ending = patterns.find(root.op->name);
    if (ending == patterns.end() || root.outputs.size() != 1) continue;
    for (const Candidate& candidate : ending->second) {
      Match match;
      if (!Matcher(graph, producers, uses).Matches(candidate.pattern, root.outputs[0], match)) {
        continue;
      }
      std::sort(match.nodes.begin(), match.nodes.end());
      match.nodes.erase(std::unique(match.nodes.begin(), match.nodes.end()), match.nodes.end());
      std::optional<LoweredNode> node = Replacement(graph, candidate, match, root, uses);
      if (!node || (keep_products && HidesProducts(graph, match, *node))) continue;
      absl::flat_hash_map<ValueId, int> inner_uses = InnerUses(graph, match);
      for (const int inner : match.nodes) {
        const LoweredNode& taken = graph.nodes[inner];
        if (inner != static_cast<int>(n) &&
            uses[taken.outputs[0]] != inner_uses[taken.outputs[0]]) {
          // Others read it, too: this node does not any more.
          for (const ValueId id : taken.inputs) {
            if (id != kNoValue) --inner_uses[id];
          }
          continue;
        }
        if (inner == static_cast<int>(n)) continue;
        node->AddFused(taken);
        gone[inner] = true;
      }
      for (const auto& [id, count] : inner_uses) uses[id] -= count;
      for (const ValueId id : node->inputs) {
        if (id != kNoValue) ++uses[id];
      }
      root = *std::move(node);
      changed = true;
      break;
    }
  }
  graph.RemoveNodes(gone);
  if (changed) RemoveDeadNodes(graph);
  return changed;
}

}  // namespace

bool MatchPatterns(LoweredGraph& graph, const OpRegistry& registry) {
  return MatchAll(graph, registry, /*keep_products=*/false);
}

bool MatchPatternsAroundProducts(LoweredGraph& graph, const OpRegistry& registry) {
  return MatchAll(graph, registry, /*keep_products=*/true);
}

}  // namespace nomograph
