// The callbacks that come with the trainer. Names, options and defaults are Keras'.
#ifndef NOMOGRAPH_TRAIN_CALLBACKS_H_
#define NOMOGRAPH_TRAIN_CALLBACKS_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "nomograph/train/trainer.h"

namespace nomograph::callbacks {

// Whether less or more of a number is better: by its name where it is kAuto. Accuracies, areas,
// precision, recall, scores and the like are to grow, all else is to shrink.
enum class Mode { kAuto, kMin, kMax };

struct EarlyStoppingOptions {
  std::string monitor = "val_loss";
  double min_delta = 0;  // less is no improvement
  int64_t patience = 0;  // so many epochs without improvement are borne
  Mode mode = Mode::kAuto;
  std::optional<double> baseline = {};  // what must be bettered
  bool restore_best_weights = false;
  int64_t start_from_epoch = 0;
};
std::shared_ptr<Callback> EarlyStopping(const EarlyStoppingOptions& options = {});

struct ModelCheckpointOptions {
  // "{epoch}", "{epoch:02d}", "{val_loss:.3f}": filled in with the epoch, from 1, and the logs.
  std::string path = {};
  std::string monitor = "val_loss";
  bool save_best_only = false;
  Mode mode = Mode::kAuto;
  // The model alone, with which training cannot go on.
  bool save_weights_only = false;
  // Batches after which it saves; none: epochs.
  std::optional<int64_t> save_freq = {};
  std::optional<double> initial_value_threshold = {};  // what must be bettered
};
// Saves with Trainer::Save().
std::shared_ptr<Callback> ModelCheckpoint(const ModelCheckpointOptions& options);

struct ReduceLROnPlateauOptions {
  std::string monitor = "val_loss";
  double factor = 0.1;
  int64_t patience = 10;
  Mode mode = Mode::kAuto;
  double min_delta = 1e-4;
  int64_t cooldown = 0;  // epochs after a reduction in which nothing is counted
  double min_lr = 0;
};
// Adds "learning_rate" to the logs.
std::shared_ptr<Callback> ReduceLROnPlateau(const ReduceLROnPlateauOptions& options = {});

// Asked ahead of each epoch, from 0, with the rate of the one before. Adds "learning_rate" to the
// logs.
std::shared_ptr<Callback> LearningRateScheduler(
    std::function<double(int64_t epoch, double learning_rate)> schedule);

struct CsvLoggerOptions {
  char separator = ',';
  bool append = false;  // behind what the file has; after Trainer::Restore() it always is
};
// A row an epoch: the epoch, from 0, and the logs in the order of their names.
std::shared_ptr<Callback> CSVLogger(std::string path, CsvLoggerOptions options = {});

// Ends training with FailedPrecondition when the loss of a batch is NaN or infinite. The error
// names the node of the step that was the first to make one of numbers that were finite, which
// costs a look at every result.
std::shared_ptr<Callback> TerminateOnNaN();

struct TensorBoardOptions {
  // "epoch", "batch", or a number of batches: how often scalars are written beside the epochs'.
  std::optional<int64_t> update_freq = {};
};
// Scalars in event files that TensorBoard reads: LOG_DIR/train and LOG_DIR/validation.
std::shared_ptr<Callback> TensorBoard(std::string log_dir, TensorBoardOptions options = {});

struct BackupAndRestoreOptions {
  std::string path = {};                  // one file, which is whole whenever the process ends
  std::optional<int64_t> save_freq = {};  // batches after which it saves; none: epochs
  bool delete_checkpoint = true;          // when training ends
};
// Keeps a file while Fit() runs, and goes on from it where a Fit() that was interrupted, by
// whatever it was, has left one.
std::shared_ptr<Callback> BackupAndRestore(const BackupAndRestoreOptions& options);

struct SwapEMAWeightsOptions {
  // From the end of an epoch to the next step, too: for what callbacks behind it do then, such as
  // ModelCheckpoint.
  bool swap_on_epoch = false;
};
// Validates with the moving means of the weights, which an optimizer with use_ema keeps.
std::shared_ptr<Callback> SwapEMAWeights(SwapEMAWeightsOptions options = {});

// Functions of one's own; those that are empty are not called.
struct LambdaCallbackOptions {
  std::function<absl::Status(Trainer&)> on_train_begin = {}, on_train_end = {};
  std::function<absl::Status(Trainer&, int64_t epoch)> on_epoch_begin = {};
  std::function<absl::Status(Trainer&, int64_t epoch, Logs& logs)> on_epoch_end = {};
  std::function<absl::Status(Trainer&, int64_t batch)> on_batch_begin = {};
  std::function<absl::Status(Trainer&, int64_t batch, const Logs& logs)> on_batch_end = {};
};
std::shared_ptr<Callback> LambdaCallback(LambdaCallbackOptions options);

}  // namespace nomograph::callbacks

#endif  // NOMOGRAPH_TRAIN_CALLBACKS_H_
