// How two models differ in what they are: interface, structure, attributes, weights, functions,
// metadata. (compare.h tells how they differ in what they compute.)
//
//   const ModelDiff diff = DiffModels(a, b, OpRegistry::Default());
//   for (const NodeDiff& node : diff.graphs[0].nodes) { ... }
#ifndef NOMOGRAPH_INSPECT_COMPARE_DIFF_H_
#define NOMOGRAPH_INSPECT_COMPARE_DIFF_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "nomograph/core/graph/model.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/inspect/compare/tensor_difference.h"

namespace nomograph {

enum class Change {
  kSame,
  kRenamed,  // nothing but the name
  kChanged,  // the name too, where a.name and b.name differ
  kAdded,    // in B only
  kRemoved,  // in A only
  kFolded,   // in A only, and B's constants hold what it did: shown by computing them
};
// "same", "renamed", "changed", "added", "removed", "folded".
const char* ChangeName(Change change);

// One property that differs.
struct Edit {
  std::string what;  // "op", "attribute pads", "input 1", "type of output 0", "body"
  std::string a, b;  // as one reads them, not escaped; empty: not there
};

// A node of A, of B, or of both that are the same one.
struct NodeDiff {
  Change change = Change::kSame;
  int a = -1, b = -1;  // its index in the graphs' nodes; -1: not there
  // Of kFolded: the node of B whose constants hold it now; -1 where a constant of its own does.
  int into = -1;
  std::vector<Edit> edits;  // of kChanged; names are in none
};

struct WeightDiff {
  Change change = Change::kSame;
  ValueId a = kNoValue, b = kNoValue;
  std::vector<Edit> edits;  // type, trainable
  // Where both have one shape and other values: B measured against A.
  std::optional<TensorDifference> values;
};

// Anything else that has a name: an input, a function, an entry of the metadata.
struct ItemDiff {
  Change change = Change::kSame;
  std::string a, b;  // the names; empty: not there
  std::vector<Edit> edits;
};

struct GraphDiff {
  std::string function_a, function_b;  // empty: the main graph
  std::vector<ItemDiff> inputs, outputs;
  // All nodes of both, those that are the same included, in B's order; what only A has stands
  // behind what A has before it.
  std::vector<NodeDiff> nodes;
  std::vector<int> of_a, of_b;      // by index of A's and of B's nodes: which of `nodes` it is
  std::vector<WeightDiff> weights;  // in A's order, then those that were added
  bool same() const;
};

struct ModelDiff {
  // The main graphs, then those functions that both have.
  std::vector<GraphDiff> graphs;
  // The lists below hold what differs.
  std::vector<ItemDiff> functions;  // added, removed, renamed
  std::vector<ItemDiff> variables, golden_vectors, metadata;
  std::vector<ItemDiff> about;  // the model's name, doc and producer
  bool same() const;
};

struct DiffOptions {
  // Whether other names of nodes, values and weights count, and what only describes: documentation,
  // metadata, the model's own name and the program that wrote it.
  bool names = true, descriptions = true;
  // Weights within it count as the same. The default: equal bytes.
  Tolerance tolerance = {.rtol = 0, .atol = 0};
  // Called with the bytes of weights that have been compared, and all.
  std::function<void(int64_t done, int64_t total)> progress = {};
};

// Nodes are matched by name where what surrounds them agrees, then by what surrounds them, then by
// name alone, by their neighbours, and last by their order. n log n in nodes; every weight is read
// once or twice.
ModelDiff DiffModels(const Model& a, const Model& b, const OpRegistry& registry,
                     const DiffOptions& options = {});

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_COMPARE_DIFF_H_
