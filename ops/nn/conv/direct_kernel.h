// The fast kernel of convolutions whose groups have few channels: core/window/direct_conv.h.
#ifndef NOMOGRAPH_OPS_NN_CONV_DIRECT_KERNEL_H_
#define NOMOGRAPH_OPS_NN_CONV_DIRECT_KERNEL_H_

#include "nomograph/ops/nn/conv/depthwise_kernel.h"

namespace nomograph::nn {

// For OpDef::Fast. It serves channels-first nodes with constant weights where it takes less time
// than oneDNN, by an estimate from the shapes.
FastKernel FastDirect(WindowOf window);

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_CONV_DIRECT_KERNEL_H_
