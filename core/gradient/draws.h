// Gradients of ops that draw random numbers: what flows back has to go by the same draws.
#ifndef NOMOGRAPH_CORE_GRADIENT_DRAWS_H_
#define NOMOGRAPH_CORE_GRADIENT_DRAWS_H_

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/graph/call_graph.h"

namespace nomograph {

// The node's attributes, with which another node of its op (core/op/random.h) draws the numbers
// that this one draws. InvalidArgument where the node has neither a name nor a key.
absl::StatusOr<Attributes> AttributesOfSameDraws(const GradientContext& g);

// Whether the node's random numbers, or those of functions that it calls, go by its name.
bool KeyedByName(const Node& node);

// A node of the functions that draws random numbers by its name; null where none does.
const Node* DrawingNode(const FunctionLibrary& functions);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_GRADIENT_DRAWS_H_
