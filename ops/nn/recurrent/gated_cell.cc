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
  int64_t (*packed_floats)(int64_t gates, int64_t hidden) = NOMO_BEST(PackedFloatsOfCell);
  void (*pack)(const float* r, int64_t gates, int64_t hidden,
               float* packed) = NOMO_BEST(PackCellRows);
  void (*step)(const GatedCell& cell, const CellRow* rows, int64_t num_rows, int part,
               int parts) = NOMO_BEST(StepRows);
};
const Target& Best() {
  static const Target target;
  return target;
}

}  // namespace

int64_t PackedCellFloats(int64_t gates, int64_t hidden) {
  return Best().packed_floats(gates, hidden);
}

void PackCell(const float* r, int64_t gates, int64_t hidden, float* packed) {
  Best().pack(r, gates, hidden, packed);
}

void StepCell(const GatedCell& cell, const CellRow* rows, int64_t num_rows, int part, int parts) {
  Best().step(cell, rows, num_rows, part, parts);
}

}  // namespace nomograph
