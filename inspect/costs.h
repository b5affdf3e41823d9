// What running a model costs for given sizes, found from its types alone: operations, memory moved,
// memory held. Nothing is compiled or computed, so that it is the same on every machine.
#ifndef NOMOGRAPH_INSPECT_COSTS_H_
#define NOMOGRAPH_INSPECT_COSTS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {

// Of one node, with the functions that it calls: the dearer branch of an If, as many steps of a
// Scan as it has, one iteration of any other loop.
struct NodeCost {
  // Multiply-accumulates (inspect/macs.h).
  int64_t macs = 0;
  // Elements of the weights that the node is the first to read.
  int64_t parameters = 0;
  // Bytes of its inputs, weights included, and of its outputs; of a view of its input none.
  int64_t bytes_read = 0, bytes_written = 0;
  // Whether a size stays open for these inputs, because it depends on data or an op is not known
  // here: the numbers are then lower bounds.
  bool open = false;
};

struct ModelCosts {
  // By node and by value of the main graph, with all sizes that follow from the inputs.
  std::vector<NodeCost> nodes;
  std::vector<TensorType> types;
  NodeCost total;
  // Of all values that nodes compute: what a run holds where nothing is freed (as in training).
  int64_t activation_bytes = 0;
  // The most bytes of inputs and computed values that are alive at one time, nodes run in the order
  // of the file: a value lives from its node to the last that reads it, outputs to the end. Weights
  // are not in it.
  int64_t peak_bytes = 0;
  int peak_node = -1;      // where that is
  int64_t open_nodes = 0;  // nodes with `open`
  bool has_loops = false;  // of which one iteration is counted
};

// `inputs` are the types of the main graph's inputs with full shapes (inspect/concrete_types.h).
// Errors: those of types that do not fit.
absl::StatusOr<ModelCosts> ComputeCosts(const Model& model, absl::Span<const TensorType> inputs,
                                        const OpRegistry& registry = OpRegistry::Default());

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_COSTS_H_
