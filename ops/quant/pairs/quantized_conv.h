// What the fast kernels of convolutions of quantised numbers read from a node.
#ifndef NOMOGRAPH_OPS_QUANT_PAIRS_QUANTIZED_CONV_H_
#define NOMOGRAPH_OPS_QUANT_PAIRS_QUANTIZED_CONV_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "nomograph/core/op/kernel.h"
#include "nomograph/core/types/status.h"
#include "nomograph/ops/quant/integer_conv.h"
#include "nomograph/ops/quant/pairs/pair_conv.h"

namespace nomograph::quant {

// Which inputs of a node are what beside the factors.
struct QuantizedConvInputs {
  ConvInputs factors;
  int x_scale, kernel_scale, y_scale, y_zero_point, bias;
};

// None where the kernel is not known, channels are last, there are three axes, or groups but for
// those of a depthwise convolution.
std::optional<PairConvSizes> SizesOf(const PrepareContext& context, const ConvInputs& inputs);

// Of the kernel, less its zero points: [out, in / groups, taps].
struct KernelNumbers {
  std::vector<int16_t> values;
  int64_t terms;  // of an output channel
  PairWeights weights() const;
  int64_t taps;
};
KernelNumbers KernelLessZeros(const PrepareContext& context, const ConvInputs& inputs,
                              const PairConvSizes& sizes);
bool AreWithin(const std::vector<int16_t>& values, int16_t least, int16_t greatest);

// A kernel with its numbers as a Conv packs them.
template <typename Conv, typename ConvKernel>
absl::StatusOr<std::unique_ptr<Kernel>> CreatePacked(const PrepareContext& context,
                                                     const QuantizedConvInputs& inputs,
                                                     const PairConvSizes& sizes,
                                                     const KernelNumbers& kernel) {
  const Conv conv(sizes);
  NOMO_ASSIGN_OR_RETURN(Tensor packed, Tensor::Create(DType::kInt32, {conv.packed_elements()}));
  conv.Pack(kernel.weights(), packed.mutable_data<int32_t>().data());
  return std::make_unique<ConvKernel>(context, inputs, sizes, kernel, std::move(packed));
}

// How many threads pay off where each output is a sum of so many terms.
int ProductThreads(const PrepareContext& context, int64_t terms);

// Image number `image` of x.
PairInput ImageOf(const KernelContext& context, const ConvInputs& inputs, int64_t image);

// As RequantizeRun() multiplies the scales, or the greatest float where that is infinite, which
// yields the same. Writes `out_channels` scales and biases, which the result points to.
PairFinish FinishOf(const KernelContext& context, const QuantizedConvInputs& inputs,
                    int64_t out_channels, float* scales, int32_t* biases);

}  // namespace nomograph::quant

#endif  // NOMOGRAPH_OPS_QUANT_PAIRS_QUANTIZED_CONV_H_
