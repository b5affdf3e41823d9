#include "nomograph/core/vector/row_sum.h"

#include "nomograph/core/vector/vector_target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nomograph/core/vector/row_sum_kernel.h"
#include "hwy/foreach_target.h"
//
#include "nomograph/core/vector/row_sum_kernel.h"

namespace nomograph {
namespace {

using SumFn = double (*)(const float* row, int64_t count);

SumFn BestTarget() {
  switch (BestVectorTarget()) {
#if HWY_TARGETS & HWY_AVX3
    case VectorTarget::kAvx512:
      return N_AVX3::SumElements;
#endif
#if HWY_TARGETS & HWY_AVX2
    case VectorTarget::kAvx2:
      return N_AVX2::SumElements;
#endif
    default:
      return HWY_STATIC_DISPATCH(SumElements);
  }
}

}  // namespace

double SumOfRow(const float* row, int64_t count) {
  static const SumFn best = BestTarget();
  return best(row, count);
}

}  // namespace nomograph
