#include "nomograph/ops/train/update.h"

#include "nomograph/core/vector/vector_target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nomograph/ops/train/update_kernel.h"
#include "hwy/foreach_target.h"
//
#include "nomograph/ops/train/update_kernel.h"

namespace nomograph::train {

#if HWY_TARGETS & HWY_AVX3
#define NOMO_AVX512_CASE(run, update, begin, end) \
  case VectorTarget::kAvx512:                     \
    return N_AVX3::run(update, begin, end);
#else
#define NOMO_AVX512_CASE(run, update, begin, end)
#endif
#if HWY_TARGETS & HWY_AVX2
#define NOMO_AVX2_CASE(run, update, begin, end) \
  case VectorTarget::kAvx2:                     \
    return N_AVX2::run(update, begin, end);
#else
#define NOMO_AVX2_CASE(run, update, begin, end)
#endif

#define NOMO_RUN_ON_BEST_TARGET(run, update, begin, end)   \
  switch (BestVectorTarget()) {                            \
    NOMO_AVX512_CASE(run, update, begin, end)              \
    NOMO_AVX2_CASE(run, update, begin, end)                \
    default:                                               \
      return HWY_STATIC_DISPATCH(run)(update, begin, end); \
  }

void RunUpdate(const Update<float>& update, int64_t begin, int64_t end) {
  NOMO_RUN_ON_BEST_TARGET(RunFloats, update, begin, end)
}

void RunUpdate(const Update<double>& update, int64_t begin, int64_t end) {
  NOMO_RUN_ON_BEST_TARGET(RunDoubles, update, begin, end)
}

}  // namespace nomograph::train
