#include "nomograph/core/reduction/arg_reduction.h"

#include "nomograph/core/vector/vector_target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nomograph/core/reduction/arg_reduction_kernel.h"
#include "hwy/foreach_target.h"
//
#include "nomograph/core/reduction/arg_reduction_kernel.h"

namespace nomograph {

void ArgReduce(const ArgReduction& reduction, const float* x, int64_t* y, int64_t begin,
               int64_t end) {
  using Fn = void (*)(const ArgReduction&, const float*, int64_t*, int64_t, int64_t);
  static const Fn best = NOMO_BEST(ArgReduceElements);
  best(reduction, x, y, begin, end);
}

}  // namespace nomograph
