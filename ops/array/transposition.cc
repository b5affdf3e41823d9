#include "nomograph/ops/array/transposition.h"

#include "nomograph/core/vector/vector_target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nomograph/ops/array/transposition_kernel.h"
#include "hwy/foreach_target.h"
//
#include "nomograph/ops/array/transposition_kernel.h"

namespace nomograph {

void Transpose(int64_t element_bytes, const Transposition& matrix, const std::byte* from,
               std::byte* to) {
  static const auto best = NOMO_BEST(TransposeMatrix);
  best(element_bytes, matrix, from, to);
}

}  // namespace nomograph
