#include "nomograph/core/narrow/bfloat16_product.h"

#include "nomograph/core/vector/vector_target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nomograph/core/narrow/bfloat16_product_kernel.h"
#include "hwy/foreach_target.h"
//
#include "nomograph/core/narrow/bfloat16_product_kernel.h"

namespace nomograph {

const char* BFloat16InstructionsName() { return HasTiles() ? "amx_bf16" : "avx512_bf16"; }

#if HWY_TARGETS & HWY_AVX3

bool HasBFloat16Products() {
  static const bool has =
      BestVectorTarget() == VectorTarget::kAvx512 && __builtin_cpu_supports("avx512bf16") != 0;
  return has;
}

int64_t BFloat16Panel(ProductSide side) { return N_AVX3::bfloat16::PanelSize(side); }

int64_t BFloat16Pairs(ProductSide side, int64_t rows, int64_t columns) {
  const int64_t panel = BFloat16Panel(side);
  const bool left = side == ProductSide::kLeft;
  const int64_t size = left ? rows : columns, terms = left ? columns : rows;
  return (size + panel - 1) / panel * panel *
         N_AVX3::bfloat16::FilledPairs(N_AVX3::bfloat16::PairsOf(terms));
}

void PackBFloat16(ProductSide side, const MatrixView& matrix, uint32_t* packed,
                  const BFloat16Taps& taps, int part, int parts) {
  N_AVX3::bfloat16::Pack(side, matrix, taps, part, parts, packed);
}
void PackBFloat16(ProductSide side, const BFloat16View& matrix, uint32_t* packed,
                  const BFloat16Taps& taps, int part, int parts) {
  N_AVX3::bfloat16::Pack(side, matrix, taps, part, parts, packed);
}

bool PairsPlanes(const WindowMatrix& window) {
  constexpr int64_t kShortRow = 4;  // whole vectors are copied
  return window.flat() && window.columns.stride <= 2 && window.columns.output >= kShortRow;
}
int64_t BFloat16PlanePairs(const WindowMatrix& window, int64_t planes) {
  return N_AVX3::bfloat16::PlanePairs(window, planes);
}
void PairBFloat16Planes(const WindowMatrix& window, const float* planes, int64_t count, int part,
                        int parts, uint32_t* paired) {
  N_AVX3::bfloat16::PairPlanes(window, planes, count, part, parts, paired);
}

int64_t BFloat16ScratchFloats(ProductSide side) { return N_AVX3::bfloat16::ScratchFloats(side); }

void MultiplyBFloat16Part(const PackedProduct& product, const uint32_t* packed, int part, int parts,
                          float* scratch, const uint32_t* paired) {
  N_AVX3::bfloat16::Multiply(product, packed, part, parts, scratch, paired);
}

bool BFloat16Turns(int64_t rows, int64_t columns) { return N_AVX3::bfloat16::Turns(rows, columns); }
void FinishTurnedBFloat16(const PackedProduct& product, const float* turned, int64_t stride,
                          int part, int parts) {
  N_AVX3::bfloat16::FinishTurned(product, turned, stride, part, parts);
}

#else  // no such machine

bool HasBFloat16Products() { return false; }
int64_t BFloat16Panel(ProductSide) { return 1; }
int64_t BFloat16Pairs(ProductSide, int64_t, int64_t) { return 0; }
void PackBFloat16(ProductSide, const MatrixView&, uint32_t*, const BFloat16Taps&, int, int) {}
void PackBFloat16(ProductSide, const BFloat16View&, uint32_t*, const BFloat16Taps&, int, int) {}
bool PairsPlanes(const WindowMatrix&) { return false; }
int64_t BFloat16PlanePairs(const WindowMatrix&, int64_t) { return 0; }
void PairBFloat16Planes(const WindowMatrix&, const float*, int64_t, int, int, uint32_t*) {}
int64_t BFloat16ScratchFloats(ProductSide) { return 0; }
void MultiplyBFloat16Part(const PackedProduct&, const uint32_t*, int, int, float*,
                          const uint32_t*) {}
bool BFloat16Turns(int64_t, int64_t) { return false; }
void FinishTurnedBFloat16(const PackedProduct&, const float*, int64_t, int, int) {}

#endif

}  // namespace nomograph
