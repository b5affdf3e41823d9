// Trainer::Fit(): epochs, batches, validation and callbacks.
#include <algorithm>
#include <utility>

#include "nomograph/core/types/escape.h"
#include "nomograph/train/meter.h"
#include "nomograph/train/progress.h"
#include "nomograph/train/trainer.h"

namespace nomograph {

// What one call of Fit() works with.
struct Trainer::Loop {
  const FitOptions& options;
  std::vector<std::shared_ptr<Callback>> callbacks;
  std::unique_ptr<BatchSource> batches;
  std::unique_ptr<BatchSource> validation;  // null: none

  // One event of all callbacks, in their order.
  template <typename Event>
  absl::Status Tell(Event event) {
    for (const auto& callback : callbacks) {
      NOMO_RETURN_IF_ERROR(
          Annotate(event(*callback), absl::StrCat("callback ", Escape(callback->name()))));
    }
    return absl::OkStatus();
  }
};

namespace {

absl::Status CheckFitOptions(const FitOptions& o) {
  ErrorList errors;
  const auto at_least = [&](absl::string_view name, int64_t value, int64_t least) {
    if (value < least)
      errors.Add(InvalidArgument(name, ": expected at least ", least, ", found ", value));
  };
  at_least("epochs", o.epochs, 0);
  at_least("initial_epoch", o.initial_epoch, 0);
  at_least("validation_freq", o.validation_freq, 1);
  if (o.steps_per_epoch) at_least("steps_per_epoch", *o.steps_per_epoch, 1);
  if (o.validation_steps) at_least("validation_steps", *o.validation_steps, 1);
  if (!(o.validation_split >= 0 && o.validation_split < 1)) {
    errors.Add(InvalidArgument("validation_split: expected at least 0 and less than 1, found ",
                               o.validation_split));
  }
  if (o.validation_split > 0 && !o.validation_data.empty())
    errors.Add(InvalidArgument("validation_split and validation_data: expected one of them"));
  for (const auto& callback : o.callbacks) {
    if (callback == nullptr) errors.Add(InvalidArgument("a callback is null"));
  }
  return errors.ToStatus("the options of Fit() are not right");
}

}  // namespace

absl::StatusOr<History> Trainer::Fit(const TrainingData& data, const FitOptions& options) {
  NOMO_RETURN_IF_ERROR(CheckTrains());
  NOMO_RETURN_IF_ERROR(CheckFitOptions(options));
  TrainingData training = data, validation = options.validation_data;
  if (options.validation_split > 0) {
    if (data.dataset()) {
      return InvalidArgument(
          "validation_split: expected arrays, of which it is a part; a dataset's validation data "
          "are "
          "a dataset of their own");
    }
    const int64_t rows = data.num_rows();
    const int64_t kept =
        static_cast<int64_t>(static_cast<double>(rows) * (1 - options.validation_split));
    if (kept < 1 || kept >= rows)
      return InvalidArgument("validation_split: nothing is left of ", rows, " rows for one part");
    NOMO_ASSIGN_OR_RETURN(training, data.Rows(0, kept));
    NOMO_ASSIGN_OR_RETURN(validation, data.Rows(kept, rows));
  }
  Loop loop{options, options.callbacks};
  NOMO_ASSIGN_OR_RETURN(loop.batches, MakeBatches(training, Layout(),
                                                  {.batch_size = options.batch_size,
                                                   .shuffle = options.shuffle,
                                                   .seed = options_.seed,
                                                   .class_weight = options.class_weight}));
  if (!validation.empty()) {
    NOMO_ASSIGN_OR_RETURN(loop.validation,
                          MakeBatches(validation, Layout(), {.batch_size = options.batch_size}));
  }
  if (!options.steps_per_epoch && data.is_endless())
    return InvalidArgument("steps_per_epoch: expected a number, because the dataset has no end");
  if (!options.validation_steps && validation.is_endless())
    return InvalidArgument("validation_steps: expected a number, because the dataset has no end");
  steps_per_epoch_ = options.steps_per_epoch.value_or(loop.batches->num_batches());
  if (is_first()) {
    if (const auto progress = MakeProgress(options.verbose)) loop.callbacks.push_back(progress);
  }
  fit_ = &options;
  source_ = loop.batches.get();
  const absl::Status status = RunEpochs(loop);
  position_ = source_->SavePosition();
  if (absl::IsCancelled(status)) {  // the next call, here or after Restore(), goes on
    callback_states_ = StatesOf(options.callbacks);
    resumed_ = true;
  }
  fit_ = nullptr;
  source_ = nullptr;
  NOMO_RETURN_IF_ERROR(status);
  return history_;
}

std::vector<Trainer::CallbackState> Trainer::StatesOf(
    absl::Span<const std::shared_ptr<Callback>> callbacks) {
  std::vector<CallbackState> states;
  for (const auto& callback : callbacks) {
    NamedTensors state = callback->SaveState();
    if (!state.empty()) states.push_back({callback->name(), std::move(state)});
  }
  return states;
}

// Each goes to the callback of its name; of several of one name, in their order.
absl::Status Trainer::RestoreCallbacks(Loop& loop) {
  std::vector<std::shared_ptr<Callback>> open = loop.options.callbacks;
  for (const CallbackState& saved : callback_states_) {
    const auto found = std::find_if(open.begin(), open.end(), [&](const auto& callback) {
      return callback != nullptr && callback->name() == saved.name;
    });
    if (found == open.end()) {
      return InvalidArgument("the checkpoint has the state of a callback ", Quoted(saved.name),
                             ", which is not among those of this run");
    }
    NOMO_RETURN_IF_ERROR(Annotate((*found)->RestoreState(saved.state),
                                  absl::StrCat("callback ", Escape(saved.name))));
    found->reset();
  }
  callback_states_.clear();
  return absl::OkStatus();
}

absl::Status Trainer::RunEpochs(Loop& loop) {
  stop_ = false;
  starting_ = true;
  const absl::Status started =
      loop.Tell([&](Callback& c) { return resumed_ ? absl::OkStatus() : c.BeforeTrain(*this); });
  starting_ = false;
  NOMO_RETURN_IF_ERROR(started);
  if (!resumed_) {
    epoch_ = loop.options.initial_epoch;
    batch_ = 0;
    position_.clear();
    meter_->Reset();
    history_ = {};
  } else {
    epoch_ = std::max(epoch_, loop.options.initial_epoch);
  }
  resumed_ = false;
  NOMO_RETURN_IF_ERROR(loop.Tell([&](Callback& c) { return c.OnTrainBegin(*this); }));
  NOMO_RETURN_IF_ERROR(RestoreCallbacks(loop));
  if (position_.empty()) {
    NOMO_RETURN_IF_ERROR(loop.batches->Start(epoch_));
  } else {
    NOMO_RETURN_IF_ERROR(
        Annotate(loop.batches->RestorePosition(position_), "the place in the data"));
  }
  while (epoch_ < loop.options.epochs && !stop_) NOMO_RETURN_IF_ERROR(RunEpoch(loop));
  NOMO_RETURN_IF_ERROR(FinishAverages());
  return loop.Tell([&](Callback& c) { return c.OnTrainEnd(*this); });
}

absl::Status Trainer::RunEpoch(Loop& loop) {
  const int64_t epoch = epoch_;
  const auto& limit = loop.options.steps_per_epoch;
  if (batch_ == 0) {
    meter_->Reset();
    NOMO_RETURN_IF_ERROR(loop.Tell([&](Callback& c) { return c.OnEpochBegin(*this, epoch); }));
  }
  bool ended = false;  // the pass over the data
  while (!stop_ && (!limit || batch_ < *limit)) {
    if (loop.options.cancel != nullptr && loop.options.cancel->load())
      return absl::CancelledError(absl::StrCat("training was cancelled in epoch ", epoch + 1,
                                               ", after ", batch_, " batches"));
    auto batch = loop.batches->Next();
    NOMO_RETURN_IF_ERROR(Annotate(batch.status(), absl::StrCat("the data, batch ", batch_)));
    if (!*batch) {
      ended = true;
      if (batch_ == 0) return InvalidArgument("there is no batch in the data");
      break;
    }
    NOMO_RETURN_IF_ERROR(loop.Tell([&](Callback& c) { return c.OnBatchBegin(*this, batch_); }));
    NOMO_RETURN_IF_ERROR(Annotate(TrainStep(**batch, *meter_),
                                  absl::StrCat("epoch ", epoch + 1, ", batch ", batch_)));
    const int64_t done = batch_++;
    const Logs logs = meter_->Result();
    NOMO_RETURN_IF_ERROR(loop.Tell([&](Callback& c) { return c.OnBatchEnd(*this, done, logs); }));
    NOMO_RETURN_IF_ERROR(loop.Tell([&](Callback& c) { return c.AfterBatch(*this, done, logs); }));
  }
  Logs logs = meter_->Result();
  if (graphs_.averages_are_model) NOMO_RETURN_IF_ERROR(UseAverages(true));
  NOMO_RETURN_IF_ERROR(Validate(loop, logs));
  // Whatever is saved from here on begins with the next epoch.
  ++epoch_;
  batch_ = 0;
  if (!limit || ended) NOMO_RETURN_IF_ERROR(loop.batches->Start(epoch_));
  NOMO_RETURN_IF_ERROR(loop.Tell([&](Callback& c) { return c.OnEpochEnd(*this, epoch, logs); }));
  history_.epoch.push_back(epoch);
  for (const auto& [name, value] : logs) history_.metrics[name].push_back(value);
  return loop.Tell([&](Callback& c) { return c.AfterEpoch(*this, epoch, logs); });
}

absl::Status Trainer::Validate(Loop& loop, Logs& logs) {
  if (loop.validation == nullptr || (epoch_ + 1) % loop.options.validation_freq != 0)
    return absl::OkStatus();
  NOMO_RETURN_IF_ERROR(loop.Tell([&](Callback& c) { return c.OnTestBegin(*this); }));
  NOMO_RETURN_IF_ERROR(loop.validation->Start(0));
  Meter meter(graphs_);
  const auto& limit = loop.options.validation_steps;
  for (int64_t i = 0; !limit || i < *limit; ++i) {
    auto batch = loop.validation->Next();
    NOMO_RETURN_IF_ERROR(Annotate(batch.status(), "the validation data"));
    if (!*batch) break;
    NOMO_RETURN_IF_ERROR(Annotate(TestStep(**batch, meter), "validation"));
  }
  for (const auto& [name, value] : meter.Result()) logs[absl::StrCat("val_", name)] = value;
  return loop.Tell([&](Callback& c) { return c.OnTestEnd(*this); });
}

}  // namespace nomograph
