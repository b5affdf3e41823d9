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

template <typename T>
bool AllFinite(const T* data, int64_t count) {
  // x - x is 0 for finite numbers and NaN for all others, and NaN stays in a sum.
  T sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < count; ++i) sum += data[i] - data[i];
  return sum == 0;
}

bool IsFinite(const TensorView& view) {
  if (view.data == nullptr || view.shape == nullptr) return true;
  const int64_t count = view.shape->num_elements();
  if (view.dtype == DType::kFloat32)
    return AllFinite(reinterpret_cast<const float*>(view.data), count);
  if (view.dtype == DType::kFloat64)
    return AllFinite(reinterpret_cast<const double*>(view.data), count);
  return true;
}

// The first step of a run that makes what is not finite of what is.
class Watch : public StepObserver {
 public:
  void BeforeStep(const LoweredNode& /*node*/) override {}
  void AfterStep(const Step& step) override {
    if (found_) return;
    for (const TensorView& output : step.outputs) {
      if (IsFinite(output)) continue;
      for (const TensorView& input : step.inputs) {
        if (!IsFinite(input)) return;
      }
      found_ = NodePlace(step.node.name, step.node.op->name);
      return;
    }
  }
  std::optional<std::string> Take() { return std::exchange(found_, std::nullopt); }

 private:
  std::optional<std::string> found_;
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
