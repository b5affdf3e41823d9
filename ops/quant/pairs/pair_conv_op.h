// The fast kernel of convolutions of quantised numbers on machines without VNNI.
#ifndef NOMOGRAPH_OPS_QUANT_PAIRS_PAIR_CONV_OP_H_
#define NOMOGRAPH_OPS_QUANT_PAIRS_PAIR_CONV_OP_H_

#include <memory>

#include "nomograph/core/op/kernel.h"
#include "nomograph/ops/quant/integer_conv.h"

namespace nomograph::quant {

// Which inputs of a node are what beside the factors.
struct QuantizedConvInputs {
  ConvInputs factors;
  int x_scale, kernel_scale, y_scale, y_zero_point, bias;
};

// Null where it does not serve the node: a kernel that is not known, channels last, three axes,
// groups but for depthwise convolutions, or a machine that has VNNI or no vectors.
absl::StatusOr<std::unique_ptr<Kernel>> PreparePairConv(const PrepareContext& context,
                                                        const QuantizedConvInputs& inputs);

}  // namespace nomograph::quant

#endif  // NOMOGRAPH_OPS_QUANT_PAIRS_PAIR_CONV_OP_H_
