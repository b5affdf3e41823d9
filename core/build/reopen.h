// Reopening: a finished graph as Values again, so that more can be written behind it, ahead of it
// or in its place. Models that are layers, editing and gradients start here.
//
//   NOMO_ASSIGN_OR_RETURN(const ReopenedModel classifier, Reopen(model));
//   const Value embedding = classifier.FindValue("global_pool");
//   return BuildModel(classifier.inputs, {embedding});
#ifndef NOMOGRAPH_CORE_BUILD_REOPEN_H_
#define NOMOGRAPH_CORE_BUILD_REOPEN_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "nomograph/core/build/expr.h"
#include "nomograph/core/graph/infer.h"

namespace nomograph {

// What stands in a reopened graph for what has no node.
struct ReopenLeaves {
  // By ValueId: the graph's inputs and weights; absent elsewhere.
  std::vector<Value> values;
  std::map<std::string, std::shared_ptr<const VariableSpec>, std::less<>> variables;
  // The layer to which the expressions belong; null for none.
  std::shared_ptr<const LayerScope> layer;
};

// The values of `graph`, by ValueId. Each has the type that the graph says; nodes keep their names,
// and unknown ops what is known of them. Functions of `functions` that nodes use go along, for each
// node with all that they call; where that comes to far too much, the values have a fault.
std::vector<Value> Reopen(const Graph& graph, const FunctionLibrary& functions,
                          ReopenLeaves leaves);

struct ReopenedModel {
  std::vector<Value> inputs, outputs;
  std::vector<std::string> output_names;  // for BuildOptions
  // By the names that the model's graph gives them. Absent where there is none of that name.
  Value FindValue(absl::string_view name) const;

  std::map<std::string, Value, std::less<>> values;
};

// A model's main graph. Its weights keep their names, values and memory, its variables theirs.
// InvalidArgument where VerifyModel() says so.
absl::StatusOr<ReopenedModel> Reopen(const Model& model);

// The name of the variable that a node of a state op uses; null for other nodes.
const std::string* VariableOf(const Node& node);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_BUILD_REOPEN_H_
