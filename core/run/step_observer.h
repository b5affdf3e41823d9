// StepObserver: watches the steps of programs as they run, for profiles and traces. Internal to
// the libraries.
#ifndef NOMOGRAPH_CORE_RUN_STEP_OBSERVER_H_
#define NOMOGRAPH_CORE_RUN_STEP_OBSERVER_H_

#include "absl/types/span.h"
#include "nomograph/core/compile/program.h"

namespace nomograph {

class StepObserver {
 public:
  struct Step {
    const Program& program;  // of the model's graph or of a function's
    const LoweredNode& node;
    const Kernel& kernel;
    absl::Span<const TensorView> inputs, outputs;
  };

  virtual ~StepObserver() = default;
  // Around the kernel's run; a step that calls functions has theirs within its own. There is no
  // AfterStep() of one that fails, nor of those that it is within.
  virtual void BeforeStep(const LoweredNode& node) = 0;
  virtual void AfterStep(const Step& step) = 0;
};

// While it lives, `observer` watches the runs of this thread; null: nothing does. Without one, a
// step takes one look at a variable of the thread.
class StepObserverScope {
 public:
  explicit StepObserverScope(StepObserver* observer);
  ~StepObserverScope();
  StepObserverScope(const StepObserverScope&) = delete;
  StepObserverScope& operator=(const StepObserverScope&) = delete;

 private:
  StepObserver* const previous_;
};

// Null where nothing watches this thread.
StepObserver* CurrentStepObserver();

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_RUN_STEP_OBSERVER_H_
