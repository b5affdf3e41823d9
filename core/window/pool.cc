#include "nomograph/core/window/pool.h"

#include <algorithm>

#include "nomograph/core/vector/vector_target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nomograph/core/window/pool_kernel.h"
#include "hwy/foreach_target.h"
//
#include "nomograph/core/window/pool_kernel.h"

namespace nomograph {

int64_t PoolRowFloats(const WindowMatrix& window) {
  const WindowSpan& c = window.columns;
  const int64_t reached = (c.output - 1) * c.stride + (c.taps - 1) * c.dilation + 1;
  // Vectors of every second, third or fourth element are loaded with those between.
  constexpr int64_t kBetween = 3;
  return std::max(reached, c.pad_begin + c.input) + kBetween;
}

void MaxPool(const WindowMatrix& window, const float* input, float* output, float* scratch) {
  static const auto best = NOMO_BEST(MaxPlanes);
  best(window, input, output, scratch);
}

void MaxPoolWithIndices(const WindowMatrix& window, const float* input, int64_t first,
                        float* output, int64_t* indices, float* scratch) {
  static const auto best = NOMO_BEST(MaxPlanesWithIndices);
  best(window, input, first, output, indices, scratch);
}

void MeanPool(const WindowMatrix& window, const PoolCounts& counts, const float* input,
              float* output, float* scratch) {
  static const auto best = NOMO_BEST(MeanPlanes);
  best(window, counts, input, output, scratch);
}

}  // namespace nomograph
