#include "nomograph/ops/nn/recurrent/gated_cell.h"

#include "nomograph/core/narrow/bfloat16_product.h"
#include "nomograph/core/vector/vector_target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nomograph/ops/nn/recurrent/gated_cell_kernel.h"
#include "hwy/foreach_target.h"
//
#include "nomograph/ops/nn/recurrent/gated_cell_kernel.h"

namespace nomograph {
namespace {

// The functions for one instruction set and factors.
struct Target {
  int64_t (*packed_floats)(int64_t gates, int64_t hidden);
  void (*pack)(const float* r, int64_t gates, int64_t hidden, float* packed);
  void (*step)(const GatedCell& cell, const CellRow* rows, int64_t num_rows, int part, int parts);
};

Target RoundedTarget() {
#if HWY_TARGETS & HWY_AVX3
  if (HasBFloat16Products()) {
    return {NOMO_BEST(PairFloatsOfCell), NOMO_BEST(PackCellPairs), N_AVX3::StepRowsOfPairs};
  }
#endif
  return {NOMO_BEST(PairFloatsOfCell), NOMO_BEST(PackCellPairs), NOMO_BEST(StepRowsWidened)};
}

const Target& Best(CellFactors factors) {
  static const Target target{NOMO_BEST(PackedFloatsOfCell), NOMO_BEST(PackCellRows),
                             NOMO_BEST(StepRows)};
  static const Target rounded = RoundedTarget();
  return factors == CellFactors::kFloat32 ? target : rounded;
}

}  // namespace

int64_t PackedCellFloats(CellFactors factors, int64_t gates, int64_t hidden) {
  return Best(factors).packed_floats(gates, hidden);
}

void PackCell(CellFactors factors, const float* r, int64_t gates, int64_t hidden, float* packed) {
  Best(factors).pack(r, gates, hidden, packed);
}

int64_t CellRoundedFloats(CellFactors factors, int64_t hidden) {
  return factors == CellFactors::kFloat32 ? 0 : (hidden + 1) / 2;
}

bool CellRoundingPays(int64_t hidden, int64_t num_rows) {
  if (HasBFloat16Products()) return true;
  // Otherwise R is widened for a few sequences at a time, which takes longer than to read it for
  // more than one; and a small R stays in the first cache.
  constexpr int64_t kLarge = 64;
  return BestVectorTarget() != VectorTarget::kBaseline && num_rows == 1 && hidden >= kLarge;
}

void StepCell(const GatedCell& cell, const CellRow* rows, int64_t num_rows, int part, int parts) {
  Best(cell.factors).step(cell, rows, num_rows, part, parts);
}

}  // namespace nomograph
