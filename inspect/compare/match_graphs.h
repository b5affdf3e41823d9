// Which nodes and values of two graphs are the same ones.
#ifndef NOMOGRAPH_INSPECT_COMPARE_MATCH_GRAPHS_H_
#define NOMOGRAPH_INSPECT_COMPARE_MATCH_GRAPHS_H_

#include <vector>

#include "nomograph/inspect/compare/graph_index.h"

namespace nomograph {

// By index of A's nodes (values) the one of B, and the other way about; -1 (kNoValue) where there
// is none.
struct GraphMatch {
  std::vector<int> node_b, node_a;
  std::vector<ValueId> value_b, value_a;
};

// From what is sure to what is likely: nodes of one name in equal surroundings; equal surroundings,
// the widest first; one name and op; equal surroundings but for the weights' values; neighbours of
// nodes that are matched; places in the order of nodes; one name. Inputs, outputs and weights go by
// name, or by the place where they are used.
GraphMatch MatchGraphs(const GraphIndex& a, const GraphIndex& b);

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_COMPARE_MATCH_GRAPHS_H_
