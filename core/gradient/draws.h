// Gradients of ops that draw random numbers: what flows back has to go by the same draws.
#ifndef NOMOGRAPH_CORE_GRADIENT_DRAWS_H_
#define NOMOGRAPH_CORE_GRADIENT_DRAWS_H_

#include "nomograph/core/gradient/gradient.h"

namespace nomograph {

// The node's attributes, with which another node of its op (core/op/random.h) draws the numbers
// that this one draws. InvalidArgument where the node has neither a name nor a key.
absl::StatusOr<Attributes> AttributesOfSameDraws(const GradientContext& g);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_GRADIENT_DRAWS_H_
