// How models are written in which quantised ops stand as the ops of floats between
// DequantizeLinear and QuantizeLinear (ONNX calls the form QDQ): patterns of the ops in this room.
#ifndef NOMOGRAPH_OPS_QUANT_WRITTEN_H_
#define NOMOGRAPH_OPS_QUANT_WRITTEN_H_

#include "nomograph/core/op/op.h"

namespace nomograph::quant {

// What is dequantised with one scale and one zero point.
Pattern Dequantized(const Pattern& x, const Pattern& scale, const Pattern& zero_point);
// What is dequantised with one scale, or with one for each index of an axis; -1 is the last one.
Pattern DequantizedChannels(const Pattern& x, const Pattern& scale, const Pattern& zero_point,
                            int axis);
// What is dequantised with a zero point that is 0 or absent, as a bias is.
Pattern DequantizedBias(const Pattern& x, const Pattern& scale);
// What is quantised with one scale and one zero point.
Pattern Quantized(const Pattern& x, const Pattern& scale, const Pattern& zero_point);

// Whether the constant inputs say that bias_scale = x_scale * w_scale, up to rounding.
bool IsScaleOfBias(const InferContext& found, int x_scale, int w_scale, int bias_scale);

}  // namespace nomograph::quant

#endif  // NOMOGRAPH_OPS_QUANT_WRITTEN_H_
