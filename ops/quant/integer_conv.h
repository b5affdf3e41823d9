// What the convolutions of integers, ConvInteger and QLinearConv, share. Windows, layouts and
// groups are those of nn.Conv.
#ifndef NOMOGRAPH_OPS_QUANT_INTEGER_CONV_H_
#define NOMOGRAPH_OPS_QUANT_INTEGER_CONV_H_

#include <vector>

#include "nomograph/core/op/op.h"
#include "nomograph/ops/quant/integer_product.h"

namespace nomograph::quant {

// The inputs: x and the kernel, their zero points (which may be absent; x has one, the kernel one
// or one for each output channel), and further inputs with one number, or one for each output
// channel.
struct ConvInputs {
  int x, x_zero_point, kernel, kernel_zero_point;
};

// Declares the attributes.
OpDef WithConv(OpDef op);

// The shape of y, unknown where x's rank is. InvalidArgument when the shapes do not fit; `channels`
// becomes the number of output channels.
absl::StatusOr<PartialShape> InferConv(const InferContext& context, const ConvInputs& inputs,
                                       Dim& channels);

// The sums of the products, modulo 2^32, by the definition.
std::vector<int32_t> ConvSums(const KernelContext& context, const ConvInputs& inputs);
// For PrepareProduct(). REQUIRES: x has 3 to 5 axes, as the shape function sees to.
ProductSpec ConvSpec(const PrepareContext& context, const ConvInputs& inputs);

}  // namespace nomograph::quant

#endif  // NOMOGRAPH_OPS_QUANT_INTEGER_CONV_H_
