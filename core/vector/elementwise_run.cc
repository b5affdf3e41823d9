#include "nomograph/core/vector/elementwise_run.h"

#include <algorithm>

#include "nomograph/core/vector/vector_target.h"

// This file is included once for each instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nomograph/core/vector/elementwise_run.cc"
#include "hwy/foreach_target.h"
//
#include "nomograph/core/vector/vector_steps.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph {
namespace HWY_NAMESPACE {

// Tiles of so many elements stay in the first cache from step to step.
constexpr int64_t kTile = 512;

void RunElementwisePart(const ElementwiseRun& run, int part, int parts) {
  const int64_t in_row = (run.columns + kTile - 1) / kTile, tiles = run.rows * in_row;
  const int64_t end = tiles * (part + 1) / parts;
  for (int64_t tile = tiles * part / parts; tile < end; ++tile) {
    const int64_t row = tile / in_row, column = tile % in_row * kTile;
    const int64_t count = std::min(kTile, run.columns - column);
    const int64_t at = row * run.columns + column;
    const float* from = run.input + at;
    float* const to = run.output + at;
    for (int64_t s = 0; s < run.num_steps; ++s) {
      RunStep(run.steps[s], row, column, count, from, to);
      from = to;
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nomograph {
namespace {

using RunFn = void (*)(const ElementwiseRun& run, int part, int parts);

RunFn BestRun() {
  switch (BestVectorTarget()) {
#if HWY_TARGETS & HWY_AVX3
    case VectorTarget::kAvx512:
      return N_AVX3::RunElementwisePart;
#endif
#if HWY_TARGETS & HWY_AVX2
    case VectorTarget::kAvx2:
      return N_AVX2::RunElementwisePart;
#endif
    default:
      return HWY_STATIC_DISPATCH(RunElementwisePart);
  }
}

}  // namespace

void RunElementwise(const ElementwiseRun& run, int part, int parts) {
  static const RunFn best = BestRun();
  best(run, part, parts);
}

}  // namespace nomograph
#endif  // HWY_ONCE
