// The fast kernel of convolutions whose windows are wide: core/window/tap_conv.h.
#ifndef NOMOGRAPH_OPS_NN_CONV_TAP_KERNEL_H_
#define NOMOGRAPH_OPS_NN_CONV_TAP_KERNEL_H_

#include <functional>

#include "nomograph/ops/nn/conv/depthwise_kernel.h"

namespace nomograph::nn {

// For OpDef::Fast. It serves channels-first nodes with constant weights whose windows have wide
// dilations or much padding, by estimate: the form "products of taps" (core/form/form.h).
PrepareFn PrepareTaps(WindowOf window);
// For OpDef::TakesPostOps: `otherwise` is asked of the nodes that PrepareTaps() does not serve.
std::function<bool(const PrepareContext&)> TapsTakePostOps(
    WindowOf window, std::function<bool(const PrepareContext&)> otherwise);

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_CONV_TAP_KERNEL_H_
