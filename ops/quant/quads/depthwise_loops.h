// The loop of depthwise_bytes.cc: windows of one channel, with the columns in the lanes of vectors.
#ifndef NOMOGRAPH_OPS_QUANT_QUADS_DEPTHWISE_LOOPS_H_
#define NOMOGRAPH_OPS_QUANT_QUADS_DEPTHWISE_LOOPS_H_

#include <cstdint>
#include <vector>

#include "nomograph/ops/quant/quads/quad_loops.h"

namespace nomograph::quant {

// A vector's lane has four neighbouring bytes of a line. In it begin the windows of as many outputs
// as the stride leaves, whose taps are moved accordingly and, with those of the quads that follow
// it, are multiplied with the bytes. So nothing is multiplied twice, and lines need no padding in
// memory: which byte of what has been loaded is where in a vector, and where padding is, is the
// same for all rows.
struct LaneBytes {
  // By quad: where each byte is in 64 bytes of the plane, and a bit for each that is there at all.
  struct Quad {
    alignas(64) uint8_t from[64];
    uint64_t inside;
  };
  std::vector<Quad> quads;
  // Where the outputs are in FinishVectors::Bytes().
  alignas(64) uint8_t order[64];
};

// Some outputs that lie together: `count` of them from `y` on. The first tap's row is in the 64
// bytes from x on, some of which may be outside of the plane.
struct LaneOutputs {
  int64_t x, y, count;
  int lanes;  // which LaneBytes
};

struct DepthwiseLoop {
  int64_t stride, taps;          // of columns; strides 1 and 2
  int64_t rows, row_step;        // taps, and bytes from one to the next
  int64_t plane_bytes, y_bytes;  // of a channel
  std::vector<LaneBytes> lanes;
  std::vector<LaneOutputs> outputs;  // in the order of y
  std::vector<uint64_t> there;       // by outputs and row: a bit for each byte that is in the plane

  int64_t outputs_of_lane() const { return 4 / stride; }
  // Of a line, from the lane's own on.
  int64_t quads() const { return (4 - stride + taps + 3) / 4; }
};

// A channel of bytes ^ flip with `padding` around them. `w` has for each row of taps and each quad
// the taps of each output of a lane, moved to where its window begins.
struct PaddedPlane {
  const uint8_t* bytes;
  uint8_t padding, flip;
};
void MultiplyWindows(const DepthwiseLoop& loop, const PaddedPlane& x, const int32_t* w,
                     const QuadFinish& finish, uint8_t* y);

}  // namespace nomograph::quant

#endif  // NOMOGRAPH_OPS_QUANT_QUADS_DEPTHWISE_LOOPS_H_
