// The products of packed_product.h with factors in bfloat16, for machines that multiply these
// (AVX-512 BF16): twice the products at once, summed in float32. Both matrices are float32 where
// they lie; the constant one is rounded when it is packed, the other one when a block of it is
// packed into the cache. So nothing around a product need know of bfloat16.
#ifndef NOMOGRAPH_CORE_NARROW_BFLOAT16_PRODUCT_H_
#define NOMOGRAPH_CORE_NARROW_BFLOAT16_PRODUCT_H_

#include <cstdint>

#include "nomograph/core/vector/packed_product.h"

namespace nomograph {

// Whether this machine has the instructions. REQUIRED by all that follows.
bool HasBFloat16Products();

// As MatrixView, with the bits of bfloat16.
struct BFloat16View {
  const uint16_t* data = nullptr;
  int64_t rows = 0, columns = 0;
  int64_t row_stride = 0, column_stride = 1;
};

// As PackedPanel() and PackMatrix(): elements are pairs of terms, the first in the lower half, and
// are rounded to the nearest, ties to even. Numbers that are too small for a normal float32 become
// zeros. They lie best at a multiple of 64 bytes.
int64_t BFloat16Panel(ProductSide side);
int64_t BFloat16Pairs(ProductSide side, int64_t rows, int64_t columns);
void PackBFloat16(ProductSide side, const MatrixView& matrix, uint32_t* packed);
void PackBFloat16(ProductSide side, const BFloat16View& matrix, uint32_t* packed);

// Memory that one thread of MultiplyBFloat16Part() works in, in floats.
int64_t BFloat16ScratchFloats(ProductSide side);

// As MultiplyPart(), with `packed` by PackBFloat16() in the place of product.packed.
void MultiplyBFloat16Part(const PackedProduct& product, const uint32_t* packed, int part, int parts,
                          float* scratch);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_NARROW_BFLOAT16_PRODUCT_H_
