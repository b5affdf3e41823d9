// The fast kernel of convolutions with windows of 3x3 elements at every place, in planes of their
// own: core/window/winograd_conv.h.
#ifndef NOMOGRAPH_OPS_NN_CONV_WINOGRAD_KERNEL_H_
#define NOMOGRAPH_OPS_NN_CONV_WINOGRAD_KERNEL_H_

#include "nomograph/ops/nn/conv/depthwise_kernel.h"

namespace nomograph::nn {

// For OpDef::Fast. It serves channels-first nodes with constant weights for which the form
// "Winograd" (core/form/form.h) is faster than a sum.
FastKernel FastWinograd(WindowOf window);

// Whether the kernel could serve the node, in float32, in `cost` times what a plain sum takes at
// the machine's best.
bool WinogradPays(const WindowOf& window, const PrepareContext& context, double cost);

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_CONV_WINOGRAD_KERNEL_H_
