#include "nomograph/core/elementary/functions.h"

#include <cmath>

#include "nomograph/core/vector/vector_target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nomograph/core/elementary/functions_kernel.h"
#include "hwy/foreach_target.h"
//
#include "nomograph/core/elementary/functions_kernel.h"

namespace nomograph {
namespace {

// The functions for one instruction set.
struct Target {
  RowFunction (*find)(Elementary function) = NOMO_BEST(FunctionOfRow);
  void (*pow)(const float*, const float*, float*, int64_t) = NOMO_BEST(PowElements);
};
const Target& Best() {
  static const Target target;
  return target;
}

}  // namespace

RowFunction FindElementary(Elementary function) {
  return BestVectorTarget() == VectorTarget::kBaseline ? nullptr : Best().find(function);
}

void PowOfRow(const float* base, const float* exponents, float* to, int64_t count) {
  if (BestVectorTarget() != VectorTarget::kBaseline) return Best().pow(base, exponents, to, count);
  for (int64_t i = 0; i < count; ++i) to[i] = std::pow(base[i], exponents[i]);
}

}  // namespace nomograph
