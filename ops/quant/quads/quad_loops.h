// The loops of quad_conv.cc, with instructions that multiply four bytes by
// four of a kernel's and add the products in 32 bits (AVX-512 VNNI).
#ifndef NOMOGRAPH_OPS_QUANT_QUADS_QUAD_LOOPS_H_
#define NOMOGRAPH_OPS_QUANT_QUADS_QUAD_LOOPS_H_

#include <cstdint>

namespace nomograph::quant {

// Whether this machine has them, and permutations of bytes (VBMI).
bool HasQuads();

// Places in a vector, and those that a loop has sums of.
inline constexpr int64_t kQuadLanes = 16, kQuadTile = 4 * kQuadLanes;
// Output channels that a loop has sums of.
inline constexpr int64_t kQuadChannels = 6;

// What happens to the sums of some channels, with biases as their first terms: y = truncated to 8
// bits(clamp(round(sum * scales[c]) + zero_point, 0, 255)) ^ flip. Scales are finite, and the zero
// point is from 0 to 255: that of int8 has moved by 128.
struct QuadFinish {
  const int32_t* biases;
  const float* scales;
  int32_t zero_point;
  uint8_t flip;
};

// Sums of products of quads of input channels at neighbouring places with the kernels of `channels`
// output channels, at most kQuadChannels. For channel c and place p < count:
//
//   sum = over q < quads, t < taps of
//   x[q * quad_stride + offsets[t] + p] * w[(q * taps + t) * channels + c]
//
// is finished and written to y[c * y_stride + p]. What is read of x may exceed `count` by a tile.
struct QuadProduct {
  int64_t quads, quad_stride;
  const int64_t* offsets;
  int64_t taps;
};
void MultiplyQuads(const QuadProduct& product, const int32_t* x, int64_t count, const int32_t* w,
                   int64_t channels, const QuadFinish& finish, uint8_t* y, int64_t y_stride);

// A line of `count` bytes to `to`, and behind it bytes `fill` up to a multiple of 64.
void CopyLine(const uint8_t* x, int64_t count, uint8_t fill, uint8_t* to);
// Rows of `width` bytes, `pitch` apart, to where they follow one another. Of the last row 64 bytes
// may be read.
void CopyRows(const uint8_t* x, int64_t pitch, int64_t rows, int64_t width, uint8_t* to);
// Quads of lines[0..3][i * stride] ^ flip for i < count. Reads whole vectors of lines, 64 * stride
// bytes past the end at most.
void JoinLines(const uint8_t* const* lines, int64_t count, int64_t stride, uint8_t flip,
               int32_t* to);
// The same of lines that may not be read past their end, with a stride of 1.
void JoinWholeLines(const uint8_t* const* lines, int64_t count, uint8_t flip, int32_t* to);

// y[i] = table[x[i]] of 256 bytes. x may be y.
void LookUp(const uint8_t* table, const uint8_t* x, int64_t count, uint8_t* y);

}  // namespace nomograph::quant

#endif  // NOMOGRAPH_OPS_QUANT_QUADS_QUAD_LOOPS_H_
