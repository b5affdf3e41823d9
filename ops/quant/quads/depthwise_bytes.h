// Depthwise convolution of planes (NCHW) of 8-bit integers with a kernel of 8 bits, exactly: one
// instruction multiplies four neighbouring columns with four taps (quads/quad_loops.h). The zero
// point is treated as in quads/quad_conv.h.
#ifndef NOMOGRAPH_OPS_QUANT_QUADS_DEPTHWISE_BYTES_H_
#define NOMOGRAPH_OPS_QUANT_QUADS_DEPTHWISE_BYTES_H_

#include <cstdint>

#include "nomograph/ops/quant/pairs/pair_conv.h"
#include "nomograph/ops/quant/quads/quad_loops.h"

namespace nomograph::quant {

class DepthwiseBytes {
 public:
  // Columns without dilation, strides up to 2, and a number of taps that is not absurd.
  static bool Serves(const PairConvSizes& sizes);
  // REQUIRES: sizes that are positive and depthwise, and Serves().
  explicit DepthwiseBytes(const PairConvSizes& sizes);

  int64_t packed_elements() const;
  void Pack(const PairWeights& weights, int32_t* packed) const;

  // Bytes that Multiply() works in, for each part of a loop that runs side by side.
  int64_t scratch_bytes() const;
  // One channel of an image.
  void Multiply(const PairInput& x, int64_t channel, const int32_t* packed,
                const QuadFinish& finish, uint8_t* scratch, uint8_t* y) const;

 private:
  int64_t lines_bytes() const;

  PairConvSizes sizes_;
  int64_t quads_;  // of a row of taps
  int64_t extent_rows_, extent_columns_;
  int64_t pitch_;  // bytes of a line with its padding
  // All rows of the output as one, with what is between them.
  bool flat_;
};

}  // namespace nomograph::quant

#endif  // NOMOGRAPH_OPS_QUANT_QUADS_DEPTHWISE_BYTES_H_
