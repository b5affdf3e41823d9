// Convolution of planes (NCHW) of 8-bit integers, exactly, with instructions for quads of them.
//
// Four neighbouring input channels lie side by side in 32 bits, as bytes without a sign: int8 moves
// by 128, and so does its zero point. One instruction multiplies them with four bytes of a kernel's
// and adds all to 32 bits. What the zero point adds to a sum is the same at all places, for it is
// also what is in the padding, and so goes into the bias.
//
// The quads lie as the pairs of pairs/pair_conv.h do; those of a window of one element in strips
// instead, each as long as the loop that reads it. Vectors are of places, or of output channels
// where places between the rows or in the last vector would take more time. Where the processor
// multiplies tiles, these take sixteen of each.
#ifndef NOMOGRAPH_OPS_QUANT_QUADS_QUAD_CONV_H_
#define NOMOGRAPH_OPS_QUANT_QUADS_QUAD_CONV_H_

#include <cstdint>
#include <vector>

#include "nomograph/ops/quant/pairs/pair_conv.h"
#include "nomograph/ops/quant/pairs/window_axis.h"
#include "nomograph/ops/quant/quads/quad_loops.h"
#include "nomograph/ops/quant/quads/tile_loops.h"

namespace nomograph::quant {

// Whether the elements of a kernel, less its zero points, are what is multiplied here.
bool FitQuads(const std::vector<int16_t>& weights);

// What is the same in all of the loops of a convolution, with biases less what the zero point adds.
class QuadSums {
 public:
  // [out, in of the group, taps].
  QuadSums(const int16_t* weights, int64_t out_channels, int64_t terms);
  // Writes `out_channels` biases, which the result points to, as it does to the scales of `finish`.
  QuadFinish Finish(const PairInput& x, const PairFinish& finish, int32_t* biases) const;

 private:
  std::vector<int32_t> sums_;  // of an output channel's weights
};

class QuadConv {
 public:
  // REQUIRES: sizes that are positive and not depthwise.
  explicit QuadConv(const PairConvSizes& sizes);

  // The kernel as Multiply() reads it.
  int64_t packed_elements() const;
  void Pack(const PairWeights& weights, int32_t* packed) const;

  // The planes of an image, in 32-bit elements; they need not be cleared before Split().
  int64_t plane_elements() const;
  // Bytes that Split() and Multiply() work in, for each part of a loop that runs side by side.
  int64_t scratch_bytes() const;

  // How many pieces Split() has, and writes piece number `piece`.
  int64_t num_splits() const { return quads_; }
  void Split(const PairInput& x, int64_t piece, uint8_t* scratch, int32_t* planes) const;

  // How many pieces of the output there are, once all of the planes have been written; and computes
  // piece number `piece` of the image's output `y`.
  int64_t num_pieces() const { return blocks_ * chunks_; }
  void Multiply(const int32_t* planes, const int32_t* packed, const QuadFinish& finish,
                int64_t piece, uint8_t* scratch, uint8_t* y) const;

 private:
  // Vectors of places in strips, or in planes, or vectors of output channels.
  enum class Way { kStrips, kPlanes, kChannels };
  // Multiplications of vectors by the loops of either kind, of places in rows of the planes.
  int64_t PlacesCost() const;
  int64_t ChannelsCost() const;
  bool TilesPay() const;
  void PlaceChunks();
  // Whether a plane is the image's channel.
  bool is_whole() const;
  int64_t block_channels() const;
  // Output channels of a block, and of them those in the packed kernel.
  int64_t ChannelsOf(int64_t block) const;
  int64_t PackedChannelsOf(int64_t block) const;
  // Of a channel, those in the packed kernel.
  int64_t PackedQuads() const { return by_tiles_ ? tiles_.quads() : quads_; }
  void PackTiles(const PairWeights& weights, int32_t* packed) const;
  int64_t line_bytes() const;

  void SplitWhole(const PairInput& x, int64_t piece, int32_t* planes) const;
  // By tiles or by vectors of places.
  void MultiplyPlaces(const QuadProduct& product, const int32_t* x, int64_t count,
                      const int32_t* packed, int64_t channels, const QuadFinish& finish, uint8_t* y,
                      int64_t y_stride) const;
  void MultiplyStrips(const int32_t* planes, const int32_t* packed, const QuadFinish& finish,
                      int64_t block, int64_t chunk, uint8_t* y) const;
  void MultiplyPlanes(const int32_t* planes, const int32_t* packed, const QuadFinish& finish,
                      int64_t block, int64_t chunk, uint8_t* scratch, uint8_t* y) const;

  PairConvSizes sizes_;
  WindowAxis rows_, columns_;
  int64_t plane_;        // elements of a phase
  int64_t quad_stride_;  // of all phases
  int64_t quads_;        // of input channels
  QuadTiles tiles_;
  bool by_tiles_;  // whether places and quads are multiplied in the processor's tiles
  Way way_;
  int64_t blocks_;  // of output channels
  // What is computed together: rows of the output, or strips.
  int64_t chunk_ = 1, chunks_ = 1;
  std::vector<int64_t> offsets_;  // by tap, from the output's place
};

}  // namespace nomograph::quant

#endif  // NOMOGRAPH_OPS_QUANT_QUADS_QUAD_CONV_H_
