// The fast kernel of convolutions whose windows are wide: core/window/tap_conv.h.
#ifndef NOMOGRAPH_OPS_NN_CONV_TAP_KERNEL_H_
#define NOMOGRAPH_OPS_NN_CONV_TAP_KERNEL_H_

#include "nomograph/ops/nn/conv/depthwise_kernel.h"

namespace nomograph::nn {

// For OpDef::Fast. It serves channels-first nodes with constant weights whose windows have wide
// dilations or much padding, by estimate: the form "products of taps" (core/form/form.h).
FastKernel FastTaps(WindowOf window);

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_CONV_TAP_KERNEL_H_
