// Convolution of float32 planes (NCHW) as a sum of matrix products, one for each tap of the window
// and with the places alone where the tap is on the plane. With a wide dilation most of what is
// under a window is padding, which costs nothing here; nor is what is under the windows written
// out.
#ifndef NOMOGRAPH_CORE_WINDOW_TAP_CONV_H_
#define NOMOGRAPH_CORE_WINDOW_TAP_CONV_H_

#include <cstdint>
#include <vector>

#include "nomograph/core/vector/packed_product.h"

namespace nomograph {

struct TapConv {
  WindowSpan rows, columns;
  int64_t images = 1, in_channels = 0, out_channels = 0;
  const float* input = nullptr;
  const float* packed = nullptr;  // by PackTaps() on this machine
  const float* bias = nullptr;    // an element for each output channel; may be null
  float* output = nullptr;
  // Behind the bias, in this order. Rows are output channels, columns the elements of a plane; of
  // an operand with a column_stride rows are those of all images.
  std::vector<VectorStep> steps;
};

// How many of the places have a tap on the plane, over all taps; out of places times taps.
int64_t CoveredPlaces(const TapConv& conv);

// The element of the weights of output channel o, input channel i, at tap t (row by row) of the
// window is data[o * out_stride + i * in_stride + t * tap_stride].
struct TapWeights {
  const float* data = nullptr;
  int64_t out_stride = 0, in_stride = 0, tap_stride = 0;
};
int64_t PackedTapFloats(const TapConv& conv);
void PackTaps(const TapWeights& weights, const TapConv& conv, float* packed);

// Memory that one of `parts` threads works in, in floats; best aligned to 64 bytes.
int64_t TapScratchFloats(const TapConv& conv, int parts);
// Computes part number `part` of `parts` of the output channels of all images. Parts may run side
// by side.
void ConvolveTaps(const TapConv& conv, int part, int parts, float* scratch);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_WINDOW_TAP_CONV_H_
