// Where a run makes its first NaN or infinity: the node, also within the bodies of If, Loop and
// Scan, and the iteration.
#ifndef NOMOGRAPH_INSPECT_FIND_NON_FINITE_H_
#define NOMOGRAPH_INSPECT_FIND_NON_FINITE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "nomograph/core/run/session.h"
#include "nomograph/inspect/running_steps.h"

namespace nomograph {

struct NonFiniteStep {
  // From the node of the main graph to the one, in the body of those ahead of it, that yields it.
  std::vector<RunningNode> path;
  int64_t nan = 0, inf = 0, elements = 0;  // of that output
  // Whether one of its inputs had a NaN or an infinity: the model's inputs, or weights, for nodes
  // ahead of it had none.
  bool from_input = false;
};

// Runs the model once, in exact mode whatever `session` says: nothing is fused into another node
// there, and no fast form makes a number of a NaN. Nothing where every output of every node is
// finite. Errors of the run, but of one that ends behind the first such node, which is told.
absl::StatusOr<std::optional<NonFiniteStep>> FindNonFinite(const Model& model,
                                                           const NamedTensors& inputs,
                                                           SessionOptions session = {},
                                                           const RunOptions& run = {});

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_FIND_NON_FINITE_H_
