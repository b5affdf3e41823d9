#include "nomograph/tools/run/model_inputs.h"

namespace nomograph {

const char kModelInputsHelp[] =
    "An input, as `nomo run` takes it: a file, random, random:2x28x28x1 (default: all are random)";

absl::StatusOr<NamedTensors> ReadModelInputs(const Graph& graph,
                                             const std::vector<std::string>& arguments,
                                             const ReadInputsOptions& options) {
  if (!arguments.empty() || graph.inputs.empty()) return ReadInputs(graph, arguments, options);
  return ReadInputs(graph, {"random"}, options);
}

}  // namespace nomograph
