#include "nomograph/ops/quant/pairs/quantized_conv.h"

#include <algorithm>

#include "nomograph/ops/nn/conv/conv_kernel.h"
#include "nomograph/ops/nn/window.h"
#include "nomograph/ops/quant/linear.h"

namespace nomograph::quant {
namespace {

int32_t ByteAt(DType dtype, const std::byte* bytes, int64_t i) {
  return dtype == DType::kInt8 ? reinterpret_cast<const int8_t*>(bytes)[i]
                               : reinterpret_cast<const uint8_t*>(bytes)[i];
}
int32_t ByteAt(const Tensor& tensor, int64_t i) {
  return ByteAt(tensor.dtype(), tensor.raw_data(), i);
}
int32_t OneByte(const TensorView& view) { return ByteAt(view.dtype, view.data, 0); }

// An output channel's elements less its zero point.
template <typename Byte>
void SubtractZero(const Byte* from, const nn::ConvKernelLayout& layout,
                  const KernelNumbers& numbers, int32_t zero, int16_t* to) {
  if (layout.tap_stride == 1 && layout.in_stride == numbers.taps) {  // in order
#pragma omp simd
    for (int64_t i = 0; i < numbers.terms; ++i) to[i] = static_cast<int16_t>(from[i] - zero);
    return;
  }
  for (int64_t i = 0; i < layout.in; ++i) {
    for (int64_t tap = 0; tap < numbers.taps; ++tap)
      *to++ = static_cast<int16_t>(from[layout.Offset(tap, i, 0)] - zero);
  }
}

}  // namespace

std::optional<PairConvSizes> SizesOf(const PrepareContext& context, const ConvInputs& inputs) {
  const Attributes& attrs = context.attrs;
  const Shape &x = context.inputs[inputs.x].shape, &w = context.inputs[inputs.kernel].shape;
  if (!context.constants[inputs.kernel].valid() ||
      !context.constants[inputs.kernel_zero_point].valid() || nn::IsChannelsLast(attrs) ||
      x.num_elements() == 0 || w.num_elements() == 0 ||
      context.outputs[0].shape.num_elements() == 0) {
    return std::nullopt;
  }
  const auto activation = nn::SplitActivation(x, attrs);
  if (!activation.ok()) return std::nullopt;
  const auto window = nn::GetWindow(attrs, activation->spatial, nn::ConvKernelSpatial(w, attrs));
  if (!window.ok() || window->size() > 2 || !nn::FitsIn32Bits(*window)) return std::nullopt;
  const nn::ActivationLayout from(x, attrs), to(context.outputs[0].shape, attrs);
  const int64_t groups = attrs.Int("groups");
  const bool depthwise = groups == from.channels && groups == to.channels && groups > 1;
  if (groups > 1 && !depthwise) return std::nullopt;
  const WindowMatrix spans = nn::SpansOf(*window);
  // Planes are written with their padding, which is not to be more than all there is to do.
  const auto reached = [](const WindowSpan& span) {
    return static_cast<double>(span.output - 1) * static_cast<double>(span.stride) +
           static_cast<double>(span.taps) * static_cast<double>(span.dilation) +
           static_cast<double>(span.stride);
  };
  constexpr double kMost = 8, kSmall = 1 << 16;
  const double planes =
      reached(spans.rows) * reached(spans.columns) * static_cast<double>(from.channels);
  const double elements = static_cast<double>(x.num_elements() / from.batches +
                                              context.outputs[0].shape.num_elements() / to.batches);
  if (planes > kMost * elements + kSmall) return std::nullopt;
  return PairConvSizes{.rows = spans.rows,
                       .columns = spans.columns,
                       .in_channels = from.channels,
                       .out_channels = to.channels,
                       .depthwise = depthwise};
}

PairWeights KernelNumbers::weights() const {
  return {.data = values.data(), .out_stride = terms, .in_stride = taps, .tap_stride = 1};
}

KernelNumbers KernelLessZeros(const PrepareContext& context, const ConvInputs& inputs,
                              const PairConvSizes& sizes) {
  const Tensor& w = context.constants[inputs.kernel];
  const Tensor& zeros = context.constants[inputs.kernel_zero_point];
  const nn::ConvKernelLayout layout(w.shape(), context.attrs);
  KernelNumbers numbers;
  numbers.taps = sizes.rows.taps * sizes.columns.taps;
  numbers.terms = layout.in * numbers.taps;
  numbers.values.resize(sizes.out_channels * numbers.terms);
  for (int64_t o = 0; o < sizes.out_channels; ++o) {
    const int32_t zero = ByteAt(zeros, zeros.num_elements() == 1 ? 0 : o);
    int16_t* const to = numbers.values.data() + o * numbers.terms;
    const std::byte* const from = w.raw_data() + layout.Offset(0, 0, o);
    if (w.dtype() == DType::kInt8) {
      SubtractZero(reinterpret_cast<const int8_t*>(from), layout, numbers, zero, to);
    } else {
      SubtractZero(reinterpret_cast<const uint8_t*>(from), layout, numbers, zero, to);
    }
  }
  return numbers;
}

bool AreWithin(const std::vector<int16_t>& values, int16_t least, int16_t greatest) {
  const int16_t* const data = values.data();
  const auto count = static_cast<int64_t>(values.size());
  int16_t low = least, high = greatest;
#pragma omp simd reduction(min : low) reduction(max : high)
  for (int64_t i = 0; i < count; ++i) {
    low = data[i] < low ? data[i] : low;  // std::min() is not done in vectors
    high = data[i] > high ? data[i] : high;
  }
  return low >= least && high <= greatest;
}

int ProductThreads(const PrepareContext& context, int64_t terms) {
  // Helpers that sleep take some microseconds to wake.
  constexpr int64_t kWorthThreads = 1 << 18;
  return context.outputs[0].shape.num_elements() * terms < kWorthThreads ? 1 : context.threads;
}

PairInput ImageOf(const KernelContext& context, const ConvInputs& inputs, int64_t image) {
  const TensorView& x = context.input_view(inputs.x);
  const Shape& shape = context.input_shape(inputs.x);
  return {.data = x.data + image * (shape.num_elements() / shape[0]),
          .is_signed = x.dtype == DType::kInt8,
          .zero_point = OneByte(context.input_view(inputs.x_zero_point))};
}

PairFinish FinishOf(const KernelContext& context, const QuantizedConvInputs& inputs,
                    int64_t out_channels, float* scales, int32_t* biases) {
  const float x_scale = context.input<float>(inputs.x_scale)[0];
  const float y_scale = context.input<float>(inputs.y_scale)[0];
  const auto kernel = context.input<float>(inputs.kernel_scale);
  const bool has_bias = context.has_input(inputs.bias);
  for (int64_t o = 0; o < out_channels; ++o) {
    scales[o] = FiniteScale(x_scale * kernel[kernel.size() == 1 ? 0 : o] / y_scale);
    biases[o] = has_bias ? context.input<int32_t>(inputs.bias)[o] : 0;
  }
  return {.scales = scales,
          .biases = biases,
          .zero_point = OneByte(context.input_view(inputs.y_zero_point)),
          .is_signed = context.output_dtype(0) == DType::kInt8};
}

}  // namespace nomograph::quant
