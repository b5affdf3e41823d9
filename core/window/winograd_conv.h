// Convolution of planes of float32 with windows of 3x3 elements by Winograd's minimal filtering
// F(4x4, 3x3): tiles of 6x6 elements become 36 independent matrix products, which yield tiles of
// 4x4 elements with a quarter of the multiplications.
//
// A. Lavin and S. Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016 (whose
// matrices these are); S. Winograd, Arithmetic Complexity of Computations, 1980.
//
// Its error is relative to the largest magnitude among all elements that a tile reads, and some
// five times that of a plain sum: RMS 1e-6 for 30 input channels, 3e-6 for 260.
#ifndef NOMOGRAPH_CORE_WINDOW_WINOGRAD_CONV_H_
#define NOMOGRAPH_CORE_WINDOW_WINOGRAD_CONV_H_

#include <cstdint>
#include <vector>

#include "nomograph/core/vector/packed_product.h"

namespace nomograph {

// Planes lie one behind the other: image after image, in each channel after channel. Windows are
// placed at every element (stride 1).
struct WinogradConv {
  int64_t images = 1, in_channels = 0, out_channels = 0;
  int64_t in_rows = 0, in_columns = 0, out_rows = 0, out_columns = 0;
  int64_t pad_top = 0, pad_left = 0;  // zeros ahead of a plane's rows, columns
  // Of a window over three axes. A channel has depth.input planes, one behind the other, and those
  // under depth.taps of them make a plane of the output: they are summed up like more channels.
  WindowSpan depth = {};
  int64_t terms() const { return in_channels * depth.taps; }
  int threads = 1;  // among which the work is shared out

  const float* input = nullptr;
  const float* packed = nullptr;  // by PackWinogradKernel() on this machine
  const float* bias = nullptr;    // an element for each output channel; may be null
  float* output = nullptr;
  // Behind the bias, in this order. Rows are output channels, columns the elements of its planes;
  // of an operand with a column_stride rows are those of all images.
  std::vector<VectorStep> steps;
};

// An estimate of its time, by that of a plain sum at the machine's best.
double WinogradCost(const WinogradConv& conv);

// The element of the weights of output channel o, term i (input channel * depth.taps + tap), at
// (row, column) of the window is kernel[o * out_stride + i * in_stride + (row * 3 + column) *
// tap_stride].
struct WinogradKernel {
  const float* data = nullptr;
  int64_t out_stride = 0, in_stride = 0, tap_stride = 0;
};
int64_t PackedWinogradFloats(int64_t terms, int64_t out_channels);
// Part number `part` of `parts`, which may be packed side by side.
void PackWinogradKernel(const WinogradKernel& kernel, int64_t terms, int64_t out_channels,
                        float* packed, int part = 0, int parts = 1);

// The convolution is done in blocks, and each of them in three stages, one after the other. Blocks
// may run side by side, each with memory of its own; so may a stage's parts, for which they share
// the memory.
int64_t WinogradBlocks(const WinogradConv& conv);
// Whether each thread had better run blocks of its own, all stages of them, than a part of every
// stage.
bool WinogradByBlocks(const WinogradConv& conv);
enum class WinogradStage { kTransformInput, kMultiply, kTransformOutput };
// Memory that the stages hand on, and that one part of a stage works in, in floats. Both are best
// aligned to 64 bytes.
int64_t WinogradSharedFloats(const WinogradConv& conv);
int64_t WinogradScratchFloats(const WinogradConv& conv);
// False where kTransformInput met an infinity or NaN: then outputs of the same tiles may be NaN
// that should be numbers.
bool RunWinogradStage(const WinogradConv& conv, int64_t block, WinogradStage stage, int part,
                      int parts, float* shared, float* scratch);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_WINDOW_WINOGRAD_CONV_H_
