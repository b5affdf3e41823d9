// nn.AveragePool: the mean of each window, channel by channel.
#include <algorithm>

#include "nomograph/core/op/registry.h"
#include "nomograph/ops/nn/pool/pool.h"
#include "nomograph/ops/nn/pool/pool_gradient.h"
#include "nomograph/ops/nn/pool/pool_planes.h"

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
  const ActivationLayout x(context.input_shape(0), context.attrs()),
      y(context.output_shape(0), context.attrs());
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
  Dispatch(FloatTypes{}, context.input_dtype(0),
           [&]<typename T>() { AveragePoolReference<T>(context, window); });
  return absl::OkStatus();
}

bool BuildAveragePool(onednn::Builder& b) {
  return BuildPool(b, b.context().attrs.Bool("count_include_pad")
                          ? dnnl::algorithm::pooling_avg_include_padding
                          : dnnl::algorithm::pooling_avg_exclude_padding);
}

// Zeros that a node adds count in the mean. Those that the op adds itself must do so, too.
std::optional<Attributes> MeanWithPadding(const InferContext& node, const Padding& padding) {
  const auto window = PoolWindow(node.attrs(), node.shape(0).ToShape());
  if (padding.value != 0 || !window.ok()) return std::nullopt;
  const auto pads = [](const WindowAxis& axis) { return axis.pad_begin != 0 || axis.pad_end != 0; };
  if (!node.attrs().Bool("count_include_pad") &&
      std::any_of(window->begin(), window->end(), pads)) {
    return std::nullopt;
  }
  std::optional<Attributes> attrs = WithPadding(node.attrs(), *window, padding);
  if (attrs) attrs->Set("count_include_pad", true);
  return attrs;
}

std::vector<Example> AveragePoolExamples() {
  return {
      {.name = "2x2, stride 2",
       .attrs = {{"kernel_shape", std::vector<int64_t>{2, 2}},
                 {"strides", std::vector<int64_t>{2, 2}}},
       .inputs = {Tensor::Of<float>({1, 4, 4, 2},
                                    {-3, -3, -2, -3, 2, 0, 2,  -1, -2, 1, -3, 0, -1, 1,  -2, -2,
                                     -1, -2, 3,  1,  3, 0, -1, 2,  -2, 1, 0,  2, -1, -1, 0,  -1})},
       .outputs = {Tensor::Of<float>({1, 2, 2, 2}, {-2.5, -1.25, 0.25, -0.5, 0, 0.5, 0.25, 0})}},
      {.name = "stride 1 unless told otherwise",
       .attrs = {{"kernel_shape", std::vector<int64_t>{2, 2}}},
       .inputs = {Tensor::Of<float>({1, 3, 3, 1}, {-3, -2, 2, 2, -2, -3, -1, -2, -1})},
       .outputs = {Tensor::Of<float>({1, 2, 2, 1}, {-1.25, -1.25, -0.75, -2})}},
      {.name = "same, stride 2: pads at the end only",
       .attrs = {{"kernel_shape", std::vector<int64_t>{2, 2}},
                 {"strides", std::vector<int64_t>{2, 2}},
                 {"padding", "same"}},
       .inputs = {Tensor::Of<float>({1, 3, 4, 1},
                                    {-1, -2, -3, -4, -5, -6, -7, -8, -9, -10, -11, -12})},
       .outputs = {Tensor::Of<float>({1, 2, 2, 1}, {-3.5, -5.5, -9.5, -11.5})}},
      {.name = "same_lower",
       .attrs = {{"kernel_shape", std::vector<int64_t>{2, 2}},
                 {"strides", std::vector<int64_t>{2, 1}},
                 {"padding", "same_lower"}},
       .inputs = {Tensor::Of<float>({1, 3, 4, 1},
                                    {-1, -2, -3, -4, -5, -6, -7, -8, -9, -10, -11, -12})},
       .outputs = {Tensor::Of<float>({1, 2, 4, 1}, {-1, -1.5, -2.5, -3.5, -7, -7.5, -8.5, -9.5})}},
      {.name = "pads and dilation",
       .attrs = {{"kernel_shape", std::vector<int64_t>{2, 2}},
                 {"dilations", std::vector<int64_t>{2, 1}},
                 {"pads", std::vector<int64_t>{1, 0, 0, 1}},
                 {"padding", "explicit"}},
       .inputs = {Tensor::Of<float>(
           {1, 5, 4, 1}, {-3.75, -2.75, 2,     1.75, -1.75, -3,    -0.75, -2.5,  -1.5, 3.25,
                          3,     -0.5,  -1.75, 0.5,  -1.25, -0.25, -2.5,  -2.75, 0.75, -0.5})},
       .outputs = {Tensor::Of<float>(
           {1, 4, 4, 1}, {-2.375, -1.875, -1.625, -2.5, -1.1875, 1.375, 1.5625, 0.625, -1.5, -1.125,
                          -1.1875, -1.375, -0.875, 1.0625, 0.6875, -0.5})}},
      {.name = "ceil_mode",
       .attrs = {{"kernel_shape", std::vector<int64_t>{2, 3}},
                 {"strides", std::vector<int64_t>{2, 3}},
                 {"ceil_mode", true}},
       .inputs = {Tensor::Of<float>(
           {1, 5, 4, 1}, {-3.75, -2.75, 2,     1.75, -1.75, -3,    -0.75, -2.5,  -1.5, 3.25,
                          3,     -0.5,  -1.75, 0.5,  -1.25, -0.25, -2.5,  -2.75, 0.75, -0.5})},
       .outputs = {Tensor::Of<float>({1, 3, 2, 1},
                                     {-1.66666663, -0.375, 0.375, -0.375, -1.5, -0.5})}},
      {.name = "ceil_mode: no window begins in the padding",
       .attrs = {{"kernel_shape", std::vector<int64_t>{2, 2}},
                 {"strides", std::vector<int64_t>{2, 3}},
                 {"pads", std::vector<int64_t>{0, 0, 1, 1}},
                 {"padding", "explicit"},
                 {"ceil_mode", true}},
       .inputs = {Tensor::Of<float>(
           {1, 5, 4, 1}, {-3.75, -2.75, 2,     1.75, -1.75, -3,    -0.75, -2.5,  -1.5, 3.25,
                          3,     -0.5,  -1.75, 0.5,  -1.25, -0.25, -2.5,  -2.75, 0.75, -0.5})},
       .outputs = {Tensor::Of<float>({1, 3, 2, 1},
                                     {-2.8125, -0.375, 0.125, -0.375, -2.625, -0.5})}},
      {.name = "a window of padding only",
       .attrs = {{"kernel_shape", std::vector<int64_t>{1}},
                 {"pads", std::vector<int64_t>{1, 0}},
                 {"padding", "explicit"}},
       .inputs = {Tensor::Of<float>({1, 2, 1}, {1, 2})},
       .outputs = {Tensor::Of<float>({1, 3, 1}, {0, 1, 2})}},
      {.name = "1-D, ONNX",
       .attrs = {{"kernel_shape", std::vector<int64_t>{3}}, {"data_format", "channels_first"}},
       .inputs = {Tensor::Of<float>({2, 2, 4},
                                    {-3, -2, 2, 2, -2, -3, -1, -2, -1, 3, 3, -1, -2, 0, -1, 0})},
       .outputs = {Tensor::Of<float>(
           {2, 2, 2}, {-1, 0.666666687, -2, -2, 1.66666663, 1.66666663, -1, -0.333333343})}},
      {.name = "3-D",
       .attrs = {{"kernel_shape", std::vector<int64_t>{2, 2, 2}}},
       .inputs = {Tensor::Of<float>({1, 2, 3, 2, 1}, {-3, -2, 2, 2, -2, -3, -1, -2, -1, 3, 3, -1})},
       .outputs = {Tensor::Of<float>({1, 1, 2, 1, 1}, {-0.25, 0.375})}},
      {.name = "padding counts",
       .attrs = {{"kernel_shape", std::vector<int64_t>{3, 3}},
                 {"strides", std::vector<int64_t>{2, 1}},
                 {"pads", std::vector<int64_t>{1, 1, 1, 1}},
                 {"padding", "explicit"},
                 {"count_include_pad", true}},
       .inputs = {Tensor::Of<float>(
           {1, 5, 4, 1}, {-3.75, -2.75, 2,     1.75, -1.75, -3,    -0.75, -2.5,  -1.5, 3.25,
                          3,     -0.5,  -1.75, 0.5,  -1.25, -0.25, -2.5,  -2.75, 0.75, -0.5})},
       .outputs = {Tensor::Of<float>(
           {1, 3, 4, 1},
           {-1.25, -1.11111116, -0.583333313, 0.055555556, -0.472222209, -0.361111104, -0.166666672,
            -0.25, -0.722222209, -0.777777791, -0.388888896, -0.138888896})}},
      {.name = "padding counts, but not what ceil_mode adds",
       .attrs = {{"kernel_shape", std::vector<int64_t>{3, 3}},
                 {"strides", std::vector<int64_t>{3, 2}},
                 {"pads", std::vector<int64_t>{1, 0, 1, 0}},
                 {"padding", "explicit"},
                 {"ceil_mode", true},
                 {"count_include_pad", true}},
       .inputs = {Tensor::Of<float>(
           {1, 5, 4, 1}, {-3.75, -2.75, 2,     1.75, -1.75, -3,    -0.75, -2.5,  -1.5, 3.25,
                          3,     -0.5,  -1.75, 0.5,  -1.25, -0.25, -2.5,  -2.75, 0.75, -0.5})},
       .outputs = {Tensor::Of<float>({1, 2, 2, 1},
                                     {-1.11111116, 0.0833333358, -0.25, 0.208333328})}},
      {.name = "float64",
       .attrs = {{"kernel_shape", std::vector<int64_t>{2}}},
       .inputs = {Tensor::Of<double>(
           {1, 4, 1}, {-1, -0.66666666666666663, 0.66666666666666663, 0.66666666666666663})},
       .outputs = {Tensor::Of<double>({1, 3, 1}, {-0.83333333333333326, 0, 0.66666666666666663})}},
  };
}

NOMO_REGISTER_OP(
    WithPoolWindow(
        OpDef("nn.AveragePool", 1)
            .Doc("The mean of each window, channel by channel.\n\n"
                 "y[n, p, c] = sum over taps t of x[n, p * strides + t * dilations - pads, c] / "
                 "count, where x is 0 outside and count is the number of taps that meet x, or, "
                 "with count_include_pad, x or its padding. Without strides windows move by 1, as "
                 "in ONNX (Keras' layers move them by their size and say so here). A window that "
                 "meets only padding yields 0. It is an error when the window is larger than the "
                 "padded input.")
            .Source("ONNX AveragePool; Keras AveragePooling1D, AveragePooling2D, AveragePooling3D")
            .TypeVar("T", kFloats)
            .Input("x", "T", "[batch, spatial..., channels], see data_format")
            .Output("y", "T", "like x with other spatial sizes")
            .Attr("count_include_pad", false,
                  "whether padding counts in the mean; what ceil_mode adds behind it never does"))
        .Infer(InferAveragePool)
        .Reference(AveragePoolCompute)
        .AbsorbsPadding(MeanWithPadding)
        .Fast(PrepareMeanPlanes)
        .Fast(onednn::Prepare(BuildAveragePool))
        .Work(AllCombinationsWork)
        .Gradient([](const GradientContext& g) -> absl::StatusOr<std::vector<Value>> {
          return std::vector<Value>{
              Call("nn.AveragePoolGrad", {g.gradient(0), g.input(0)}, g.attrs())};
        })
        .Examples(AveragePoolExamples));

}  // namespace
}  // namespace nomograph::nn
