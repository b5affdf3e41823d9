// Graphs for tests, written as text.
#ifndef NOMOGRAPH_INSPECT_PICTURE_TEST_GRAPH_H_
#define NOMOGRAPH_INSPECT_PICTURE_TEST_GRAPH_H_

#include "absl/strings/string_view.h"
#include "nomograph/core/graph/graph.h"

namespace nomograph::picture {

// Lines "out = op in in" make nodes that are called by their output: "a/b = nn.Relu x". A line
// "x y -> z" names inputs and outputs of the graph. All values are float32[2,3].
Graph TestGraph(absl::string_view text);

}  // namespace nomograph::picture

#endif  // NOMOGRAPH_INSPECT_PICTURE_TEST_GRAPH_H_
