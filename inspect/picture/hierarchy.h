// The hierarchy of a model: its graphs as trees of boxes, after the scopes in the names of nodes
// ("/layer1/layer1.0/conv1/Conv"), with equal blocks in a row folded into one ("layers.0–11 ×12").
// Pictures, summaries and pages that show a large model a part at a time are made from it. Linear
// in nodes.
#ifndef NOMOGRAPH_INSPECT_PICTURE_HIERARCHY_H_
#define NOMOGRAPH_INSPECT_PICTURE_HIERARCHY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/core/op/registry.h"

namespace nomograph::picture {

enum class BoxKind {
  kRoot,    // the graph
  kScope,   // of names
  kRepeat,  // equal sibling scopes in a row, its children; the first stands for all
  kNode,
  kInput,   // of the graph, or of the selection
  kOutput,  // likewise
};

// Boxes stand in preorder: what is inside of box b are the boxes from b + 1 to `end`.
struct Box {
  BoxKind kind = BoxKind::kRoot;
  int parent = -1;
  int end = 0;
  // The depth at which the box is shown: 1 for the root's children. A repeat's first block, which
  // is shown in its place, has the repeat's own level.
  int level = 0;
  // What is shown: without the scopes around it. Of a scope with one child only the child is there,
  // by both names ("conv1/Conv").
  std::string name;
  // The beginning of its nodes' names, or the node's or value's name. Lives in the graph.
  absl::string_view path;
  int node = -1;             // an index into Graph::nodes
  ValueId value = kNoValue;  // of an input or output
  int num_nodes = 0;         // inside; of them are shown as boxes...
  int num_constants = 0;     // ...not these
  // The values that cross its border, each once: of a scope or repeat in the order of first use and
  // of production, of a node as it has them. Without constants unless they were asked for.
  std::vector<ValueId> inputs, outputs;
};

// A value's way from the box that yields it to one that uses it; both are nodes, inputs or outputs.
struct Edge {
  int from = 0, to = 0;
  ValueId value = kNoValue;
  bool operator==(const Edge&) const = default;
};

struct Tree {
  const Graph* graph = nullptr;
  std::string function;          // whose graph it is; empty: the model's
  std::vector<Box> boxes;        // [0] is the root
  std::vector<Edge> edges;       // in the order of `to`s nodes in the file
  std::vector<int> box_of_node;  // -1: not shown

  bool IsInside(int box, int outer) const { return outer <= box && box < boxes[outer].end; }
  bool IsLeaf(int box) const { return boxes[box].end == box + 1; }
  // Calls visit(child) for the children of a box, in the order of their first nodes.
  template <typename Visit>
  void ForEachChild(int box, Visit visit) const {
    for (int child = box + 1; child < boxes[box].end; child = boxes[child].end) visit(child);
  }
  int NumChildren(int box) const;
};

// A function that a node names: a branch, a loop's body, a lambda's meaning.
struct Body {
  std::string role;  // the attribute ("then_branch"), or "body"
  int tree = 0;      // an index into Hierarchy::trees
};

struct HierarchyOptions {
  // Also nodes that are computed from constants and weights alone. Else they count as part of the
  // nodes that use them.
  bool constants = false;
  // Of the model's graph only these nodes, by index; what they take from others are inputs. Empty:
  // all.
  std::vector<bool> nodes;
  // Scopes beyond so many are not told apart.
  int max_depth = 32;
};

struct Hierarchy {
  std::vector<Tree> trees;  // the model's graph, then its functions by name
  absl::flat_hash_map<std::string, int> tree_of_function;

  const Tree& main() const { return trees[0]; }
  std::vector<Body> BodiesOf(const Node& node) const;
  // How many boxes a picture has that opens boxes, and bodies, of levels below `depth`; of a repeat
  // its first block. At most `limit`.
  int64_t CountBoxes(int depth, int64_t limit = 1 << 20) const;
};

// The model must outlive the hierarchy.
Hierarchy MakeHierarchy(const Model& model, const OpRegistry& registry,
                        const HierarchyOptions& options = {});
// The same for one graph that is part of no model.
Hierarchy MakeHierarchy(const Graph& graph, const OpRegistry& registry,
                        const HierarchyOptions& options = {});

// The greatest depth at which no more than `most` boxes are shown; where those are fewer than
// `least`, the next depth if it shows at most 10 times `most`.
int DepthFor(const Hierarchy& hierarchy, int64_t least = 8, int64_t most = 60);

// By node, whether all that it computes follows from constants and weights.
std::vector<bool> ConstantNodes(const Graph& graph, const OpRegistry& registry);

}  // namespace nomograph::picture

#endif  // NOMOGRAPH_INSPECT_PICTURE_HIERARCHY_H_
