#include "nomograph/core/vector/softmax_columns.h"

#include "nomograph/core/vector/vector_target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nomograph/core/vector/softmax_columns_kernel.h"
#include "hwy/foreach_target.h"
//
#include "nomograph/core/vector/softmax_columns_kernel.h"

namespace nomograph {

void SoftmaxColumns(const float* x, int64_t rows, int64_t columns, int64_t stride, float* y) {
  static const auto best = NOMO_BEST(SoftmaxOfColumns);
  best(x, rows, columns, stride, y);
}

}  // namespace nomograph
