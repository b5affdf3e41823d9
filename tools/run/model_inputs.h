// Inputs for commands that run a model for its own sake.
#ifndef NOMOGRAPH_TOOLS_RUN_MODEL_INPUTS_H_
#define NOMOGRAPH_TOOLS_RUN_MODEL_INPUTS_H_

#include <string>
#include <vector>

#include "nomograph/tools/run/read_inputs.h"

namespace nomograph {

// What the help of `--input` says of them.
extern const char kModelInputsHelp[];

// As ReadInputs(); where there are no arguments, every input is random.
absl::StatusOr<NamedTensors> ReadModelInputs(const Graph& graph,
                                             const std::vector<std::string>& arguments,
                                             const ReadInputsOptions& options);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_RUN_MODEL_INPUTS_H_
