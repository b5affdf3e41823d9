// The fast kernel of transposed convolutions: a packed matrix product yields
// what each input element adds to the output, and core/overlap/overlap_add.h adds it up. The loops
// of oneDNN 2.6 take two to ten times as long, most with few channels.
#ifndef NOMOGRAPH_OPS_NN_CONV_TRANSPOSED_KERNEL_H_
#define NOMOGRAPH_OPS_NN_CONV_TRANSPOSED_KERNEL_H_

#include "nomograph/ops/nn/conv/depthwise_kernel.h"

namespace nomograph::nn {

// Of which op a node is. A convolution with stride 1 is a transposed one with the taps in the other
// order: the better way to few output channels.
enum class ConvDirection { kTransposed, kForward };

// For OpDef::Fast. It serves channels-first nodes of one or two spatial axes.
FastKernel FastTransposed(ConvDirection direction, WindowOf window);

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_CONV_TRANSPOSED_KERNEL_H_
