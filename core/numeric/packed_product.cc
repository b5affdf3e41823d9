#include "nomograph/core/numeric/packed_product.h"

// Beside the least that the compiler may assume: what has fused multiply-add.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nomograph/core/numeric/packed_product_kernel.h"
#include "hwy/foreach_target.h"
//
#include "nomograph/core/numeric/packed_product_kernel.h"

namespace nomograph {

namespace {

// The functions for one instruction set.
struct Target {
  const char* name;
  int64_t (*panel_size)(ProductSide side);
  void (*pack)(ProductSide side, const MatrixView& matrix, float* packed);
  void (*multiply)(const PackedProduct& product, int part, int parts, float* scratch);
  int64_t (*scratch_floats)(ProductSide side);
};
#define NOMO_TARGET(set, name) \
  Target { name, set::PanelSize, set::Pack, set::Multiply, set::ScratchFloats }

// The best that this machine has. (Highway's own choice would need its library at run time, whose
// start measures the clock.)
Target BestTarget() {
#if HWY_ARCH_X86
#if HWY_TARGETS & HWY_AVX3
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512cd")) {
    return NOMO_TARGET(N_AVX3, "AVX-512");
  }
#endif
#if HWY_TARGETS & HWY_AVX2
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("f16c")) {
    return NOMO_TARGET(N_AVX2, "AVX2");
  }
#endif
#endif
  return {"baseline", HWY_STATIC_DISPATCH(PanelSize), HWY_STATIC_DISPATCH(Pack),
          HWY_STATIC_DISPATCH(Multiply), HWY_STATIC_DISPATCH(ScratchFloats)};
}

const Target& Best() {
  static const Target target = BestTarget();
  return target;
}

}  // namespace

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

const char* ProductTarget() { return Best().name; }

}  // namespace nomograph
