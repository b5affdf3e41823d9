#include "nomograph/inspect/find_non_finite.h"

#include <algorithm>
#include <utility>

#include "nomograph/core/run/step_observer.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/tensor_stats.h"

namespace nomograph {
namespace {

TensorStats StatsOf(const TensorView& view) {
  if (!kFloats.Contains(view.dtype) || view.data == nullptr || view.shape == nullptr) return {};
  return ComputeStats(Tensor::FromBuffer(view.dtype, *view.shape, view.data, nullptr));
}

bool Overlap(const TensorView& input, absl::Span<const TensorView> outputs) {
  const auto end = [](const TensorView& view) {
    return view.data +
           (view.shape == nullptr ? 0 : view.shape->num_elements()) * DTypeSize(view.dtype);
  };
  return std::any_of(outputs.begin(), outputs.end(), [&](const TensorView& output) {
    return input.data < end(output) && output.data < end(input);
  });
}

// Tells of the first output that is not finite.
class Watcher : public RunningSteps {
 public:
  using RunningSteps::RunningSteps;

  std::optional<NonFiniteStep> found() && { return std::move(found_); }

 private:
  void Ran(const Step& step) override {
    if (found_) return;
    for (const TensorView& output : step.outputs) {
      const TensorStats stats = StatsOf(output);
      if (stats.nans + stats.infinities == 0) continue;
      found_ = {.path = Path(),
                .nan = stats.nans,
                .inf = stats.infinities,
                .elements = output.shape->num_elements()};
      for (const TensorView& input : step.inputs) {
        // What the step has written over came from another step, and was finite.
        if (Overlap(input, step.outputs)) continue;
        const TensorStats of_input = StatsOf(input);
        found_->from_input |= of_input.nans + of_input.infinities > 0;
      }
      return;
    }
  }

  std::optional<NonFiniteStep> found_;
};

}  // namespace

absl::StatusOr<std::optional<NonFiniteStep>> FindNonFinite(const Model& model,
                                                           const NamedTensors& inputs,
                                                           SessionOptions session,
                                                           const RunOptions& run) {
  session.exact = true;
  session.precision = Precision::kFloat32;
  NOMO_ASSIGN_OR_RETURN(const auto exact, Session::Create(model, std::move(session)));
  Watcher watcher(model);
  absl::Status status;
  {
    const StepObserverScope scope(&watcher);
    status = exact->Run(inputs, run).status();
  }
  std::optional<NonFiniteStep> found = std::move(watcher).found();
  if (!found && !status.ok()) return status;
  return found;
}

}  // namespace nomograph
