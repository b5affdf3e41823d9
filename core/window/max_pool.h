// The maximum over windows on float32 planes that lie row by row.
#ifndef NOMOGRAPH_CORE_WINDOW_MAX_POOL_H_
#define NOMOGRAPH_CORE_WINDOW_MAX_POOL_H_

#include <cstdint>

#include "nomograph/core/vector/packed_product.h"

namespace nomograph {

// Memory that MaxPool() works in, in floats: a row with its padding.
int64_t MaxPoolScratchFloats(const WindowMatrix& window);
// One plane. NaN is greater than all else, and a window of padding alone yields -infinity.
void MaxPool(const WindowMatrix& window, const float* input, float* output, float* scratch);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_WINDOW_MAX_POOL_H_
