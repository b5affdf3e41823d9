// The meters of a pass: the mean losses and the metrics of all its batches.
#ifndef NOMOGRAPH_TRAIN_METER_H_
#define NOMOGRAPH_TRAIN_METER_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "nomograph/core/types/tensor.h"
#include "nomograph/train/history.h"
#include "nomograph/train/trainer.h"

namespace nomograph {

class Trainer::Meter {
 public:
  explicit Meter(const TrainingGraphs& graphs);

  // What a step or an evaluation yields for so many samples.
  absl::Status Add(absl::Span<const Tensor> outputs, int64_t samples);
  // "loss", "OUTPUT_loss" where there are several, and metrics. NaN ahead of the first batch.
  Logs Result() const;
  void Reset();
  // The loss of the last batch.
  double last_loss() const { return last_loss_; }

  NamedTensors Save() const;
  absl::Status Restore(const NamedTensors& totals);

 private:
  const TrainingGraphs& graphs_;
  std::vector<std::string> loss_names_;
  std::vector<double> loss_sums_;  // of the total, then of each goal
  double samples_ = 0, last_loss_ = 0;
  std::vector<MetricState> metrics_;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_TRAIN_METER_H_
