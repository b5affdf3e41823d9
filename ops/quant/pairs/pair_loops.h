// The loops on pairs of 16-bit integers (pairs/pair_conv.h), with the vectors of this machine.
#ifndef NOMOGRAPH_OPS_QUANT_PAIRS_PAIR_LOOPS_H_
#define NOMOGRAPH_OPS_QUANT_PAIRS_PAIR_LOOPS_H_

#include <cstdint>

#include "nomograph/ops/quant/pairs/split_lines.h"

namespace nomograph::quant {

// Output channels that one loop has sums of.
inline constexpr int64_t kPairChannels = 6;
// What a loop may read and write past the end: four vectors of any machine.
inline constexpr int64_t kPairSlack = 64;

inline int64_t CeilOfQuotient(int64_t a, int64_t b) { return (a + b - 1) / b; }

// A pair.
inline int32_t JoinedHalves(int16_t low, int16_t high) {
  return static_cast<int32_t>(static_cast<uint32_t>(static_cast<uint16_t>(low)) |
                              static_cast<uint32_t>(static_cast<uint16_t>(high)) << 16);
}

// Sums of products of pairs at neighbouring places with the kernels of kPairChannels output
// channels. For channel c and place p < count:
//
//   sums[c * stride + p] = sum over q < pairs, t < taps of the products of both halves of
//   x[q * pair_stride + offsets[t] + p] and w[(q * taps + t) * kPairChannels + c]
//
// What is read of x and written of each channel's sums is in whole vectors.
struct PairProduct {
  int64_t pairs, pair_stride;
  const int64_t* offsets;
  int64_t taps;
};
void MultiplyPairs(const PairProduct& product, const int32_t* x, int64_t count, const int32_t* w,
                   int32_t* sums, int64_t stride);

// Lines of `pitch` 16-bit integers, number first_row and each row_stride-th one behind it of a
// plane that is 0 but for the bytes of x less their zero point, `x_rows` lines of `count`,
// `x_pitch` apart, which begin at place (top, left).
struct PaddedHalves {
  int64_t x_rows, count, x_pitch, rows, pitch, top, left, row_stride, first_row;
  bool is_signed;
  int32_t zero_point;
};
void PadHalves(const void* x, const PaddedHalves& padded, int16_t* to);
// Sums of one channel of a depthwise convolution, for p < count
//
//   sums[p] = sum over r < rows, q < pairs of the products of both
//   x[offsets[r] + q * pair_step + p * stride + (0, 1)] and both halves of w[r * pairs + q]
//
// with strides 1 and 2. Both are read and written to up to four vectors past the end.
struct HalvesProduct {
  int64_t rows;
  const int64_t* offsets;
  int64_t pairs, pair_step, stride;
};
void MultiplyHalves(const HalvesProduct& product, const int16_t* x, int64_t count, const int32_t* w,
                    int32_t* sums);

// Sums of one output channel to bytes, as PairFinish (pairs/pair_conv.h) has it, in whole parts of
// 64: sums behind `count` are read, and bytes written.
struct RowFinish {
  int32_t bias;
  float scale;  // finite
  int32_t zero_point;
  bool is_signed;
};
void FinishRow(const int32_t* sums, int64_t count, const RowFinish& finish, void* y);

// The lines of one phase of the rows, all phases of the columns.
void SplitRows(const SplitLines& lines, const void* x, int64_t row_phase, int16_t* first,
               int16_t* second, int32_t* to);
// Pairs of bytes less their zero point; without `b` of a and 0.
struct PairedBytes {
  const void *a, *b;
  bool is_signed;
  int32_t zero_point;
};
void JoinBytes(const PairedBytes& bytes, int64_t count, int32_t* to);

// Winograd's transform of `count` tiles of 4x4 that lie side by side, two columns apart: from four
// rows, `pitch` apart, of even and of odd columns to 16 elements of each, `stride` apart.
void TransformTiles(const int32_t* even, const int32_t* odd, int64_t pitch, int64_t count,
                    int32_t* to, int64_t stride);
// From the 16 elements of `count` tiles' sums, `stride` apart, to two rows of twice as many sums.
// The elements are four times those of the algorithm.
void RestoreTiles(const int32_t* sums, int64_t stride, int64_t count, int32_t* first,
                  int32_t* second);

}  // namespace nomograph::quant

#endif  // NOMOGRAPH_OPS_QUANT_PAIRS_PAIR_LOOPS_H_
