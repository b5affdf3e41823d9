// Graphs made smaller: parts cut out, and what nothing needs left out.
#ifndef NOMOGRAPH_INSPECT_EDIT_SUBGRAPH_H_
#define NOMOGRAPH_INSPECT_EDIT_SUBGRAPH_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/inspect/selector.h"

namespace nomograph {

// The graph with the nodes that are marked and the values that these, `inputs` and `outputs` name;
// `new_id`, where given, becomes the new number of each value, kNoValue for those that are gone.
Graph KeepNodes(const Graph& graph, const std::vector<bool>& keep,
                const std::vector<ValueId>& inputs, const std::vector<ValueId>& outputs,
                std::vector<ValueId>* new_id = nullptr);

// Leaves out nodes on which no output depends, weights and values that nothing names, and functions
// that nothing calls. Nodes with effects stay. Returns how many nodes went.
int64_t RemoveUnused(Model& model, const OpRegistry& registry);

struct Extraction {
  Model model;
  std::vector<std::string> notes;  // what a user should know: what was left behind
};

// A model of its own of the nodes that were selected in the main graph, or where none is in that,
// in one function. What they take from nodes outside becomes an input, unless it follows from
// constants alone, and then comes along; what others take from them, and what nothing takes,
// becomes an output. Names stay; functions that are called come along, golden vectors do not.
// InvalidArgument where nodes of several functions are selected, or none.
absl::StatusOr<Extraction> ExtractModel(const Model& model, const Selection& selection,
                                        const OpRegistry& registry = OpRegistry::Default());

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_EDIT_SUBGRAPH_H_
