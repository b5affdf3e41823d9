// Reverse-mode differentiation: gradients are nodes like any others, which can be saved, inspected,
// exported and differentiated again.
//
//   NOMO_ASSIGN_OR_RETURN(const std::vector<Value> d, Gradients({loss}, {kernel, bias}));
#ifndef NOMOGRAPH_CORE_GRADIENT_GRADIENTS_H_
#define NOMOGRAPH_CORE_GRADIENT_GRADIENTS_H_

#include <functional>
#include <string>
#include <vector>

#include "nomograph/core/build/value.h"

namespace nomograph {

struct Node;

struct GradientOptions {
  // The gradient of each output, of its type; where there are none, ones.
  std::vector<Value> output_gradients = {};
  // Functions within functions, and bodies of ops within them, that are differentiated as what they
  // contain.
  int max_depth = 64;
  // Of the nodes that are looked at, those of functions counted at each of their calls.
  int64_t max_nodes = 10'000'000;
  // Names the part of the graph to which a node belongs whose values are computed a second time on
  // the way back, in place of being kept; "" for none, and none where it is null. Each part keeps
  // what flows into it. Nodes with effects are not repeated; those that draw random numbers draw
  // the same again.
  std::function<std::string(const Node& node)> recompute = nullptr;
};

// The gradients of the sum of all elements of `outputs` with respect to `values`, which lie on the
// way to them: one each, of its type; absent where nothing flows back to it. Operations that are
// not differentiable at a point yield there what the op says. Integers and booleans let nothing
// through. InvalidArgument lists every node on the way that has no gradient, with the reason.
// ResourceExhausted names the limit.
absl::StatusOr<std::vector<Value>> Gradients(absl::Span<const Value> outputs,
                                             absl::Span<const Value> values,
                                             const GradientOptions& options = {});

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_GRADIENT_GRADIENTS_H_
