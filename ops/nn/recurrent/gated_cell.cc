#include "nomograph/ops/nn/recurrent/gated_cell.h"

#include "nomograph/core/vector/vector_target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nomograph/ops/nn/recurrent/gated_cell_kernel.h"
#include "hwy/foreach_target.h"
//
#include "nomograph/ops/nn/recurrent/gated_cell_kernel.h"

namespace nomograph {
namespace {

// The functions for one instruction set.
struct Target {
  int64_t (*packed_floats)(int64_t gates, int64_t hidden);
  void (*pack)(const float* r, int64_t gates, int64_t hidden, float* packed);
  void (*step)(const GatedCell& cell, const CellRow* rows, int64_t num_rows);
};
#define NOMO_TARGET(set) \
  Target { set::PackedFloatsOfCell, set::PackCellRows, set::StepRows }

Target BestTarget() {
  switch (BestVectorTarget()) {
#if HWY_TARGETS & HWY_AVX3
    case VectorTarget::kAvx512:
      return NOMO_TARGET(N_AVX3);
#endif
#if HWY_TARGETS & HWY_AVX2
    case VectorTarget::kAvx2:
      return NOMO_TARGET(N_AVX2);
#endif
    default:
      return {HWY_STATIC_DISPATCH(PackedFloatsOfCell), HWY_STATIC_DISPATCH(PackCellRows),
              HWY_STATIC_DISPATCH(StepRows)};
  }
}

const Target& Best() {
  static const Target target = BestTarget();
  return target;
}

}  // namespace

int64_t PackedCellFloats(int64_t gates, int64_t hidden) {
  return Best().packed_floats(gates, hidden);
}

void PackCell(const float* r, int64_t gates, int64_t hidden, float* packed) {
  Best().pack(r, gates, hidden, packed);
}

void StepCell(const GatedCell& cell, const CellRow* rows, int64_t num_rows) {
  Best().step(cell, rows, num_rows);
}

}  // namespace nomograph
