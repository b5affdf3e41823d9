// Depthwise convolution of planes (NCHW) of 8-bit integers with a kernel of 8 bits, exactly: one
// instruction multiplies four neighbouring columns with four taps (quads/quad_loops.h). The zero
// point is treated as in quads/quad_conv.h.
#ifndef NOMOGRAPH_OPS_QUANT_QUADS_DEPTHWISE_BYTES_H_
#define NOMOGRAPH_OPS_QUANT_QUADS_DEPTHWISE_BYTES_H_

#include <cstdint>

#include "nomograph/ops/quant/pairs/pair_conv.h"
#include "nomograph/ops/quant/quads/depthwise_loops.h"

namespace nomograph::quant {

class DepthwiseBytes {
 public:
  // Columns without dilation, strides up to 2, and a number of taps that is not absurd.
  static bool Serves(const PairConvSizes& sizes);
  // REQUIRES: sizes that are positive and depthwise, and Serves().
  explicit DepthwiseBytes(const PairConvSizes& sizes);

  int64_t packed_elements() const { return sizes_.out_channels * kernel_elements(); }
  void Pack(const PairWeights& weights, int32_t* packed) const;

  // One channel of an image.
  void Multiply(const PairInput& x, int64_t channel, const int32_t* packed,
                const QuadFinish& finish, uint8_t* y) const;

 private:
  // Of a channel.
  int64_t kernel_elements() const { return loop_.rows * loop_.quads() * loop_.outputs_of_lane(); }
  // The outputs of `lanes` lanes of a row from column `column` on, and of as many rows as there is
  // room for in a vector; `from`: the first column that is loaded.
  void AddLanes(int64_t column, int64_t lanes, int64_t rows, int64_t from);

  PairConvSizes sizes_;
  DepthwiseLoop loop_;
};

}  // namespace nomograph::quant

#endif  // NOMOGRAPH_OPS_QUANT_QUADS_DEPTHWISE_BYTES_H_
