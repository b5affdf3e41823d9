#include "nomograph/core/vector/row_sum.h"

#include "nomograph/core/vector/vector_target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nomograph/core/vector/row_sum_kernel.h"
#include "hwy/foreach_target.h"
//
#include "nomograph/core/vector/row_sum_kernel.h"

namespace nomograph {
double SumOfRow(const float* row, int64_t count) {
  static const auto best = NOMO_BEST(SumElements);
  return best(row, count);
}

}  // namespace nomograph
