// The greatest element, or the mean, of windows on float32 planes that lie row by row, or on stacks
// of them.
#ifndef NOMOGRAPH_CORE_WINDOW_POOL_H_
#define NOMOGRAPH_CORE_WINDOW_POOL_H_

#include <cstdint>

#include "nomograph/core/vector/packed_product.h"

namespace nomograph {

// How many elements a mean is of: along each axis a number for each place of the window. What a
// place counts is their product, or one where that is 0.
struct PoolCounts {
  const float *depth, *rows, *columns;
};

// A row with its padding, in floats, and the memory that the pools work in: some of them. What has
// just been written to one is best not read at once, in other parts than it was written.
int64_t PoolRowFloats(const WindowMatrix& window);
inline constexpr int64_t kPoolRows = 4;
inline int64_t PoolScratchFloats(const WindowMatrix& window) {
  return kPoolRows * PoolRowFloats(window);
}
// One plane, or stack. NaN is greater than all else, and a window of padding alone yields
// -infinity.
void MaxPool(const WindowMatrix& window, const float* input, float* output, float* scratch);
// The same, and where each is: `first` plus its number among the elements, the first of equals, or
// -1 for a window of padding alone. It works in twice the memory. REQUIRES: there are less than
// 2^31 - 1 elements.
void MaxPoolWithIndices(const WindowMatrix& window, const float* input, int64_t first,
                        float* output, int64_t* indices, float* scratch);
// Sums, in float32, divided by the counts. A window of padding alone yields 0.
void MeanPool(const WindowMatrix& window, const PoolCounts& counts, const float* input,
              float* output, float* scratch);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_WINDOW_POOL_H_
