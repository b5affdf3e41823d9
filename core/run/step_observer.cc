#include "nomograph/core/run/step_observer.h"

namespace nomograph {
namespace {

thread_local StepObserver* current = nullptr;

}  // namespace

StepObserverScope::StepObserverScope(StepObserver* observer) : previous_(current) {
  current = observer;
}

StepObserverScope::~StepObserverScope() { current = previous_; }

StepObserver* CurrentStepObserver() { return current; }

}  // namespace nomograph
