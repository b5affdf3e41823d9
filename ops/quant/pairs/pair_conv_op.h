// The fast kernel of convolutions of quantised numbers on machines without VNNI.
#ifndef NOMOGRAPH_OPS_QUANT_PAIRS_PAIR_CONV_OP_H_
#define NOMOGRAPH_OPS_QUANT_PAIRS_PAIR_CONV_OP_H_

#include <memory>

#include "nomograph/core/op/kernel.h"
#include "nomograph/ops/quant/pairs/quantized_conv.h"

namespace nomograph::quant {

// Null where there are no SizesOf() the node, the machine has no vectors, or another form is taken.
absl::StatusOr<std::unique_ptr<Kernel>> PreparePairConv(const PrepareContext& context,
                                                        const QuantizedConvInputs& inputs);

}  // namespace nomograph::quant

#endif  // NOMOGRAPH_OPS_QUANT_PAIRS_PAIR_CONV_OP_H_
