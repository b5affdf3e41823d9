// Loops over bytes and floats with the vectors of this machine. They yield exactly what those of
// loops.h do.
#ifndef NOMOGRAPH_OPS_QUANT_BYTE_LOOPS_H_
#define NOMOGRAPH_OPS_QUANT_BYTE_LOOPS_H_

#include <cstdint>
#include <optional>

namespace nomograph::quant {

// y = QuantizedFast(((a - a_zero) * a_scale + (b - b_zero) * b_scale) / y_scale, y_zero), of three
// arrays of int8 or of uint8.
struct ByteSum {
  float a_scale, b_scale, y_scale;
  int32_t a_zero, b_zero, y_zero;
  bool is_signed;
};
// The same as round(a * factors.a + b * factors.b + rest) + y_zero, which takes a fourth of the
// time.
struct ByteSumFactors {
  float a, b, rest;
};
// Those with which that holds for all pairs of bytes: all are tried, which takes up to a
// millisecond. None where none were found, as next to ties or with scales that are no usual
// numbers.
std::optional<ByteSumFactors> FindFactors(const ByteSum& sum);
// `factors`: what FindFactors() yielded for the same sum, or null. y may be a or b.
void AddBytes(const ByteSum& sum, const ByteSumFactors* factors, const void* a, const void* b,
              int64_t count, void* y);

// The least and the greatest of the numbers and 0. NaN is passed over.
struct FloatRange {
  float low = 0, high = 0;
};
FloatRange RangeOf(const float* x, int64_t count);

// y = QuantizedFast(x / scale, zero), int8 or uint8.
void QuantizeToBytes(const float* x, int64_t count, float scale, int32_t zero, bool is_signed,
                     void* y);

// y = QuantizedFast((sums + biases) * scales, zero), each of an array; the sums modulo 2^32. Scales
// are finite; without biases (null) they are 0.
struct ByteScales {
  const float* scales;
  const int32_t* biases;
  int32_t zero;
  bool is_signed;
};
void RequantizeToBytes(const int32_t* sums, int64_t count, const ByteScales& scales, void* y);

// What each byte becomes when its scale and zero point change, by the bytes as they are without a
// sign: QuantizedFast(((x - x_zero) * x_scale) / y_scale, y_zero).
struct ByteTable {
  uint8_t entries[256];
  bool is_identity = false;
};
struct ByteScale {
  float scale;
  int32_t zero;
};
ByteTable RequantizingTable(const ByteScale& x, const ByteScale& y, bool is_signed);

// y[i] = table[x[i]]. x may be y.
void LookUpBytes(const ByteTable& table, const uint8_t* x, int64_t count, uint8_t* y);

// to[i] = max over r < rows of lines[r][i] ^ flip, and then
// y[i] = max over t < taps of line[i * stride + t * dilation], strides 1 and 2. The first one reads
// and writes what it is told to, the second one reads 2 * 64 bytes behind that.
void MaxOfLines(const uint8_t* const* lines, int64_t rows, uint8_t flip, int64_t count,
                uint8_t* to);
void MaxOfTaps(const uint8_t* line, int64_t taps, int64_t dilation, int64_t stride, int64_t count,
               uint8_t* y);

}  // namespace nomograph::quant

#endif  // NOMOGRAPH_OPS_QUANT_BYTE_LOOPS_H_
