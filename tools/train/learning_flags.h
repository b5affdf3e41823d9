// What `nomo train` and `nomo evaluate` are both told: the data, and what is asked of the outputs.
#ifndef NOMOGRAPH_TOOLS_TRAIN_LEARNING_FLAGS_H_
#define NOMOGRAPH_TOOLS_TRAIN_LEARNING_FLAGS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/tools/command.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/run/picture_flags.h"
#include "nomograph/tools/train/training_data.h"
#include "nomograph/train/training_graph.h"

namespace nomograph {

struct LearningFlags {
  std::vector<std::string> data, losses;
  std::string metrics, csv_target = "last";
  PictureFlags pictures;
  int64_t batch_size = 32;
};

// Declares --data, --csv-target, those of pixels and --batch-size.
void AddDataFlags(CLI::App& app, LearningFlags& flags);
// Declares --loss and --metrics.
void AddGoalFlags(CLI::App& app, LearningFlags& flags);

// "LOSS", "OUTPUT=LOSS": for each output that has one, with the metrics.
absl::StatusOr<std::vector<OutputGoal>> OutputGoalsOf(const LearningFlags& flags,
                                                      const Model& model);
// How the data are read. The status has kUsage.
absl::StatusOr<TrainingDataOptions> DataOptionsOf(const LearningFlags& flags);

// The exit code where data, options and the model do not fit together, or computing fails.
ExitCode LearningExitCode(const absl::Status& status);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_TRAIN_LEARNING_FLAGS_H_
