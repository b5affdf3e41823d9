// The gradients of activations: dx from dy and x, or from dy and y where that is cheaper.
#ifndef NOMOGRAPH_OPS_NN_ACTIVATION_ACTIVATION_GRADIENTS_H_
#define NOMOGRAPH_OPS_NN_ACTIVATION_ACTIVATION_GRADIENTS_H_

#include <functional>
#include <string>

#include "nomograph/core/gradient/gradient.h"

namespace nomograph::nn {

// The gradient of an activation with its attributes: `op`(dy, x), which has the same ones.
GradientFn GradientFromInput(std::string op);

// The attributes of nn.ReluGrad or nn.EluGrad that make it the gradient of an activation.
using GradientAttrs = std::function<Attributes(const Attributes& of_activation)>;
// nn.ReluGrad(dy, x).
GradientFn ReluGradient(GradientAttrs attrs);
// nn.EluGrad(dy, x, y).
GradientFn EluGradient(GradientAttrs attrs);

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_ACTIVATION_ACTIVATION_GRADIENTS_H_
