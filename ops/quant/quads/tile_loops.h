// The loop of quad_conv.cc with tiles of quads (AMX-INT8): sixteen output channels of sixteen quads
// are multiplied at once with sixteen quads at sixteen places.
#ifndef NOMOGRAPH_OPS_QUANT_QUADS_TILE_LOOPS_H_
#define NOMOGRAPH_OPS_QUANT_QUADS_TILE_LOOPS_H_

#include <cstdint>

#include "nomograph/ops/quant/quads/quad_loops.h"

namespace nomograph::quant {

// Output channels that the loop has sums of, and quads that it multiplies at most at once.
inline constexpr int64_t kTileChannels = 16, kTileQuads = 16;

// How quads are shared out evenly among tiles; the last one may have some more than there are.
struct QuadTiles {
  explicit QuadTiles(int64_t quads)
      : count((quads + kTileQuads - 1) / kTileQuads), each((quads + count - 1) / count) {}
  int64_t quads() const { return count * each; }

  int64_t count, each;
};

// This thread's tiles are those of `each` quads, and nothing. REQUIRES: HasTiles().
void ConfigureTiles(const QuadTiles& tiles);
void ReleaseTiles();

class QuadTileScope {
 public:
  explicit QuadTileScope(const QuadTiles& tiles) { ConfigureTiles(tiles); }
  ~QuadTileScope() { ReleaseTiles(); }
  QuadTileScope(const QuadTileScope&) = delete;
  QuadTileScope& operator=(const QuadTileScope&) = delete;
};

// As MultiplyQuads(), for at most kTileChannels channels. w has for each tap and each tile of quads
// kTileChannels times the quads of a channel, zeros for those that there are not; what is read of x
// in their place does not matter. REQUIRES: a QuadTileScope for these tiles.
void MultiplyQuadTiles(const QuadProduct& product, const QuadTiles& tiles, const int32_t* x,
                       int64_t count, const int32_t* w, int64_t channels, const QuadFinish& finish,
                       uint8_t* y, int64_t y_stride);

}  // namespace nomograph::quant

#endif  // NOMOGRAPH_OPS_QUANT_QUADS_TILE_LOOPS_H_
