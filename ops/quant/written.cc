#include "nomograph/ops/quant/written.h"

#include <cmath>

namespace nomograph::quant {
namespace {

bool IsSingle(const PartialShape& shape) {
  return shape.fully_known() && shape.ToShape().num_elements() == 1;
}

bool HasOneScale(const InferContext& node, const TensorType&) { return IsSingle(node.shape(1)); }

bool HasNoZeroPoint(const InferContext& node, const TensorType&) {
  if (!node.has_input(2)) return true;
  const Tensor* zeros = node.constant(2);
  if (zeros == nullptr) return false;
  for (int64_t i = 0; i < zeros->num_elements(); ++i) {
    if (zeros->AsDouble(i) != 0) return false;
  }
  return true;
}

Pattern Dequantize(std::vector<Pattern> inputs) {
  return Pattern::Op("quant.DequantizeLinear", std::move(inputs));
}

}  // namespace

Pattern Dequantized(const Pattern& x, const Pattern& scale, const Pattern& zero_point) {
  return Dequantize({x, scale, zero_point}).Where(HasOneScale);
}

Pattern DequantizedChannels(const Pattern& x, const Pattern& scale, const Pattern& zero_point,
                            int axis) {
  return Dequantize({x, scale, zero_point})
      .Where([axis](const InferContext& node, const TensorType& output) {
        if (IsSingle(node.shape(1))) return true;
        if (node.attrs().Int("block_size") != 0 || !output.shape.has_rank()) return false;
        const int64_t rank = output.shape.rank(), found = node.attrs().Int("axis");
        return (found < 0 ? found + rank : found) == (axis < 0 ? axis + rank : axis);
      });
}

Pattern DequantizedBias(const Pattern& x, const Pattern& scale) {
  return Dequantize({x, scale}).Where(HasNoZeroPoint);
}

Pattern Quantized(const Pattern& x, const Pattern& scale, const Pattern& zero_point) {
  return Pattern::Op("quant.QuantizeLinear", {x, scale, zero_point}).Where(HasOneScale);
}

bool IsScaleOfBias(const InferContext& found, int x_scale, int w_scale, int bias_scale) {
  const Tensor *x = found.constant(x_scale), *w = found.constant(w_scale),
               *bias = found.constant(bias_scale);
  if (x == nullptr || w == nullptr || bias == nullptr || x->num_elements() != 1) return false;
  const int64_t count = std::max(w->num_elements(), bias->num_elements());
  for (const Tensor* scales : {w, bias}) {
    if (scales->num_elements() != count && scales->num_elements() != 1) return false;
  }
  for (int64_t i = 0; i < count; ++i) {
    const double expected = x->AsDouble(0) * w->AsDouble(w->num_elements() == 1 ? 0 : i);
    const double given = bias->AsDouble(bias->num_elements() == 1 ? 0 : i);
    if (!(std::abs(given - expected) <= 1e-6 * std::abs(expected))) return false;
  }
  return true;
}

}  // namespace nomograph::quant
