// Depthwise convolution of planes (NCHW) of 8-bit integers, exactly, with instructions for pairs of
// 16-bit integers (pairs/pair_conv.h): two neighbouring columns are a pair as they lie.
#ifndef NOMOGRAPH_OPS_QUANT_PAIRS_DEPTHWISE_HALVES_H_
#define NOMOGRAPH_OPS_QUANT_PAIRS_DEPTHWISE_HALVES_H_

#include <cstdint>
#include <vector>

#include "nomograph/ops/quant/pairs/pair_conv.h"

namespace nomograph::quant {

class DepthwiseHalves {
 public:
  // Strides of columns up to 2.
  static bool Serves(const PairConvSizes& sizes) { return sizes.columns.stride <= 2; }
  // REQUIRES: sizes that are positive and depthwise, FitsIn32Bits(), and Serves().
  explicit DepthwiseHalves(const PairConvSizes& sizes);

  int64_t packed_elements() const { return sizes_.out_channels * kernel_elements(); }
  void Pack(const PairWeights& weights, int32_t* packed) const;

  // 32-bit elements that Multiply() works in, for each part of a loop that runs side by side.
  int64_t scratch_elements() const;
  // One channel of an image.
  void Multiply(const PairInput& x, int64_t channel, const int32_t* packed,
                const PairFinish& finish, int32_t* scratch, void* y) const;

 private:
  int64_t kernel_elements() const { return sizes_.rows.taps * pairs_; }
  int64_t lines_elements() const;
  // Of the sums of a channel, with what is between the rows.
  int64_t sums_elements() const;

  PairConvSizes sizes_;
  WindowAxis rows_;
  int64_t pairs_, pair_step_;     // of a line's taps
  int64_t pitch_;                 // 16-bit integers of a line with its padding
  bool flat_;                     // all rows of the output are multiplied as one
  int64_t sums_pitch_;            // of a row
  std::vector<int64_t> offsets_;  // of the lines by tap
};

}  // namespace nomograph::quant

#endif  // NOMOGRAPH_OPS_QUANT_PAIRS_DEPTHWISE_HALVES_H_
