// Convolution of planes (NCHW) of 8-bit integers with windows of 3x3, exactly, by Winograd's
// algorithm for tiles of 2x2 (Lavin and Gray, Fast Algorithms for Convolutional Neural Networks,
// 2015), with 16 products for the 36 of the definition.
//
// In integers nothing is rounded: elements of transformed tiles are sums of four numbers less their
// zero point and have 11 bits, those of kernels, four times what the algorithm has, at most 13.
// Pairs of both are multiplied as in pairs/pair_conv.h. Sums may wrap around on the way: four times
// the result fits into 32 bits.
#ifndef NOMOGRAPH_OPS_QUANT_PAIRS_PAIR_WINOGRAD_H_
#define NOMOGRAPH_OPS_QUANT_PAIRS_PAIR_WINOGRAD_H_

#include <cstdint>

#include "nomograph/ops/quant/pairs/pair_conv.h"

namespace nomograph::quant {

// The same steps as PairConv's.
class PairWinograd {
 public:
  // Windows of 3x3 without strides or dilation, of all channels.
  static bool Serves(const PairConvSizes& sizes);
  // Whether four times each sum fits into 32 bits, whatever the numbers are.
  static bool Fits(const PairConvSizes& sizes, const PairWeights& weights);
  // Whether it is reckoned to take less time than PairConv.
  static bool Pays(const PairConvSizes& sizes);
  // REQUIRES: sizes that are positive, and Serves().
  explicit PairWinograd(const PairConvSizes& sizes);

  int64_t packed_elements() const;
  // REQUIRES: Fits().
  void Pack(const PairWeights& weights, int32_t* packed) const;

  int64_t plane_elements() const;
  int64_t scratch_elements() const;

  int64_t num_splits() const { return pairs_; }
  void Split(const PairInput& x, int64_t piece, int32_t* scratch, int32_t* planes) const;

  int64_t num_pieces() const { return blocks_ * chunks_; }
  void Multiply(const int32_t* planes, const int32_t* packed, const PairFinish& finish,
                int64_t piece, int32_t* scratch, void* y) const;

 private:
  int64_t tile_rows_in(int64_t chunk) const;
  int64_t line_pitch() const { return tile_columns_ + 1; }  // of even, and of odd columns
  int64_t line_halves() const;
  int64_t padded_elements() const;
  int64_t chunk_tiles() const { return chunk_rows_ * tile_columns_; }
  // Of one row of the output in each row of a chunk's tiles.
  int64_t row_elements() const { return 2 * chunk_tiles() + kPairSlack; }

  PairConvSizes sizes_;
  int64_t pairs_, blocks_;
  int64_t tile_rows_, tile_columns_;
  int64_t chunk_rows_, chunks_;  // rows of tiles that are computed together
};

}  // namespace nomograph::quant

#endif  // NOMOGRAPH_OPS_QUANT_PAIRS_PAIR_WINOGRAD_H_
