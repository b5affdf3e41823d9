// Callbacks: what happens beside the steps of training. Names and meanings are Keras'
// (keras.callbacks).
#ifndef NOMOGRAPH_TRAIN_CALLBACK_H_
#define NOMOGRAPH_TRAIN_CALLBACK_H_

#include <string>

#include "absl/status/status.h"
#include "nomograph/core/types/tensor.h"
#include "nomograph/train/history.h"

namespace nomograph {

class Trainer;

// An error of any of them ends Fit() with it. Epochs and batches count from 0.
class Callback {
 public:
  virtual ~Callback() = default;
  // Its class, for errors and checkpoints.
  virtual std::string name() const = 0;

  virtual absl::Status OnTrainBegin(Trainer& /*trainer*/) { return absl::OkStatus(); }
  virtual absl::Status OnEpochBegin(Trainer& /*trainer*/, int64_t /*epoch*/) {
    return absl::OkStatus();
  }
  virtual absl::Status OnBatchBegin(Trainer& /*trainer*/, int64_t /*batch*/) {
    return absl::OkStatus();
  }
  // `logs`: the means since the epoch began.
  virtual absl::Status OnBatchEnd(Trainer& /*trainer*/, int64_t /*batch*/, const Logs& /*logs*/) {
    return absl::OkStatus();
  }
  // May add to the logs, which the history keeps.
  virtual absl::Status OnEpochEnd(Trainer& /*trainer*/, int64_t /*epoch*/, Logs& /*logs*/) {
    return absl::OkStatus();
  }
  virtual absl::Status OnTrainEnd(Trainer& /*trainer*/) { return absl::OkStatus(); }
  // When all callbacks have seen the end of the batch or epoch and their states are whole: for
  // those that save the trainer.
  virtual absl::Status AfterBatch(Trainer& /*trainer*/, int64_t /*batch*/, const Logs& /*logs*/) {
    return absl::OkStatus();
  }
  virtual absl::Status AfterEpoch(Trainer& /*trainer*/, int64_t /*epoch*/, const Logs& /*logs*/) {
    return absl::OkStatus();
  }

  // Ahead of OnTrainBegin() of all callbacks, where training is not going on from a file yet: for
  // those that have one (Trainer::Restore()).
  virtual absl::Status BeforeTrain(Trainer& /*trainer*/) { return absl::OkStatus(); }
  // Around the validation of an epoch.
  virtual absl::Status OnTestBegin(Trainer& /*trainer*/) { return absl::OkStatus(); }
  virtual absl::Status OnTestEnd(Trainer& /*trainer*/) { return absl::OkStatus(); }

  // What a run that was interrupted needs to go on as if it had not been.
  virtual NamedTensors SaveState() const { return {}; }
  virtual absl::Status RestoreState(const NamedTensors& /*state*/) { return absl::OkStatus(); }
};

}  // namespace nomograph

#endif  // NOMOGRAPH_TRAIN_CALLBACK_H_
