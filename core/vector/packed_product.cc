#include "nomograph/core/vector/packed_product.h"

#include "nomograph/core/vector/vector_target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nomograph/core/vector/packed_product_kernel.h"
#include "hwy/foreach_target.h"
//
#include "nomograph/core/vector/packed_product_kernel.h"

namespace nomograph {

namespace {

// The functions for one instruction set.
struct Target {
  int64_t (*panel_size)(ProductSide side) = NOMO_BEST(PanelSize);
  void (*pack)(ProductSide side, const MatrixView& matrix, float* packed) = NOMO_BEST(Pack);
  void (*multiply)(const PackedProduct& product, int part, int parts,
                   float* scratch) = NOMO_BEST(Multiply);
  int64_t (*scratch_floats)(ProductSide side) = NOMO_BEST(ScratchFloats);
};
const Target& Best() {
  static const Target target;
  return target;
}

}  // namespace

int64_t PackedPanel(ProductSide side) { return Best().panel_size(side); }

int64_t PackedFloats(ProductSide side, int64_t rows, int64_t columns) {
  const int64_t panel = Best().panel_size(side);
  const bool left = side == ProductSide::kLeft;
  const int64_t size = left ? rows : columns, terms = left ? columns : rows;
  return (size + panel - 1) / panel * panel * terms;
}

void PackMatrix(ProductSide side, const MatrixView& matrix, float* packed) {
  Best().pack(side, matrix, packed);
}

int64_t ProductScratchFloats(const PackedProduct& product) {
  return Best().scratch_floats(product.side);
}

void MultiplyPart(const PackedProduct& product, int part, int parts, float* scratch) {
  Best().multiply(product, part, parts, scratch);
}

}  // namespace nomograph
