#include <algorithm>

#include "nomograph/core/registry.h"
#include "nomograph/ops/nn/pool.h"

namespace nomograph::nn {
namespace {

absl::StatusOr<std::vector<TensorType>> InferAveragePool(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(const PartialShape shape, InferPooled(context));
  return std::vector<TensorType>{{context.dtype(0), shape}};
}

// The taps of the window at `at` that meet the input or its padding.
int64_t TapsInPaddedInput(const Window& window, const Index3& at) {
  int64_t count = 1;
  for (size_t i = 0; i < window.size(); ++i) {
    const WindowAxis& axis = window[i];
    const int64_t first = at[3 - window.size() + i] * axis.stride;
    const int64_t end = axis.input.size() + axis.pad_begin + axis.pad_end;
    count *= std::min(axis.kernel.size(), (end - first + axis.dilation - 1) / axis.dilation);
  }
  return count;
}

template <typename T>
void AveragePoolReference(const KernelContext& context, const Window& window) {
  const bool count_padding = context.attrs().Bool("count_include_pad");
  const ActivationLayout x(context.input_shape(0), context.attrs()), y(context.output_shape(0), context.attrs());
  const auto in = context.input<T>(0);
  const auto out = context.output<T>(0);
  const Taps taps(window);
  for (int64_t n = 0; n < y.batches; ++n) {
    for (int64_t c = 0; c < y.channels; ++c) {
      int64_t y_offset = y.Offset(n, c);
      ForEachIndex(taps.output_sizes(), [&](const Index3& at) {
        double sum = 0;
        int64_t count = 0;
        taps.ForEach(at, [&](int64_t, int64_t position) {
          sum += static_cast<double>(in[x.Offset(n, c) + position * x.position_stride]);
          ++count;
        });
        if (count_padding) count = TapsInPaddedInput(window, at);
        out[y_offset] = static_cast<T>(sum / static_cast<double>(std::max<int64_t>(count, 1)));
        y_offset += y.position_stride;
      });
    }
  }
}

absl::Status AveragePoolCompute(KernelContext& context) {
  NOMO_ASSIGN_OR_RETURN(const Window window, PoolWindow(context.attrs(), context.input_shape(0)));
  Dispatch(FloatTypes{}, context.input_dtype(0), [&]<typename T>() { AveragePoolReference<T>(context, window); });
  return absl::OkStatus();
}

bool BuildAveragePool(onednn::Builder& b) {
  return BuildPool(b, b.context().attrs.Bool("count_include_pad") ? dnnl::algorithm::pooling_avg_include_padding
                                                                  : dnnl::algorithm::pooling_avg_exclude_padding);
}

NOMO_REGISTER_OP(
    WithPoolWindow(
        OpDef("nn.AveragePool", 1)
            .Doc("The mean of each window, channel by channel.\n\n"
                 "y[n, p, c] = sum over taps t of x[n, p * strides + t * dilations - pads, c] / count, where x is 0 "
                 "outside and count is the number of taps that meet x, or, with count_include_pad, x or its padding. "
                 "Without strides windows move by 1, as in ONNX (Keras' layers move them by their size and say so here). "
                 "A window that meets only padding yields 0. It is an error when the window is larger than the padded "
                 "input.")
            .Source("ONNX AveragePool; Keras AveragePooling1D, AveragePooling2D, AveragePooling3D")
            .TypeVar("T", kFloats)
            .Input("x", "T", "[batch, spatial..., channels], see data_format")
            .Output("y", "T", "like x with other spatial sizes")
            .Attr("count_include_pad", false,
                  "whether padding counts in the mean; what ceil_mode adds behind it never does"))
        .Infer(InferAveragePool)
        .Reference(AveragePoolCompute)
        .Fast(onednn::Prepare(BuildAveragePool))
        .BatchInputs({0}));

}  // namespace
}  // namespace nomograph::nn
