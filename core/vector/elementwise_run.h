// Several elementwise steps in one pass over memory.
#ifndef NOMOGRAPH_CORE_VECTOR_ELEMENTWISE_RUN_H_
#define NOMOGRAPH_CORE_VECTOR_ELEMENTWISE_RUN_H_

#include <cstdint>

#include "nomograph/core/vector/steps.h"

namespace nomograph {

struct ElementwiseRun {
  const float* input = nullptr;
  float* output = nullptr;  // may be the input, or an operand of its rows and columns
  int64_t rows = 1, columns = 0;
  const VectorStep* steps = nullptr;  // at least one
  int64_t num_steps = 0;
};

// Computes part number `part` of `parts`, which together are the run. Parts may run side by side.
void RunElementwise(const ElementwiseRun& run, int part, int parts);

// The function for steps of this kind, for small nodes: to look at a step's kind and at a run's
// tiles costs more than their work.
StepFn FindStep(VectorStep::Kind kind);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_VECTOR_ELEMENTWISE_RUN_H_
