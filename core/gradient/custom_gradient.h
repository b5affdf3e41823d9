// Values whose gradients are not what their ops say.
#ifndef NOMOGRAPH_CORE_GRADIENT_CUSTOM_GRADIENT_H_
#define NOMOGRAPH_CORE_GRADIENT_CUSTOM_GRADIENT_H_

#include <vector>

#include "nomograph/core/build/value.h"

namespace nomograph {

// x, through which nothing flows back. Op core.StopGradient.
Value StopGradient(const Value& x);

// function(inputs), whose gradients are those that gradient(inputs..., outputs..., gradients...)
// yields: it is given one for each floating-point output, and yields one for each floating-point
// input, of its type. Both become functions of the model; what they use besides constants must be
// among `inputs`. Op core.CustomGradient.
std::vector<Value> CustomGradient(std::vector<Value> inputs, TraceFn function, TraceFn gradient);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_GRADIENT_CUSTOM_GRADIENT_H_
