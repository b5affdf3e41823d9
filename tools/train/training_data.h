// The data that `nomo train` learns from.
#ifndef NOMOGRAPH_TOOLS_TRAIN_TRAINING_DATA_H_
#define NOMOGRAPH_TOOLS_TRAIN_TRAINING_DATA_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/tools/run/fit_image.h"
#include "nomograph/train/batches.h"
#include "nomograph/train/training_graph.h"

namespace nomograph {

struct TrainingDataOptions {
  PixelScaling pixels;  // of pictures; its scale is that of other bytes, too
  int64_t batch_size = 32;
  bool shuffle = true;
  // "first", "last" or a column's name: where a table of one input's rows has the target.
  std::string csv_target;
  // Where the data have names for the classes: their order, so far as it is known, such as that of
  // the model's labels. Names that are not among them are an error if `only_known`; otherwise the
  // classes are those of the data, in the order of their bytes.
  std::vector<std::string> known_classes;
  bool only_known = false;
};

struct NamedTrainingData {
  TrainingData data;
  std::vector<std::string> classes;  // their names in their order, where the data have names
};

// Reads what --data names:
//   NAME=FILE       an input or a target, by the name of the model's input or output: .npy, .csv,
//                   IDX, or an .npz of one array
//   FILE.npz        arrays of those names; or "x" and "y"
//   FILE.csv        rows of an input, and in the last column its target, a number or the name of
//                   a class; or, for models with several, a column of the name of each
//   FILE.tfrecord   Examples whose features have those names
//   FOLDER          pictures in a folder for each class, in the order of axes of the input
// The status carries its exit code.
absl::StatusOr<NamedTrainingData> ReadTrainingData(const Model& model,
                                                   absl::Span<const OutputGoal> goals,
                                                   const std::vector<std::string>& arguments,
                                                   const TrainingDataOptions& options);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_TRAIN_TRAINING_DATA_H_
