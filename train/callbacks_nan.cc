// TerminateOnNaN: ends training when the loss is no number, and names the node that made it.
#include <cmath>
#include <memory>
#include <optional>
#include <string>

#include "nomograph/core/run/step_observer.h"
#include "nomograph/core/types/names.h"
#include "nomograph/train/callbacks.h"

namespace nomograph::callbacks {
namespace {

// What is not finite among some numbers.
struct NotFinite {
  bool nan = false, infinite = false;
};

template <typename T>
NotFinite Look(const T* data, int64_t count) {
  int nan = 0, infinite = 0;
#pragma omp simd reduction(| : nan, infinite)
  for (int64_t i = 0; i < count; ++i) {
    nan |= data[i] != data[i];
    infinite |= data[i] - data[i] != 0;  // NaN, too
  }
  return {nan != 0, infinite != 0};
}

NotFinite Look(const TensorView& view) {
  if (view.data == nullptr || view.shape == nullptr) return {};
  const int64_t count = view.shape->num_elements();
  if (view.dtype == DType::kFloat32) return Look(reinterpret_cast<const float*>(view.data), count);
  if (view.dtype == DType::kFloat64) return Look(reinterpret_cast<const double*>(view.data), count);
  return {};
}

// The first steps of a run whose results are not finite. All before them were, and so what they
// took, unless it came from outside.
class Watch : public StepObserver {
 public:
  void BeforeStep(const LoweredNode& /*node*/) override {}
  void AfterStep(const Step& step) override {
    if (nan_) return;
    for (const TensorView& output : step.outputs) {
      const NotFinite found = Look(output);
      if (found.nan) {
        nan_ = Name(step);
      } else if (found.infinite && !infinite_) {
        infinite_ = Name(step);
      }
      if (nan_) return;
    }
  }
  // Infinity may be meant, as in masks: NaN goes first.
  std::optional<std::string> Take() {
    std::optional<std::string> found = nan_ ? std::move(nan_) : std::move(infinite_);
    nan_.reset();
    infinite_.reset();
    return found;
  }

 private:
  static std::string Name(const Step& step) {
    const std::string node = NodePlace(step.node.name, step.node.op->name);
    for (const TensorView& input : step.inputs) {
      bool overwritten = false;  // by the step itself
      for (const TensorView& output : step.outputs) overwritten |= output.data == input.data;
      if (!overwritten && Look(input).nan)
        return absl::StrCat(node, ", which took it from the data or a constant");
    }
    return node;
  }

  std::optional<std::string> nan_, infinite_;
};

class TerminateCallback : public Callback {
 public:
  std::string name() const override { return "TerminateOnNaN"; }

  absl::Status OnBatchBegin(Trainer& /*trainer*/, int64_t /*batch*/) override {
    scope_.reset();  // of a step that failed
    scope_ = std::make_unique<StepObserverScope>(&watch_);
    return absl::OkStatus();
  }

  absl::Status OnBatchEnd(Trainer& trainer, int64_t batch, const Logs& logs) override {
    scope_.reset();
    const std::optional<std::string> now = watch_.Take();
    const auto loss = logs.find("loss");
    if (loss != logs.end() && !std::isfinite(loss->second)) {
      // Where the weights were so already, the step before made them so.
      const std::optional<std::string>& first = before_ ? before_ : now;
      return absl::FailedPreconditionError(absl::StrCat(
          "the loss is ", loss->second, " in batch ", batch, " (step ", trainer.step() - 1, ")",
          first ? absl::StrCat("; the first that was not finite came from ", *first) : "",
          before_ ? ", in the step before" : ""));
    }
    before_ = now;
    return absl::OkStatus();
  }
  absl::Status OnTrainEnd(Trainer& /*trainer*/) override {
    scope_.reset();
    return absl::OkStatus();
  }

 private:
  Watch watch_;
  std::unique_ptr<StepObserverScope> scope_;
  std::optional<std::string> before_;
};

}  // namespace

std::shared_ptr<Callback> TerminateOnNaN() { return std::make_shared<TerminateCallback>(); }

}  // namespace nomograph::callbacks
