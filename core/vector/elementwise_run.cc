#include "nomograph/core/vector/elementwise_run.h"

#include "nomograph/core/vector/vector_target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nomograph/core/vector/elementwise_run_kernel.h"
#include "hwy/foreach_target.h"
//
#include "nomograph/core/vector/elementwise_run_kernel.h"

namespace nomograph {
namespace {

// The functions for one instruction set.
struct Target {
  void (*run)(const ElementwiseRun& run, int part, int parts) = NOMO_BEST(RunElementwisePart);
  StepFn (*find_step)(VectorStep::Kind kind) = NOMO_BEST(StepFunction);
};
const Target& Best() {
  static const Target target;
  return target;
}

}  // namespace

void RunElementwise(const ElementwiseRun& run, int part, int parts) {
  Best().run(run, part, parts);
}

StepFn FindStep(VectorStep::Kind kind) { return Best().find_step(kind); }

}  // namespace nomograph
