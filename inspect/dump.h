// Values within a model, computed for given inputs.
#ifndef NOMOGRAPH_INSPECT_DUMP_H_
#define NOMOGRAPH_INSPECT_DUMP_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "nomograph/core/run/session.h"

namespace nomograph {

struct DumpOptions {
  SessionOptions session;
  RunOptions run;  // `outputs` does not count
};

// Values of the main graph, by ValueId, in the order in which they were asked for. Each is computed
// as a result of its own: what would be fused away, or never run, is there all the same, and what
// is near it is then not fused either. (The model's own outputs, as they run, are Session's.)
// Errors as those of sessions.
absl::StatusOr<std::vector<Tensor>> ComputeValues(const Model& model,
                                                  absl::Span<const ValueId> values,
                                                  const NamedTensors& inputs,
                                                  const DumpOptions& options = {});

// All outputs of all nodes, in their order.
std::vector<ValueId> ComputedValues(const Graph& graph);

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_DUMP_H_
