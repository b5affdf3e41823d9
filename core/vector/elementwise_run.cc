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
  void (*run)(const ElementwiseRun& run, int part, int parts);
  StepFn (*find_step)(VectorStep::Kind kind);
};
#define NOMO_TARGET(set) \
  Target { set::RunElementwisePart, set::StepFunction }

Target BestTarget() {
  switch (BestVectorTarget()) {
#if HWY_TARGETS & HWY_AVX3
    case VectorTarget::kAvx512:
      return NOMO_TARGET(N_AVX3);
#endif
#if HWY_TARGETS & HWY_AVX2
    case VectorTarget::kAvx2:
      return NOMO_TARGET(N_AVX2);
#endif
    default:
      return {HWY_STATIC_DISPATCH(RunElementwisePart), HWY_STATIC_DISPATCH(StepFunction)};
  }
}

const Target& Best() {
  static const Target target = BestTarget();
  return target;
}

}  // namespace

void RunElementwise(const ElementwiseRun& run, int part, int parts) {
  Best().run(run, part, parts);
}

StepFn FindStep(VectorStep::Kind kind) { return Best().find_step(kind); }

}  // namespace nomograph
