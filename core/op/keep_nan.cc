#include "nomograph/core/op/keep_nan.h"

#include <algorithm>
#include <cfenv>

namespace nomograph {
namespace {

// Of this thread's team, how many may have the flag.
thread_local int noted_threads = 0;

}  // namespace

bool MayLoseNan(const Kernel& kernel) {
  const auto* lossy = dynamic_cast<const LossyKernel*>(&kernel);
  return lossy != nullptr && lossy->MayLoseNan();
}

void NoteTeam(int threads) { noted_threads = std::max(noted_threads, threads); }

void CollectInvalidFlag() {
  if (noted_threads <= 1) return;
  bool any = false;
#pragma omp parallel num_threads(noted_threads) reduction(|| : any)
  {
    any = std::fetestexcept(FE_INVALID) != 0;
    if (any) std::feclearexcept(FE_INVALID);
  }
  noted_threads = 0;
  if (any) std::feraiseexcept(FE_INVALID);
}

InvalidFlagScope::InvalidFlagScope() : before_(raised()) {
  if (before_) std::feclearexcept(FE_INVALID);
}

InvalidFlagScope::~InvalidFlagScope() {
  if (before_) std::feraiseexcept(FE_INVALID);
}

bool InvalidFlagScope::raised() const {
  CollectInvalidFlag();
  return std::fetestexcept(FE_INVALID) != 0;
}

}  // namespace nomograph
