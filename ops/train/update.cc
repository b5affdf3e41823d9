#include "nomograph/ops/train/update.h"

#include "nomograph/core/vector/vector_target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nomograph/ops/train/update_kernel.h"
#include "hwy/foreach_target.h"
//
#include "nomograph/ops/train/update_kernel.h"

namespace nomograph::train {

void RunUpdate(const Update<float>& update, int64_t begin, int64_t end) {
  static const auto run = NOMO_BEST(RunFloats);
  run(update, begin, end);
}

void RunUpdate(const Update<double>& update, int64_t begin, int64_t end) {
  static const auto run = NOMO_BEST(RunDoubles);
  run(update, begin, end);
}

}  // namespace nomograph::train
