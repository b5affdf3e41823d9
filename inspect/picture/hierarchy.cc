#include "nomograph/inspect/picture/hierarchy.h"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include "nomograph/core/graph/call_graph.h"
#include "nomograph/inspect/picture/hierarchy_parts.h"

namespace nomograph::picture {
namespace {

// A scope or leaf before it is known which scopes have one child only.
struct Draft {
  BoxKind kind = BoxKind::kScope;
  absl::string_view name, path;
  int node = -1;
  ValueId value = kNoValue;
  int first_child = -1, last_child = -1, next = -1;
};

// Builds one tree.
class TreeBuilder {
 public:
  TreeBuilder(const Graph& graph, const OpRegistry& registry, const HierarchyOptions& options,
              bool is_selection)
      : graph_(graph), options_(options), constant_(ConstantNodes(graph, registry)) {
    chosen_.assign(graph.nodes.size(), true);
    if (is_selection) chosen_ = options.nodes;
    chosen_.resize(graph.nodes.size(), false);
    is_selection_ = is_selection;
  }

  Tree Build() {
    drafts_.push_back({.kind = BoxKind::kRoot});
    FindEnds();
    for (const ValueId id : inputs_) AddLeaf(0, BoxKind::kInput, graph_.value(id).name, -1, id);
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (IsShown(i)) AddNode(static_cast<int>(i));
    }
    for (const ValueId id : outputs_) AddLeaf(0, BoxKind::kOutput, graph_.value(id).name, -1, id);
    tree_.graph = &graph_;
    tree_.box_of_node.assign(graph_.nodes.size(), -1);
    Emit(0, -1, 0, nullptr);
    CountConstants();
    AddEdges();
    FindBorders(tree_);
    FoldEqualBlocks(tree_);
    return std::move(tree_);
  }

 private:
  bool IsShown(size_t node) const {
    return chosen_[node] && (options_.constants || !constant_[node]);
  }

  // What comes into the picture from outside, and what leaves it.
  void FindEnds() {
    from_constant_.assign(graph_.values.size(), false);
    producer_.assign(graph_.values.size(), -1);
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      for (const ValueId id : graph_.nodes[i].outputs) {
        if (id == kNoValue) continue;
        producer_[id] = static_cast<int>(i);
        from_constant_[id] = constant_[i];
      }
    }
    if (!is_selection_) {
      inputs_ = graph_.inputs;
      outputs_ = graph_.outputs;
      return;
    }
    std::vector<bool> is_weight(graph_.values.size()), seen(graph_.values.size());
    for (const Weight& weight : graph_.weights) is_weight[weight.value] = true;
    const auto comes_in = [&](ValueId id) {
      if (id == kNoValue || is_weight[id] || seen[id]) return false;
      const int producer = producer_[id];
      return producer < 0 || (!chosen_[producer] && !constant_[producer]);
    };
    std::vector<bool> leaves(graph_.values.size());
    for (const ValueId id : graph_.outputs) leaves[id] = true;
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      for (const ValueId id : graph_.nodes[i].inputs) {
        if (!chosen_[i] && id != kNoValue && !constant_[i]) leaves[id] = true;
        if (!chosen_[i] || !comes_in(id)) continue;
        seen[id] = true;
        inputs_.push_back(id);
      }
    }
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (!IsShown(i)) continue;
      for (const ValueId id : graph_.nodes[i].outputs) {
        if (id != kNoValue && leaves[id]) outputs_.push_back(id);
      }
    }
  }

  int AddLeaf(int parent, BoxKind kind, absl::string_view path, int node, ValueId value) {
    return Append(parent, {.kind = kind, .name = path, .path = path, .node = node, .value = value});
  }

  int Append(int parent, Draft draft) {
    const int id = static_cast<int>(drafts_.size());
    drafts_.push_back(draft);
    Draft& scope = drafts_[parent];
    (scope.last_child < 0 ? scope.first_child : drafts_[scope.last_child].next) = id;
    scope.last_child = id;
    return id;
  }

  int Scope(int parent, absl::string_view name, absl::string_view path) {
    const auto [place, is_new] = scopes_.emplace(std::make_pair(parent, name), 0);
    if (is_new) place->second = Append(parent, {.name = name, .path = path});
    return place->second;
  }

  // Opens the scopes of a '/'-separated name but for the last part, which it returns.
  absl::string_view OpenScopes(absl::string_view path, int& scope) {
    size_t begin = path.find_first_not_of('/');
    if (begin == absl::string_view::npos) return path;
    for (int depth = 0; depth < options_.max_depth; ++depth) {
      const size_t end = path.find('/', begin);
      const size_t next = end == absl::string_view::npos ? end : path.find_first_not_of('/', end);
      if (next == absl::string_view::npos) break;
      scope = Scope(scope, path.substr(begin, end - begin), path.substr(0, end));
      begin = next;
    }
    return path.substr(begin);
  }

  void AddNode(int index) {
    const Node& node = graph_.nodes[index];
    int scope = 0;
    // A layer's nodes are in its scope, whatever they are called.
    const absl::string_view layer = node.layer;
    const absl::string_view path = node.name;
    const bool named_after_layer =
        path.substr(0, layer.size()) == layer &&
        (path.size() == layer.size() || path[layer.size()] == '/' || layer.empty());
    absl::string_view name = path;
    if (named_after_layer) {
      name = OpenScopes(path, scope);
    } else {
      const absl::string_view last = OpenScopes(layer, scope);
      scope = Scope(scope, last, layer);
    }
    Append(scope, {.kind = BoxKind::kNode, .name = name, .path = path, .node = index});
  }

  // `name_begin`: where the name of the scopes begins that this draft is the only child of.
  // Recursion goes as deep as scopes, which is bounded.
  void Emit(int draft_id, int parent, int level, const char* name_begin) {
    const Draft& draft = drafts_[draft_id];
    const bool is_within = name_begin != nullptr && name_begin >= draft.path.data() &&
                           name_begin < draft.path.data() + draft.path.size();
    if (draft.kind == BoxKind::kScope && draft.first_child == draft.last_child) {
      // The child's path continues this one's, in the name of a node of its own.
      const Draft& child = drafts_[draft.first_child];
      const size_t at = (is_within ? name_begin : draft.name.data()) - draft.path.data();
      const bool continues =
          child.path.size() > at && child.path.substr(0, draft.path.size()) == draft.path;
      Emit(draft.first_child, parent, level, continues ? child.path.data() + at : nullptr);
      return;
    }
    const int id = static_cast<int>(tree_.boxes.size());
    absl::string_view name = draft.name;
    if (is_within) name = draft.path.substr(name_begin - draft.path.data());
    tree_.boxes.push_back({.kind = draft.kind,
                           .parent = parent,
                           .level = level,
                           .name = std::string(name),
                           .path = draft.path,
                           .node = draft.node,
                           .value = draft.value});
    if (draft.node >= 0) {
      tree_.box_of_node[draft.node] = id;
      for (int box = id; box >= 0; box = tree_.boxes[box].parent) ++tree_.boxes[box].num_nodes;
    }
    for (int child = draft.first_child; child >= 0; child = drafts_[child].next) {
      Emit(child, id, level + 1, nullptr);
    }
    tree_.boxes[id].end = static_cast<int>(tree_.boxes.size());
  }

  // A constant that is not shown counts where its first user is.
  void CountConstants() {
    if (options_.constants) return;
    std::vector<int> user(graph_.nodes.size(), -1);
    for (int i = static_cast<int>(graph_.nodes.size()) - 1; i >= 0; --i) {
      if (!chosen_[i]) continue;
      const int box = constant_[i] ? user[i] : tree_.box_of_node[i];
      for (const ValueId id : graph_.nodes[i].inputs) {
        if (id != kNoValue && from_constant_[id]) user[producer_[id]] = box;
      }
      if (!constant_[i]) continue;
      for (int at = std::max(box, 0); at >= 0; at = tree_.boxes[at].parent) {
        ++tree_.boxes[at].num_nodes;
        ++tree_.boxes[at].num_constants;
      }
    }
  }

  void AddEdges() {
    std::vector<int> source(graph_.values.size(), -1), last_user = source;
    const auto connect = [&](ValueId value, int to) {
      if (value == kNoValue || source[value] < 0) return;
      // A node that takes a value twice has one edge.
      if (std::exchange(last_user[value], to) == to) return;
      tree_.edges.push_back({source[value], to, value});
    };
    std::vector<int> ends;
    tree_.ForEachChild(0, [&](int box) {
      if (tree_.boxes[box].kind == BoxKind::kInput) source[tree_.boxes[box].value] = box;
      if (tree_.boxes[box].kind == BoxKind::kOutput) ends.push_back(box);
    });
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      const int box = tree_.box_of_node[i];
      if (box < 0) continue;
      for (const ValueId id : graph_.nodes[i].inputs) connect(id, box);
      for (const ValueId id : graph_.nodes[i].outputs) {
        if (id != kNoValue) source[id] = box;
      }
    }
    for (const int box : ends) connect(tree_.boxes[box].value, box);
  }

  const Graph& graph_;
  const HierarchyOptions& options_;
  const std::vector<bool> constant_;
  std::vector<bool> chosen_, from_constant_;
  bool is_selection_ = false;
  std::vector<int> producer_;
  std::vector<ValueId> inputs_, outputs_;
  std::vector<Draft> drafts_;
  absl::flat_hash_map<std::pair<int, absl::string_view>, int> scopes_;
  Tree tree_;
};

// Counts the boxes of one tree at one depth, with those of bodies, each once.
class BoxCounter {
 public:
  BoxCounter(const Hierarchy& hierarchy, int64_t limit)
      : hierarchy_(hierarchy), limit_(limit), census_(hierarchy.trees.size()) {}

  // Recursion goes no deeper than `depth`, which falls from graph to graph.
  int64_t Count(int tree_id, int depth) {
    if (depth <= 0) return 0;
    const auto known = counts_.find({tree_id, depth});
    if (known != counts_.end()) return known->second;
    const Census census = TakeCensus(tree_id);
    int64_t count = 0;
    for (int level = 0; level <= depth && level < static_cast<int>(census.leaves.size()); ++level) {
      count += census.leaves[level] + (level == depth ? census.scopes[level] : 0);
    }
    for (const auto& [call, times] : census.calls) {
      if (call.first >= depth || count > limit_) continue;
      count += std::min(limit_, times) * Count(call.second, depth - call.first);
    }
    return counts_[{tree_id, depth}] = std::min(count, limit_);
  }

 private:
  struct Census {
    std::vector<int64_t> leaves, scopes;                // by level
    std::map<std::pair<int, int>, int64_t> calls = {};  // by level and the body's tree
  };

  const Census& TakeCensus(int tree_id) {
    Census& census = census_[tree_id];
    if (!census.leaves.empty()) return census;
    const Tree& tree = hierarchy_.trees[tree_id];
    int levels = 0;
    for (const Box& box : tree.boxes) levels = std::max(levels, box.level);
    census.leaves.assign(levels + 1, 0);
    census.scopes.assign(levels + 1, 0);
    const int size = static_cast<int>(tree.boxes.size());
    for (int b = 1; b < size; ++b) {
      const Box& box = tree.boxes[b];
      if (box.kind == BoxKind::kRepeat) {
        ++census.scopes[box.level];
        continue;
      }
      if (tree.boxes[box.parent].kind == BoxKind::kRepeat) {
        if (b != box.parent + 1) b = box.end - 1;  // the first stands for all
        continue;
      }
      ++(tree.IsLeaf(b) ? census.leaves : census.scopes)[box.level];
      if (box.node < 0) continue;
      for (const Body& body : hierarchy_.BodiesOf(tree.graph->nodes[box.node])) {
        ++census.calls[{box.level, body.tree}];
      }
    }
    return census;
  }

  const Hierarchy& hierarchy_;
  const int64_t limit_;
  std::vector<Census> census_;
  std::map<std::pair<int, int>, int64_t> counts_;
};

}  // namespace

int Tree::NumChildren(int box) const {
  int count = 0;
  ForEachChild(box, [&count](int) { ++count; });
  return count;
}

std::vector<Body> Hierarchy::BodiesOf(const Node& node) const {
  std::vector<Body> bodies;
  const auto add = [&](absl::string_view role, absl::string_view function) {
    const auto found = tree_of_function.find(function);
    if (found != tree_of_function.end()) bodies.push_back({std::string(role), found->second});
  };
  if (!node.body.empty()) add("body", node.body);
  ForEachFunction(node.attrs, add);
  return bodies;
}

int64_t Hierarchy::CountBoxes(int depth, int64_t limit) const {
  return BoxCounter(*this, limit).Count(0, depth);
}

Hierarchy MakeHierarchy(const Graph& graph, const OpRegistry& registry,
                        const HierarchyOptions& options) {
  Hierarchy hierarchy;
  hierarchy.trees.push_back(TreeBuilder(graph, registry, options, !options.nodes.empty()).Build());
  return hierarchy;
}

Hierarchy MakeHierarchy(const Model& model, const OpRegistry& registry,
                        const HierarchyOptions& options) {
  Hierarchy hierarchy =
      MakeHierarchy(options.root != nullptr ? *options.root : model.graph, registry, options);
  for (const auto& [name, function] : model.functions) {
    hierarchy.tree_of_function[name] = static_cast<int>(hierarchy.trees.size());
    Tree tree = TreeBuilder(function.graph, registry, options, /*is_selection=*/false).Build();
    tree.function = name;
    hierarchy.trees.push_back(std::move(tree));
  }
  return hierarchy;
}

int DepthFor(const Hierarchy& hierarchy, int64_t boxes) {
  BoxCounter counter(hierarchy, 1 << 20);
  // Far behind the deepest scope of the deepest body that a picture could hold.
  constexpr int kDeepest = 64;
  int best = 1;
  double best_ratio = std::numeric_limits<double>::infinity();
  for (int depth = 1; depth <= kDeepest; ++depth) {
    const double count = static_cast<double>(std::max<int64_t>(counter.Count(0, depth), 1));
    const double ratio = std::max(count / boxes, boxes / count);
    if (ratio < best_ratio) best = depth;
    best_ratio = std::min(ratio, best_ratio);
    if (count > boxes) break;  // deeper, there are only more
  }
  return best;
}

std::vector<bool> ConstantNodes(const Graph& graph, const OpRegistry& registry) {
  std::vector<bool> constant_value(graph.values.size()), result(graph.nodes.size());
  for (const Weight& weight : graph.weights) constant_value[weight.value] = true;
  absl::flat_hash_map<std::pair<absl::string_view, int>, bool> pure;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    bool constant = !node.outputs.empty();
    for (const ValueId id : node.inputs) constant &= id == kNoValue || constant_value[id];
    if (!constant) continue;
    const auto [known, is_new] =
        pure.emplace(std::make_pair(absl::string_view(node.op), node.version), false);
    if (is_new) {
      const OpDef* op = registry.Find(node.op, node.version);
      known->second = op != nullptr && op->effects == Effects::kPure;
    }
    if (!known->second || !NamedFunctions(node).empty()) continue;
    result[i] = true;
    for (const ValueId id : node.outputs) {
      if (id != kNoValue) constant_value[id] = true;
    }
  }
  return result;
}

}  // namespace nomograph::picture
