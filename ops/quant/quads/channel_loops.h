// Convolutions of quads with the output channels in the lanes of vectors, and not the places: for
// planes that leave many of a vector's lanes empty.
#ifndef NOMOGRAPH_OPS_QUANT_QUADS_CHANNEL_LOOPS_H_
#define NOMOGRAPH_OPS_QUANT_QUADS_CHANNEL_LOOPS_H_

#include <cstdint>

#include "nomograph/ops/quant/quads/quad_loops.h"

namespace nomograph::quant {

// Output channels that a loop has sums of.
inline constexpr int64_t kChannelBlock = 2 * kQuadLanes;

// Place (r, c) is x[r * pitch + c], and the result's place r * width + c.
struct QuadPlaces {
  int64_t rows, width, pitch;
};

// As MultiplyQuads(), for `channels` <= kChannelBlock. The kernel of a tap has 16 elements where
// there are at most 16 channels, else 32.
void MultiplyChannels(const QuadProduct& product, const int32_t* x, const QuadPlaces& places,
                      const int32_t* w, int64_t channels, const QuadFinish& finish, uint8_t* y,
                      int64_t y_stride);

}  // namespace nomograph::quant

#endif  // NOMOGRAPH_OPS_QUANT_QUADS_CHANNEL_LOOPS_H_
