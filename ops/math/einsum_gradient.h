// The gradients of math.Einsum, which are made with einsum again.
#ifndef NOMOGRAPH_OPS_MATH_EINSUM_GRADIENT_H_
#define NOMOGRAPH_OPS_MATH_EINSUM_GRADIENT_H_

#include <vector>

#include "nomograph/core/gradient/gradient.h"

namespace nomograph::math {

// For OpDef::Gradient. InvalidArgument when there are more than 32 operands (each gradient reads
// all of them), an operand's ellipsis stands for an unknown number of axes, or more than the 52
// letters would be needed.
absl::StatusOr<std::vector<Value>> EinsumGradient(const GradientContext& g);

}  // namespace nomograph::math

#endif  // NOMOGRAPH_OPS_MATH_EINSUM_GRADIENT_H_
