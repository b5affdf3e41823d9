#include "nomograph/core/op/keep_nan.h"

#include <cfenv>

namespace nomograph {

bool MayLoseNan(const Kernel& kernel) {
  const auto* lossy = dynamic_cast<const LossyKernel*>(&kernel);
  return lossy != nullptr && lossy->MayLoseNan();
}

void CollectInvalidFlag(int threads) {
  if (threads <= 1) return;
  bool any = false;
#pragma omp parallel num_threads(threads) reduction(|| : any)
  {
    any = std::fetestexcept(FE_INVALID) != 0;
    if (any) std::feclearexcept(FE_INVALID);
  }
  if (any) std::feraiseexcept(FE_INVALID);
}

InvalidFlagScope::InvalidFlagScope(int threads) {
  CollectInvalidFlag(threads);
  before_ = raised();
  if (before_) std::feclearexcept(FE_INVALID);
}

InvalidFlagScope::~InvalidFlagScope() {
  if (before_) std::feraiseexcept(FE_INVALID);
}

bool InvalidFlagScope::raised() const { return std::fetestexcept(FE_INVALID) != 0; }

}  // namespace nomograph
