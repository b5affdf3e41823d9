// The products of packed_product.h with factors in bfloat16, for machines that multiply these
// (AVX-512 BF16): twice the products at once, summed in float32. Both matrices are float32 where
// they lie; the constant one is rounded when it is packed, the other one when a block of it is
// packed into the cache. So nothing around a product need know of bfloat16.
#ifndef NOMOGRAPH_CORE_NARROW_BFLOAT16_PRODUCT_H_
#define NOMOGRAPH_CORE_NARROW_BFLOAT16_PRODUCT_H_

#include <cstdint>

#include "nomograph/core/vector/packed_product.h"

namespace nomograph {

// Whether this machine has the instructions. REQUIRED by all that follows. Where it has tiles, too
// (AMX), they are sixteen times as fast as float32.
bool HasBFloat16Products();
// The instructions, "avx512_bf16" or "amx_bf16".
const char* BFloat16InstructionsName();

// An attribute that no graph can have: a program's node with it, all in float32, has its kernel
// round its factors. Nodes that can be so take this form (core/form/form.h).
inline constexpr char kRoundsFactors[] = "rounds_factors";
inline constexpr char kRoundingForm[] = "product rounded to bfloat16";

// As MatrixView, with the bits of bfloat16.
struct BFloat16View {
  const uint16_t* data = nullptr;
  int64_t rows = 0, columns = 0;
  int64_t row_stride = 0, column_stride = 1;
};

// As PackedPanel() and PackMatrix(): elements are pairs of terms, the first in the lower half, and
// are rounded to the nearest, ties to even. Numbers that are too small for a normal float32 become
// zeros. REQUIRES: `packed` is a multiple of 64 bytes.
int64_t BFloat16Panel(ProductSide side);
int64_t BFloat16Pairs(ProductSide side, int64_t rows, int64_t columns);
// Parts may run side by side, and are together the whole. With taps the matrix is that of each one,
// and a pair of terms of a panel is followed by those under the other taps.
struct BFloat16Taps {
  int64_t count = 1, stride = 0;  // elements from one to the next
};
void PackBFloat16(ProductSide side, const MatrixView& matrix, uint32_t* packed,
                  const BFloat16Taps& taps = {}, int part = 0, int parts = 1);
void PackBFloat16(ProductSide side, const BFloat16View& matrix, uint32_t* packed,
                  const BFloat16Taps& taps = {}, int part = 0, int parts = 1);

// What lies under windows is best given in pairs of planes, which are rounded once; the constant is
// packed with taps then. Whether that can be done, and pays, how many elements it takes for so many
// planes, at a multiple of 64 bytes, and part number `part` of `parts` of it.
bool PairsPlanes(const WindowMatrix& window);
int64_t BFloat16PlanePairs(const WindowMatrix& window, int64_t planes);
void PairBFloat16Planes(const WindowMatrix& window, const float* planes, int64_t count, int part,
                        int parts, uint32_t* paired);

// Memory that one thread of MultiplyBFloat16Part() works in, in floats.
int64_t BFloat16ScratchFloats(ProductSide side);

// As MultiplyPart(), with `packed` by PackBFloat16() in the place of product.packed. The other
// matrix may lie anyhow; it is packed faster where its rows or its columns lie side by side.
// `paired`: by PairBFloat16Planes(), where product.window is not null and the planes are these;
// kRight is allowed then, and the other matrix is that of kLeft transposed.
void MultiplyBFloat16Part(const PackedProduct& product, const uint32_t* packed, int part, int parts,
                          float* scratch, const uint32_t* paired = nullptr);

// Of a product with few columns the transposed one may be faster: that of the other matrix and the
// left one, both transposed. Whether that is so where the left matrix is packed beforehand.
bool BFloat16Turns(int64_t rows, int64_t columns);
// Part number `part` of `parts` of the output of `product`, of which `turned` is the transposed one
// without what follows the sums; its rows are `stride` apart. product.other says how many columns
// there are.
void FinishTurnedBFloat16(const PackedProduct& product, const float* turned, int64_t stride,
                          int part, int parts);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_NARROW_BFLOAT16_PRODUCT_H_
