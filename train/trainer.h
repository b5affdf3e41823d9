// Trainer: fits a model to data. Names, defaults and meanings are those of Keras' Model.compile(),
// fit() and evaluate().
//
//   NOMO_ASSIGN_OR_RETURN(auto trainer,
//                         Trainer::Create(model, {.optimizer = optimizers::Adam(),
//                                                 .loss = losses::SparseCategoricalCrossentropy(),
//                                                 .metrics = {metrics::Accuracy()}}));
//   NOMO_ASSIGN_OR_RETURN(History history, trainer->Fit({x, y}, {.epochs = 5}));
//   NOMO_RETURN_IF_ERROR(Save(trainer->model(), "trained.nomo"));
//
// A step is one program: the model in its training form, the losses, the gradients and the updates,
// which change variables in place. `step_model()` is that program's graph, to be looked at like any
// other.
#ifndef NOMOGRAPH_TRAIN_TRAINER_H_
#define NOMOGRAPH_TRAIN_TRAINER_H_

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/core/run/session.h"
#include "nomograph/train/batches.h"
#include "nomograph/train/callback.h"
#include "nomograph/train/history.h"
#include "nomograph/train/training_graph.h"

namespace nomograph {

struct TrainerOptions {
  // Of the order of samples, dropout and augmentation. Equal seeds, data and options give equal
  // weights; in exact mode the same bits on every machine.
  uint64_t seed = 0;
  bool exact = false;
  // kBFloat16: products are computed so, forwards and backwards, from float32 weights, which the
  // optimizer changes in float32: Keras' dtype policy "mixed_bfloat16"
  // (keras.io/api/mixed_precision; P. Micikevicius et al., Mixed Precision Training, ICLR 2018,
  // whose scaling of losses bfloat16, with the exponents of float32, does without). Predict()
  // computes in float32. Not in exact mode.
  Precision precision = Precision::kFloat32;
  int threads = 0;                 // as SessionOptions
  int64_t memory_limit_bytes = 0;  // as SessionOptions
  // The processes that train together, all with the same model, data and options: each makes its
  // steps with its rows of every batch. Progress, checkpoints and logs are those of the first
  // process alone. It must outlive the trainer.
  const Replicas* replicas = nullptr;
  // Weights are constants, which is faster, and nodes need no gradients: the model may be
  // quantised. What trains, saves or sets weights then fails with FailedPrecondition.
  bool evaluation_only = false;
};

enum class Verbose {
  kAuto,    // kBar on a terminal, else kEpochs
  kSilent,  // nothing
  kBar,     // a bar that moves, as Keras prints it
  kEpochs,  // a line an epoch
};

struct FitOptions {
  int64_t epochs = 1;         // the number of the epoch at which training ends
  int64_t initial_epoch = 0;  // after Restore(): that of the checkpoint, where it is later
  int64_t batch_size = 32;    // of arrays; pipelines have their own
  bool shuffle = true;        // arrays, in another order each epoch
  TrainingData validation_data = {};
  double validation_split = 0;  // the last part of the arrays, which is not trained on
  int64_t validation_freq = 1;  // after how many epochs
  std::optional<int64_t> validation_steps = {};
  // After which an epoch ends. A pipeline then goes on in the next epoch where it was.
  std::optional<int64_t> steps_per_epoch = {};
  std::map<int64_t, double> class_weight = {};
  std::vector<std::shared_ptr<Callback>> callbacks = {};
  Verbose verbose = Verbose::kAuto;  // to standard error
  // Where it becomes true, which a signal handler or any thread may do, Fit() ends after the batch
  // at hand with Cancelled. The next Fit() goes on there, and Save() saves that.
  const std::atomic<bool>* cancel = nullptr;
};

struct EvaluateOptions {
  int64_t batch_size = 32;
  std::optional<int64_t> steps = {};
};

// Leaves of a model that Trainer::Save() wrote the model alone.
void RemoveTrainingState(Model& model);

// For one thread at a time.
class Trainer {
 public:
  // Weights keep the values that they have. InvalidArgument as BuildTrainingGraphs(), or, with
  // evaluation_only, BuildEvaluationGraph().
  static absl::StatusOr<std::unique_ptr<Trainer>> Create(Model model, TrainingGoals goals,
                                                         TrainerOptions options = {});
  ~Trainer();

  // The history of all epochs, with those ahead of Restore(). After an error the trainer is as it
  // was at the end of the last batch that succeeded.
  absl::StatusOr<History> Fit(const TrainingData& data, const FitOptions& options = {});
  // The loss and metrics, by the names that Fit() logs.
  absl::StatusOr<Logs> Evaluate(const TrainingData& data, const EvaluateOptions& options = {});
  // As Model::Predict(), with the weights as they are now.
  absl::StatusOr<NamedTensors> Predict(const NamedTensors& inputs,
                                       const PredictOptions& options = {});
  absl::StatusOr<Tensor> Predict(const Tensor& input, const PredictOptions& options = {});

  // One step, or one batch without a step: its own loss and metrics.
  absl::StatusOr<Logs> TrainOnBatch(const TrainingData& batch,
                                    const std::map<int64_t, double>& class_weight = {});
  absl::StatusOr<Logs> TestOnBatch(const TrainingData& batch);

  // The model with the weights as they are now. The next call may change it.
  const Model& model();
  // The graph of a step, and its variables' first values.
  const Model& step_model() const;

  // A .nomo file that is the model with its weights as they are now, and beside them all that
  // training goes on with: the optimizer's variables, the step, the epoch and the place in it, the
  // metrics so far, and the callbacks' states. The file is the old one or the new one, whenever the
  // process ends.
  // RemoveTrainingState() leaves the model alone of it, as does Create().
  absl::Status Save(const std::string& path);
  // Goes on where Save() was called, for a trainer of the same model, goals and options; the next
  // Fit() begins there; a callback's BeforeTrain() may call it. InvalidArgument tells what does not
  // fit.
  absl::Status Restore(const std::string& path);
  absl::Status Restore(const Model& checkpoint);

  // Of the next step. Setting it takes the schedule's place.
  double learning_rate() const;
  void set_learning_rate(double learning_rate);
  int64_t iteration() const { return iteration_; }  // steps that the optimizer has made
  int64_t step() const { return step_; }            // batches that were trained on
  uint64_t seed() const { return options_.seed; }
  // Whether this process is to write files and progress: the first one of several.
  bool is_first() const { return options_.replicas == nullptr || options_.replicas->rank() == 0; }
  const History& history() const { return history_; }
  // Of variables of the step, e.g. all weights: to put back those of another epoch.
  absl::StatusOr<NamedTensors> Weights() const;
  absl::Status SetWeights(const NamedTensors& weights);
  // Exchanges the weights and their means, which the optimizer keeps with use_ema, until it is
  // called with false or the next step is made. FailedPrecondition where there are no means.
  absl::Status UseAverages(bool use);
  // Fit() ends after this epoch.
  void StopTraining() { stop_ = true; }
  // What Fit() is told to do now; null outside it.
  const FitOptions* fit_options() const { return fit_; }
  // Batches of an epoch of Fit(); -1 where that is not known.
  int64_t steps_per_epoch() const { return steps_per_epoch_; }

 private:
  class Meter;
  struct Loop;
  struct CallbackState {
    std::string name;
    NamedTensors state;
  };
  Trainer(Model model, TrainingGraphs graphs, const Optimizer& optimizer, TrainerOptions options);
  absl::Status OpenSessions();
  // FailedPrecondition with TrainerOptions::evaluation_only.
  absl::Status CheckTrains() const;

  absl::Status TrainStep(const Batch& batch, Meter& meter);
  absl::Status TestStep(const Batch& batch, Meter& meter);
  absl::Status SyncEvaluation();
  absl::Status CheckReplicas();
  absl::StatusOr<std::vector<Tensor>> Combine(std::vector<Tensor> outputs, bool has_rows) const;
  BatchLayout Layout() const;
  absl::StatusOr<Batch> OneBatch(const TrainingData& data,
                                 const std::map<int64_t, double>& class_weight) const;

  absl::Status RunEpochs(Loop& loop);
  absl::Status RunEpoch(Loop& loop);
  absl::Status Validate(Loop& loop, Logs& logs);
  absl::Status ExchangeAverages();
  absl::Status FinishAverages();
  // Those of callbacks that have one, in their order.
  static std::vector<CallbackState> StatesOf(absl::Span<const std::shared_ptr<Callback>> callbacks);
  absl::Status RestoreCallbacks(Loop& loop);

  absl::Status WriteCheckpoint(Model& checkpoint) const;

  Model model_;
  const TrainingGraphs graphs_;
  const LearningRate learning_rate_;
  std::optional<double> set_learning_rate_;
  const TrainerOptions options_;
  const int64_t accumulation_;
  std::unique_ptr<Session> step_session_, evaluation_session_;
  bool model_is_old_ = false, evaluation_is_old_ = true;

  int64_t step_ = 0, iteration_ = 0;
  // Where Fit() is, or goes on after Restore().
  int64_t epoch_ = 0, batch_ = 0;
  std::string position_;  // of the data
  std::unique_ptr<Meter> meter_;
  BatchSource* source_ = nullptr;  // of Fit(), while it runs
  History history_;
  std::vector<CallbackState> callback_states_;  // of Fit() or a checkpoint, to be restored
  const FitOptions* fit_ = nullptr;
  int64_t steps_per_epoch_ = -1;
  bool stop_ = false, resumed_ = false;
  bool averages_in_use_ = false;
  bool starting_ = false;  // Fit(), which then may be told to go on from a file
};

}  // namespace nomograph

#endif  // NOMOGRAPH_TRAIN_TRAINER_H_
