#include "nomograph/core/window/max_pool.h"

#include <algorithm>

#include "nomograph/core/vector/vector_target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nomograph/core/window/max_pool_kernel.h"
#include "hwy/foreach_target.h"
//
#include "nomograph/core/window/max_pool_kernel.h"

namespace nomograph {
int64_t MaxPoolScratchFloats(const WindowMatrix& window) {
  const WindowSpan& c = window.columns;
  const int64_t reached = (c.output - 1) * c.stride + (c.taps - 1) * c.dilation + 1;
  // A vector of every second element is loaded with the one behind its last.
  return std::max(reached, c.pad_begin + c.input) + 1;
}

void MaxPool(const WindowMatrix& window, const float* input, float* output, float* scratch) {
  static const auto best = NOMO_BEST(MaxPlane);
  best(window, input, output, scratch);
}

}  // namespace nomograph
