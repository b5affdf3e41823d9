// The data that `nomo train` learns from.
#ifndef NOMOGRAPH_TOOLS_TRAIN_TRAINING_DATA_H_
#define NOMOGRAPH_TOOLS_TRAIN_TRAINING_DATA_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/train/batches.h"
#include "nomograph/train/training_graph.h"

namespace nomograph {

struct TrainingDataOptions {
  double scale = 1;  // of bytes, such as pixels
  int64_t batch_size = 32;
  bool shuffle = true;
  // "first", "last" or a column's name: where a table of one input's rows has the target.
  std::string csv_target;
};

// Reads what --data names:
//   NAME=FILE       an input or a target, by the name of the model's input or output: .npy, .csv,
//                   IDX, or an .npz of one array
//   FILE.npz        arrays of those names; or "x" and "y"
//   FILE.csv        rows of an input, and in the last column its target; or, for models with
//                   several, a column of the name of each
//   FILE.tfrecord   Examples whose features have those names
//   FOLDER          pictures in a folder for each class
// The status carries its exit code.
absl::StatusOr<TrainingData> ReadTrainingData(const Model& model,
                                              absl::Span<const OutputGoal> goals,
                                              const std::vector<std::string>& arguments,
                                              const TrainingDataOptions& options);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_TRAIN_TRAINING_DATA_H_
