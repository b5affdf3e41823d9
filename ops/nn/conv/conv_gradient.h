// The gradients of convolutions, plain and transposed, for their input and their kernel.
#ifndef NOMOGRAPH_OPS_NN_CONV_CONV_GRADIENT_H_
#define NOMOGRAPH_OPS_NN_CONV_CONV_GRADIENT_H_

#include <functional>
#include <string>
#include <vector>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/ops/nn/window.h"

namespace nomograph::nn {

// A convolution: what its gradients need to know of it.
struct ConvOp {
  std::string name;  // "nn.Conv"; the gradients are NAMEGradInput and NAMEGradKernel
  // Whether the elements of x are spread over y, instead of gathered for it.
  bool transposed;
  InferFn infer;
  std::function<absl::StatusOr<Window>(const Attributes& attrs, const Shape& x,
                                       const Shape& kernel)>
      window;
};

// Declares the attributes that the convolution has, and so have its gradients.
OpDef WithConvAttributes(OpDef op);
OpDef WithConvTransposeAttributes(OpDef op);
const ConvOp& PlainConv();
const ConvOp& TransposedConv();

// For OpDef::Gradient of the convolution, whose inputs are x, kernel and a bias.
GradientFn ConvGradient(const ConvOp& conv);

// The ops for dx, with the inputs dy, kernel and x, and for the kernel's gradient, with the inputs
// dy, x and kernel; of the last of these only the shape counts. Left to add: Doc, the attributes,
// Examples.
OpDef ConvGradInputOp(const ConvOp& conv);
OpDef ConvGradKernelOp(const ConvOp& conv);

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_CONV_CONV_GRADIENT_H_
