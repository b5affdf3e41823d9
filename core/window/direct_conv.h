// Convolution of float32 planes (NCHW) whose groups have few channels: the first layer of a
// network, and grouped convolutions. Each window is summed up where it lies, on planes that have
// their padding and whose columns are in the order of the strides, for a few output channels at a
// time. What is under the windows is nowhere written out, and channels need not fill blocks.
#ifndef NOMOGRAPH_CORE_WINDOW_DIRECT_CONV_H_
#define NOMOGRAPH_CORE_WINDOW_DIRECT_CONV_H_

#include <cstdint>
#include <vector>

#include "nomograph/core/vector/packed_product.h"
#include "nomograph/core/window/tap_conv.h"

namespace nomograph {

// So many output channels are summed up side by side.
inline constexpr int64_t kDirectChannels = 4;

struct DirectConv {
  WindowSpan rows, columns;
  int64_t images = 1, groups = 1;
  int64_t in_channels = 0, out_channels = 0;  // of a group
  const float* input = nullptr;
  const float* packed = nullptr;  // by PackDirect() on this machine
  const float* bias = nullptr;    // an element for each output channel of an image; may be null
  float* output = nullptr;
  // Behind the bias, in this order. Rows are output channels of an image, columns the elements of a
  // plane; of an operand with a column_stride rows are those of all images.
  std::vector<VectorStep> steps;
};

// An estimate of its time, by that of a plain sum at the machine's best.
double DirectCost(const DirectConv& conv);

// `weights`: the output channels are those of all groups, the input channels those of one.
int64_t PackedDirectFloats(const DirectConv& conv);
void PackDirect(const TapWeights& weights, const DirectConv& conv, float* packed);

// Memory that one thread works in, in floats; best aligned to 64 bytes.
int64_t DirectScratchFloats(const DirectConv& conv);
// Computes part number `part` of `parts`, some rows or output channels of some groups. Parts may
// run side by side; sums are the same for any number of them.
void ConvolveDirect(const DirectConv& conv, int part, int parts, float* scratch);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_WINDOW_DIRECT_CONV_H_
