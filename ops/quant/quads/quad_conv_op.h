// The fast kernels of convolutions of quantised numbers on machines with instructions for quads of
// bytes.
#ifndef NOMOGRAPH_OPS_QUANT_QUADS_QUAD_CONV_OP_H_
#define NOMOGRAPH_OPS_QUANT_QUADS_QUAD_CONV_OP_H_

#include <memory>

#include "nomograph/core/op/kernel.h"
#include "nomograph/ops/quant/pairs/quantized_conv.h"

namespace nomograph::quant {

// Null where there are no SizesOf() the node, weights less their zero points take more than 8 bits,
// the machine lacks the instructions, or another form is taken.
absl::StatusOr<std::unique_ptr<Kernel>> PrepareQuadConv(const PrepareContext& context,
                                                        const QuantizedConvInputs& inputs);

}  // namespace nomograph::quant

#endif  // NOMOGRAPH_OPS_QUANT_QUADS_QUAD_CONV_OP_H_
