// Values within a model, computed for given inputs.
#ifndef NOMOGRAPH_INSPECT_DUMP_H_
#define NOMOGRAPH_INSPECT_DUMP_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "nomograph/core/run/session.h"
#include "nomograph/inspect/running_steps.h"

namespace nomograph {

struct DumpOptions {
  SessionOptions session = {};
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

// A value of a function's graph, as one run of the node that yields it made it.
struct BodyValue {
  // From the node of the main graph to the one that yields it.
  std::vector<RunningNode> path;
  std::string name;  // the value's
  Tensor tensor;

  // "/encoder/Loop[3]/hidden": the nodes that call, with the iteration, and the value.
  std::string Name() const;
};

struct BodyDump {
  std::vector<BodyValue> values;  // in the order in which they were made
  // Those of the values asked for that no step made: of functions that were not called, constants,
  // inputs, and of nodes that their op's body stands for.
  std::vector<std::string> not_made;
};

// Values of functions, by function, in one run of the model, in exact mode whatever `options` say.
// ResourceExhausted before more than `max_bytes` of them are kept. Errors as those of sessions.
absl::StatusOr<BodyDump> ComputeBodyValues(
    const Model& model, const std::map<std::string, std::vector<ValueId>>& values,
    const NamedTensors& inputs, DumpOptions options = {}, int64_t max_bytes = int64_t{1} << 30);

// All outputs of all nodes, in their order.
std::vector<ValueId> ComputedValues(const Graph& graph);

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_DUMP_H_
