// The fast kernel of depthwise convolutions whose channels come first:
// core/window/depthwise_conv.h.
#ifndef NOMOGRAPH_OPS_NN_CONV_DEPTHWISE_KERNEL_H_
#define NOMOGRAPH_OPS_NN_CONV_DEPTHWISE_KERNEL_H_

#include <functional>

#include "nomograph/ops/nn/window.h"

namespace nomograph::nn {

// The window of a node with concrete shapes.
using WindowOf = std::function<absl::StatusOr<Window>(const PrepareContext& context)>;

// For OpDef::Fast of an op with the inputs, attributes and meaning of nn.Conv.
FastKernel FastDepthwise(WindowOf window);

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_CONV_DEPTHWISE_KERNEL_H_
