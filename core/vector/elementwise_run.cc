#include "nomograph/core/vector/elementwise_run.h"

#include "nomograph/core/vector/vector_target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nomograph/core/vector/elementwise_run_kernel.h"
#include "hwy/foreach_target.h"
//
#include "nomograph/core/vector/elementwise_run_kernel.h"

namespace nomograph {
namespace {

using RunFn = void (*)(const ElementwiseRun& run, int part, int parts);

RunFn BestRun() {
  switch (BestVectorTarget()) {
#if HWY_TARGETS & HWY_AVX3
    case VectorTarget::kAvx512:
      return N_AVX3::RunElementwisePart;
#endif
#if HWY_TARGETS & HWY_AVX2
    case VectorTarget::kAvx2:
      return N_AVX2::RunElementwisePart;
#endif
    default:
      return HWY_STATIC_DISPATCH(RunElementwisePart);
  }
}

}  // namespace

void RunElementwise(const ElementwiseRun& run, int part, int parts) {
  static const RunFn best = BestRun();
  best(run, part, parts);
}

}  // namespace nomograph
