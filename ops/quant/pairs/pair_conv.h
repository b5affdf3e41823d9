// Convolution of planes (NCHW) of 8-bit integers, exactly and without instructions for them.
//
// Numbers less their zero points have 16 bits at most. Two of them, of neighbouring input channels,
// lie side by side in 32 bits, so that one instruction multiplies them with two of a kernel's and
// adds both products in 32 bits: twice the work of one on float32, with sums that nothing rounds.
// The pairs lie in planes with the padding, the rows and columns of a stride apart, where the
// elements under each tap of the window are at one distance from the output's place, whatever the
// place is. Those of a window of one element that takes every place lie in strips instead, in the
// order in which they are read.
#ifndef NOMOGRAPH_OPS_QUANT_PAIRS_PAIR_CONV_H_
#define NOMOGRAPH_OPS_QUANT_PAIRS_PAIR_CONV_H_

#include <cstdint>
#include <vector>

#include "nomograph/core/vector/packed_product.h"
#include "nomograph/ops/quant/pairs/pair_loops.h"
#include "nomograph/ops/quant/pairs/window_axis.h"

namespace nomograph::quant {

// What a convolution is, but for its numbers.
struct PairConvSizes {
  WindowSpan rows, columns;
  int64_t in_channels = 0, out_channels = 0;
  // In as many groups as there are channels, of which there are equally many in the output.
  bool depthwise = false;
};

// The element of the kernel, less its zero point, of output channel o, input channel i (of the
// group) at tap t (row by row) is data[o * out_stride + i * in_stride + t * tap_stride].
struct PairWeights {
  const int16_t* data = nullptr;
  int64_t out_stride = 0, in_stride = 0, tap_stride = 0;
};

// What happens to sums: y = saturate(round((sum + bias) * scale) + zero_point), as
// quant::Requantized() has it. Arrays by output channel; scales are finite.
struct PairFinish {
  const float* scales = nullptr;
  const int32_t* biases = nullptr;
  int32_t zero_point = 0;
  bool is_signed = false;  // int8, else uint8

  RowFinish OfChannel(int64_t channel) const {
    return {.bias = biases[channel],
            .scale = scales[channel],
            .zero_point = zero_point,
            .is_signed = is_signed};
  }
};

// An image's bytes, less the zero point of all.
struct PairInput {
  const void* data = nullptr;
  bool is_signed = false;
  int32_t zero_point = 0;
};

// Not depthwise. The same arithmetic for every size; how the planes lie follows from it.
class PairConv {
 public:
  // REQUIRES: sizes that are positive and not depthwise, and FitsIn32Bits().
  explicit PairConv(const PairConvSizes& sizes);

  // The kernel as Multiply() reads it.
  int64_t packed_elements() const;
  void Pack(const PairWeights& weights, int32_t* packed) const;

  // The planes of an image, in 32-bit elements; they need not be cleared before Split().
  int64_t plane_elements() const;
  // What Split() and Multiply() work in, for each part of a loop that runs side by side.
  int64_t scratch_elements() const;

  // How many pieces Split() has, and writes piece number `piece`.
  int64_t num_splits() const;
  void Split(const PairInput& x, int64_t piece, int32_t* scratch, int32_t* planes) const;

  // How many pieces of the output there are, once all of the planes have been written; and computes
  // piece number `piece` of the image's output `y`.
  int64_t num_pieces() const { return blocks_ * chunks_; }
  void Multiply(const int32_t* planes, const int32_t* packed, const PairFinish& finish,
                int64_t piece, int32_t* scratch, void* y) const;

 private:
  int64_t places() const { return sizes_.rows.output * sizes_.columns.output; }
  int64_t chunk_places() const;  // what is between rows among them
  int64_t sums_elements() const;
  int64_t line_halves() const;  // 16-bit elements of a line of the padded input
  void SplitStrips(const PairInput& x, int64_t piece, int32_t* planes) const;
  void SplitPlanes(const PairInput& x, int64_t piece, int32_t* scratch, int32_t* planes) const;
  // Finishes `count` sums of each channel of a block, and hands them to `write`.
  template <typename F>
  void FinishBlock(int64_t block, int64_t count, const PairFinish& finish, int32_t* scratch,
                   F write) const;

  PairConvSizes sizes_;
  WindowAxis rows_, columns_;
  int64_t plane_;                   // elements of a phase
  int64_t pair_stride_;             // of all phases
  int64_t pairs_, blocks_;          // pairs of channels, blocks of output channels
  int64_t chunk_, chunks_;          // rows of the output or strips that are computed together
  bool planes_are_images_ = false;  // without padding, in one phase
  bool in_strips_ = false;
  std::vector<int64_t> offsets_;  // by tap, from the output's place
};

}  // namespace nomograph::quant

#endif  // NOMOGRAPH_OPS_QUANT_PAIRS_PAIR_CONV_H_
