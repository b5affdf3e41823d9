// Pointwise convolutions as products of their kernels with the pixels.
#ifndef NOMOGRAPH_OPS_NN_CONV_POINTWISE_H_
#define NOMOGRAPH_OPS_NN_CONV_POINTWISE_H_

#include "nomograph/ops/math/packed_kernel.h"
#include "nomograph/ops/nn/conv/conv_kernel.h"

namespace nomograph::nn {

// A pointwise convolution of one group whose planes of channels lie one behind the other; inputs 0
// to 2 and the attributes are nn.Conv's.
inline PackedNode PointwiseProduct(const PrepareContext& context) {
  const ActivationLayout x(context.inputs[0].shape, context.attrs);
  const ActivationLayout y(context.outputs[0].shape, context.attrs);
  const ConvKernelLayout kernel(context.inputs[1].shape, context.attrs);
  return {.side = ProductSide::kLeft,
          .constant = {FloatsOf(context.constants[1]), y.channels, x.channels, kernel.out_stride,
                       kernel.in_stride},
          .products = x.batches,
          .other_size = x.positions,
          .bias_input = context.has_input(2) ? 2 : -1};
}

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_CONV_POINTWISE_H_
