// Gradients of ops that only pick elements, whatever the pattern: the op itself, applied to the
// numbers of the elements, tells where each element of the output comes from.
#ifndef NOMOGRAPH_CORE_GRADIENT_PICKED_H_
#define NOMOGRAPH_CORE_GRADIENT_PICKED_H_

#include <functional>
#include <vector>

#include "nomograph/core/gradient/gradient.h"

namespace nomograph {

// The gradients of `inputs`, whose elements `pick` makes an output of: each is the sum of those
// elements of dy that were made of it. `pick` is called once, with int64 tensors of the inputs'
// shapes that number all their elements from 0 on, those of the first input first. It costs an
// int64 for each element of the inputs and of dy.
std::vector<Value> PickedGradients(
    const Value& dy, absl::Span<const Value> inputs,
    const std::function<Value(absl::Span<const Value> numbers)>& pick);

// Of an op whose output 0 is made of elements of input 0, as the attributes and the other inputs
// say, whatever the dtype.
GradientFn PickingGradient();

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_GRADIENT_PICKED_H_
