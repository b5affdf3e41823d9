// The loop of elementwise_run.cc, which includes this file once for each instruction set.
#if defined(NOMOGRAPH_CORE_VECTOR_ELEMENTWISE_RUN_KERNEL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_VECTOR_ELEMENTWISE_RUN_KERNEL_H_
#undef NOMOGRAPH_CORE_VECTOR_ELEMENTWISE_RUN_KERNEL_H_
#else
#define NOMOGRAPH_CORE_VECTOR_ELEMENTWISE_RUN_KERNEL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "hwy/highway.h"
#include "nomograph/core/vector/elementwise_run.h"
#include "nomograph/core/vector/vector_steps.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph {
namespace HWY_NAMESPACE {

// Tiles of so many elements stay in the first cache from step to step.
constexpr int64_t kTile = 512;

void RunElementwisePart(const ElementwiseRun& run, int part, int parts) {
  // The output may be an operand of a later step, so that only the last step writes there.
  alignas(64) float between[kTile];
  const int64_t in_row = (run.columns + kTile - 1) / kTile, tiles = run.rows * in_row;
  const int64_t end = tiles * (part + 1) / parts;
  for (int64_t tile = tiles * part / parts; tile < end; ++tile) {
    const int64_t row = tile / in_row, column = tile % in_row * kTile;
    const int64_t count = std::min(kTile, run.columns - column);
    const int64_t at = row * run.columns + column;
    const float* from = run.input + at;
    for (int64_t s = 0; s < run.num_steps; ++s) {
      float* const to = s + 1 < run.num_steps ? between : run.output + at;
      RunStep(run.steps[s], row, column, count, from, to);
      from = to;
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_CORE_VECTOR_ELEMENTWISE_RUN_KERNEL_H_
