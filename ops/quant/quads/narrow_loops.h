// The loops of quad_loops.h for processors with AVX2 alone, which multiply bytes and add two
// products at a time in 16 bits, where sums saturate. The weights of a pair are therefore ones
// whose products cannot; what is beyond that is a term of its own (QuadProduct::extras).
#ifndef NOMOGRAPH_OPS_QUANT_QUADS_NARROW_LOOPS_H_
#define NOMOGRAPH_OPS_QUANT_QUADS_NARROW_LOOPS_H_

#include <cstdint>

#include "nomograph/ops/quant/quads/quad_loops.h"

namespace nomograph::quant::narrow {

// As their namesakes in quad_loops.h. Nothing is read or written past `count`, or past a tile of x.
void MultiplyQuads(const QuadProduct& product, const int32_t* x, int64_t count, const int32_t* w,
                   int64_t channels, const QuadFinish& finish, uint8_t* y, int64_t y_stride);
void CopyLine(const uint8_t* x, int64_t count, uint8_t fill, uint8_t* to);
void CopyRows(const uint8_t* x, int64_t pitch, int64_t rows, int64_t width, uint8_t* to);
void JoinLines(const uint8_t* const* lines, int64_t count, int64_t stride, uint8_t flip,
               int32_t* to);

}  // namespace nomograph::quant::narrow

#endif  // NOMOGRAPH_OPS_QUANT_QUADS_NARROW_LOOPS_H_
