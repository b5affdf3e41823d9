#include "nomograph/core/reduction/reduction.h"

#include "nomograph/core/vector/vector_target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nomograph/core/reduction/reduction_kernel.h"
#include "hwy/foreach_target.h"
//
#include "nomograph/core/reduction/reduction_kernel.h"

namespace nomograph {

void Reduce(const Reduction& reduction, const float* x, float* y, int64_t begin, int64_t end) {
  using Fn = void (*)(const Reduction&, const float*, float*, int64_t, int64_t);
  static const Fn best = NOMO_BEST(ReduceElements);
  best(reduction, x, y + begin, begin, end);
}

void ReduceToDouble(const Reduction& reduction, const float* x, double* y, int64_t begin,
                    int64_t end) {
  using Fn = void (*)(const Reduction&, const float*, double*, int64_t, int64_t);
  static const Fn best = NOMO_BEST(SumElementsToDouble);
  best(reduction, x, y, begin, end);
}

}  // namespace nomograph
