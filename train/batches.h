// What a trainer learns from: arrays in memory or an input pipeline, a batch at a time.
#ifndef NOMOGRAPH_TRAIN_BATCHES_H_
#define NOMOGRAPH_TRAIN_BATCHES_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nomograph/core/types/tensor.h"
#include "nomograph/data/pipeline/dataset.h"

namespace nomograph {

// Samples lie along axis 0. Targets may have an axis of size 1 at their end more or less than the
// loss wants, and another dtype: they are converted.
class TrainingData {
 public:
  TrainingData() = default;
  // For a model with one input, and one output that has a loss.
  TrainingData(Tensor x, Tensor y, Tensor sample_weight = {})
      : x_{{"", std::move(x)}}, y_{{"", std::move(y)}} {
    if (sample_weight.valid()) weights_[""] = std::move(sample_weight);
  }
  // By the names of the model's inputs and outputs.
  TrainingData(NamedTensors x, NamedTensors y, NamedTensors sample_weights = {})
      : x_(std::move(x)), y_(std::move(y)), weights_(std::move(sample_weights)) {}
  // Of batches: the inputs in the model's order, then the targets, then (or not) the sample
  // weights. The pipeline shuffles and batches by itself.
  TrainingData(Dataset dataset) : dataset_(std::move(dataset)) {}

  bool empty() const { return x_.empty() && !dataset_; }
  const NamedTensors& x() const { return x_; }
  const NamedTensors& y() const { return y_; }
  const NamedTensors& sample_weights() const { return weights_; }
  const std::optional<Dataset>& dataset() const { return dataset_; }

  // Rows [begin, end) of arrays. InvalidArgument for a pipeline.
  absl::StatusOr<TrainingData> Rows(int64_t begin, int64_t end) const;
  // Of arrays.
  int64_t num_rows() const;
  // Of pipelines those that repeat for ever.
  bool is_endless() const { return dataset_ && dataset_->Cardinality() == kInfiniteCardinality; }

 private:
  NamedTensors x_, y_, weights_;
  std::optional<Dataset> dataset_;
};

// The tensors of one batch, in a trainer's order and of its types.
struct Batch {
  std::vector<Tensor> inputs, targets, weights;
  // Samples.
  int64_t size() const {
    return inputs.empty() || inputs[0].shape().rank() == 0 ? 1 : inputs[0].shape()[0];
  }
};

// What the batches must be like.
struct BatchLayout {
  struct Place {
    std::string name;
    TensorType type;
  };
  std::vector<Place> inputs, targets, weights;  // targets and weights by the names of outputs
};

struct BatchingOptions {
  int64_t batch_size = 32;  // of arrays
  bool shuffle = false;     // arrays, in another order each epoch
  uint64_t seed = 0;
  std::map<int64_t, double> class_weight = {};  // by class, which multiplies the sample weights
  bool with_targets = true;
};

// Yields batches. For one thread at a time.
class BatchSource {
 public:
  virtual ~BatchSource() = default;
  // Begins the pass of that number.
  virtual absl::Status Start(int64_t epoch) = 0;
  // None at the end of the pass.
  virtual absl::StatusOr<std::optional<Batch>> Next() = 0;
  // Of a pass; -1 where it is not known.
  virtual int64_t num_batches() const = 0;
  // Where the pass is, for a checkpoint.
  virtual std::string SavePosition() const = 0;
  virtual absl::Status RestorePosition(absl::string_view position) = 0;
};

// InvalidArgument lists what is missing or does not fit.
absl::StatusOr<std::unique_ptr<BatchSource>> MakeBatches(const TrainingData& data,
                                                         const BatchLayout& layout,
                                                         const BatchingOptions& options);

}  // namespace nomograph

#endif  // NOMOGRAPH_TRAIN_BATCHES_H_
