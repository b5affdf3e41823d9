// Two models as one graph, for a picture of what has changed.
#ifndef NOMOGRAPH_INSPECT_PICTURE_MERGED_GRAPH_H_
#define NOMOGRAPH_INSPECT_PICTURE_MERGED_GRAPH_H_

#include <string>

#include "absl/container/flat_hash_map.h"
#include "nomograph/core/graph/graph.h"
#include "nomograph/inspect/compare/diff.h"
#include "nomograph/inspect/picture/picture.h"

namespace nomograph::picture {

struct MergedGraph {
  Graph graph;
  absl::flat_hash_map<std::string, Mark> marks;  // by name of node
};

// The graph of `b`, with the nodes that only `a` has: they take what they took there, and nothing
// takes what they yield but others of them. `diff` is that of the models that the graphs are the
// main graphs of, from a to b.
MergedGraph MergeGraphs(const Graph& a, const Graph& b, const GraphDiff& diff);

}  // namespace nomograph::picture

#endif  // NOMOGRAPH_INSPECT_PICTURE_MERGED_GRAPH_H_
