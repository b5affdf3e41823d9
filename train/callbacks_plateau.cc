// EarlyStopping, ReduceLROnPlateau, LearningRateScheduler, LambdaCallback.
#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "nomograph/train/callbacks.h"
#include "nomograph/train/monitor.h"

namespace nomograph::callbacks {
namespace {

class EarlyStoppingCallback : public Callback {
 public:
  explicit EarlyStoppingCallback(const EarlyStoppingOptions& options)
      : options_(options), monitor_(options.monitor, options.mode, options.min_delta, {}) {}
  std::string name() const override { return "EarlyStopping"; }

  absl::Status OnTrainBegin(Trainer& /*trainer*/) override {
    monitor_.set_best(monitor_.worst());
    wait_ = 0;
    best_weights_.clear();
    return absl::OkStatus();
  }

  absl::Status OnEpochEnd(Trainer& trainer, int64_t epoch, Logs& logs) override {
    if (epoch < options_.start_from_epoch) return absl::OkStatus();
    NOMO_ASSIGN_OR_RETURN(const double value, monitor_.Read(logs));
    if (options_.restore_best_weights && best_weights_.empty()) {
      NOMO_ASSIGN_OR_RETURN(best_weights_, trainer.Weights());  // in case there is no improvement
    }
    ++wait_;
    if (monitor_.IsBetter(value)) {
      monitor_.set_best(value);
      if (options_.restore_best_weights) {
        NOMO_ASSIGN_OR_RETURN(best_weights_, trainer.Weights());
      }
      if (!options_.baseline || monitor_.IsBetterThan(value, *options_.baseline)) wait_ = 0;
      return absl::OkStatus();
    }
    if (wait_ >= static_cast<double>(options_.patience) && epoch > 0) trainer.StopTraining();
    return absl::OkStatus();
  }

  absl::Status OnTrainEnd(Trainer& trainer) override {
    return best_weights_.empty() ? absl::OkStatus() : trainer.SetWeights(best_weights_);
  }

  NamedTensors SaveState() const override {
    NamedTensors state = {{"state", PackNumbers({monitor_.best(), wait_})}};
    for (const auto& [name, weight] : best_weights_) state[absl::StrCat("best/", name)] = weight;
    return state;
  }
  absl::Status RestoreState(const NamedTensors& state) override {
    double best = 0;
    NOMO_RETURN_IF_ERROR(UnpackNumbers(state, "state", {&best, &wait_}));
    monitor_.set_best(best);
    constexpr absl::string_view kBest = "best/";
    for (const auto& [name, weight] : state) {
      if (absl::StartsWith(name, kBest)) best_weights_[name.substr(kBest.size())] = weight;
    }
    return absl::OkStatus();
  }

 private:
  const EarlyStoppingOptions options_;
  Monitor monitor_;
  double wait_ = 0;  // epochs
  NamedTensors best_weights_;
};

class ReduceCallback : public Callback {
 public:
  explicit ReduceCallback(const ReduceLROnPlateauOptions& options)
      : options_(options), monitor_(options.monitor, options.mode, options.min_delta, {}) {}
  std::string name() const override { return "ReduceLROnPlateau"; }

  absl::Status OnTrainBegin(Trainer& /*trainer*/) override {
    if (!(options_.factor > 0 && options_.factor < 1)) {
      return InvalidArgument("factor: expected more than 0 and less than 1, found ",
                             options_.factor);
    }
    monitor_.set_best(monitor_.worst());
    wait_ = cooldown_ = 0;
    return absl::OkStatus();
  }

  absl::Status OnEpochEnd(Trainer& trainer, int64_t /*epoch*/, Logs& logs) override {
    logs["learning_rate"] = trainer.learning_rate();
    NOMO_ASSIGN_OR_RETURN(const double value, monitor_.Read(logs));
    if (cooldown_ > 0) {
      --cooldown_;
      wait_ = 0;
    }
    if (monitor_.IsBetter(value)) {
      monitor_.set_best(value);
      wait_ = 0;
    } else if (cooldown_ <= 0 && ++wait_ >= static_cast<double>(options_.patience)) {
      Reduce(trainer);
    }
    return absl::OkStatus();
  }

  NamedTensors SaveState() const override {
    return {{"state", PackNumbers({monitor_.best(), wait_, cooldown_})}};
  }
  absl::Status RestoreState(const NamedTensors& state) override {
    double best = 0;
    NOMO_RETURN_IF_ERROR(UnpackNumbers(state, "state", {&best, &wait_, &cooldown_}));
    monitor_.set_best(best);
    return absl::OkStatus();
  }

 private:
  void Reduce(Trainer& trainer) {
    const double before = trainer.learning_rate();
    if (before <= options_.min_lr) return;
    trainer.set_learning_rate(std::max(before * options_.factor, options_.min_lr));
    cooldown_ = static_cast<double>(options_.cooldown);
    wait_ = 0;
  }

  const ReduceLROnPlateauOptions options_;
  Monitor monitor_;
  double wait_ = 0, cooldown_ = 0;
};

class SchedulerCallback : public Callback {
 public:
  explicit SchedulerCallback(std::function<double(int64_t, double)> schedule)
      : schedule_(std::move(schedule)) {}
  std::string name() const override { return "LearningRateScheduler"; }
  absl::Status OnEpochBegin(Trainer& trainer, int64_t epoch) override {
    trainer.set_learning_rate(schedule_(epoch, trainer.learning_rate()));
    return absl::OkStatus();
  }
  absl::Status OnEpochEnd(Trainer& trainer, int64_t /*epoch*/, Logs& logs) override {
    logs["learning_rate"] = trainer.learning_rate();
    return absl::OkStatus();
  }

 private:
  const std::function<double(int64_t, double)> schedule_;
};

class Functions : public Callback {
 public:
  explicit Functions(LambdaCallbackOptions options) : f_(std::move(options)) {}
  std::string name() const override { return "LambdaCallback"; }
  absl::Status OnTrainBegin(Trainer& t) override {
    return f_.on_train_begin ? f_.on_train_begin(t) : absl::OkStatus();
  }
  absl::Status OnTrainEnd(Trainer& t) override {
    return f_.on_train_end ? f_.on_train_end(t) : absl::OkStatus();
  }
  absl::Status OnEpochBegin(Trainer& t, int64_t epoch) override {
    return f_.on_epoch_begin ? f_.on_epoch_begin(t, epoch) : absl::OkStatus();
  }
  absl::Status OnEpochEnd(Trainer& t, int64_t epoch, Logs& logs) override {
    return f_.on_epoch_end ? f_.on_epoch_end(t, epoch, logs) : absl::OkStatus();
  }
  absl::Status OnBatchBegin(Trainer& t, int64_t batch) override {
    return f_.on_batch_begin ? f_.on_batch_begin(t, batch) : absl::OkStatus();
  }
  absl::Status OnBatchEnd(Trainer& t, int64_t batch, const Logs& logs) override {
    return f_.on_batch_end ? f_.on_batch_end(t, batch, logs) : absl::OkStatus();
  }

 private:
  const LambdaCallbackOptions f_;
};

}  // namespace

std::shared_ptr<Callback> EarlyStopping(const EarlyStoppingOptions& options) {
  return std::make_shared<EarlyStoppingCallback>(options);
}

std::shared_ptr<Callback> ReduceLROnPlateau(const ReduceLROnPlateauOptions& options) {
  return std::make_shared<ReduceCallback>(options);
}

std::shared_ptr<Callback> LearningRateScheduler(
    std::function<double(int64_t epoch, double learning_rate)> schedule) {
  return std::make_shared<SchedulerCallback>(std::move(schedule));
}

std::shared_ptr<Callback> LambdaCallback(LambdaCallbackOptions options) {
  return std::make_shared<Functions>(std::move(options));
}

}  // namespace nomograph::callbacks
