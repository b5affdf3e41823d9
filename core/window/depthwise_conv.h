// Depthwise convolution of float32 planes that lie row by row, channel by channel (NCHW): each
// output channel comes from one input channel. oneDNN's loops want channels in blocks, and copying
// an activation into them and back costs more than the convolution.
#ifndef NOMOGRAPH_CORE_WINDOW_DEPTHWISE_CONV_H_
#define NOMOGRAPH_CORE_WINDOW_DEPTHWISE_CONV_H_

#include <cstdint>

#include "nomograph/core/vector/packed_product.h"

namespace nomograph {

struct DepthwiseConv {
  WindowSpan rows, columns;
  int64_t channels = 0;    // of the output, of all images together
  int64_t multiplier = 1;  // output channels for each input channel
  int64_t kernels = 0;  // output channels of one image; those of the next ones have the same taps
  const float* input = nullptr;
  const float* packed = nullptr;  // taps: [kernels, rows.taps, columns.taps]
  const float* bias = nullptr;    // [kernels]; may be null
  float* output = nullptr;
  // Behind the bias, in this order. Rows are kernels, columns the elements of a plane; of an
  // operand with a column_stride rows are those of all images.
  std::vector<VectorStep> steps;
};

// Memory that one thread works in, in floats.
int64_t DepthwiseScratchFloats(const DepthwiseConv& conv);
// Computes output channels [begin, end).
void ConvolveChannels(const DepthwiseConv& conv, int64_t begin, int64_t end, float* scratch);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_WINDOW_DEPTHWISE_CONV_H_
