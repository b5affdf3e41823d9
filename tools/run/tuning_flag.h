// --tuning: what `nomo tune` has measured, for the commands that run or compile a model.
#ifndef NOMOGRAPH_TOOLS_RUN_TUNING_FLAG_H_
#define NOMOGRAPH_TOOLS_RUN_TUNING_FLAG_H_

#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "nomograph/core/compile/tuning.h"
#include "nomograph/core/graph/model.h"

namespace nomograph {

// Adds --tuning FILE|none.
CLI::Option* AddTuningFlag(CLI::App& app, std::string& value);

// What the flag's value leads to: the file's measurements, or those beside the model where the flag
// was not given; null where there are none. What does not hold for this model, machine or number of
// threads (0: the default) is ignored, and standard error tells why, as it does for a file beside
// the model that cannot be read. A file that was named and cannot be read is an error with its exit
// code. `command`: "nomo run".
absl::StatusOr<std::shared_ptr<const Tuning>> TuningFor(const std::string& command,
                                                        const std::string& value,
                                                        const std::string& model_path,
                                                        const Model& model, int threads);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_RUN_TUNING_FLAG_H_
