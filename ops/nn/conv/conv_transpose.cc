// nn.ConvTranspose: transposed convolution over 1 to 3 spatial axes.
#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <vector>

#include "absl/strings/match.h"
#include "nomograph/core/form/form.h"
#include "nomograph/core/narrow/bfloat16_product.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/math/bfloat16_kernel.h"
#include "nomograph/ops/nn/conv/conv_gradient.h"
#include "nomograph/ops/nn/conv/conv_kernel.h"
#include "nomograph/ops/nn/conv/conv_primitive.h"
#include "nomograph/ops/nn/conv/transposed_kernel.h"
#include "nomograph/ops/nn/vector_input.h"
#include "nomograph/ops/nn/window.h"

namespace nomograph::nn {
namespace {

// The output's channels, given those that the kernel has for a group.
absl::StatusOr<Dim> OutputChannels(const Dim& group_out, int64_t groups) {
  if (!group_out.known()) return groups == 1 ? group_out : Dim();
  NOMO_ASSIGN_OR_RETURN(const int64_t channels,
                        (Shape{group_out.size(), groups}.CheckedNumElements()));
  return Dim(channels);
}

absl::StatusOr<std::vector<TensorType>> InferConvTranspose(const InferContext& context) {
  if (!context.shape(0).has_rank())
    return std::vector<TensorType>{{context.dtype(0), PartialShape()}};
  NOMO_ASSIGN_OR_RETURN(const Activation x, SplitActivation(context.shape(0), context.attrs()));
  NOMO_ASSIGN_OR_RETURN(const ConvKernelShape kernel, SplitConvKernel(context, x));
  const int64_t groups = context.attrs().Int("groups");
  if (kernel.in.known() && kernel.in.size() % groups != 0) {
    return InvalidArgument("input kernel: expected a multiple of ", groups,
                           " (groups) input channels, found ", kernel.in.size());
  }
  NOMO_RETURN_IF_ERROR(CheckInputChannels(x.channels, kernel.in, 1));
  NOMO_ASSIGN_OR_RETURN(const Dim out, OutputChannels(kernel.out, groups));
  NOMO_RETURN_IF_ERROR(CheckVectorInput(context, 2, "bias", out));
  NOMO_ASSIGN_OR_RETURN(const Window window,
                        GetTransposedWindow(context.attrs(), x.spatial, kernel.spatial));
  const Activation y{x.batch, out, OutputSizes(window)};
  return std::vector<TensorType>{{context.dtype(0), JoinActivation(y, context.attrs())}};
}

template <typename T>
void ConvTransposeReference(const KernelContext& context, const Window& window) {
  const Attributes& attrs = context.attrs();
  const ActivationLayout x(context.input_shape(0), attrs), y(context.output_shape(0), attrs);
  const ConvKernelLayout kernel(context.input_shape(1), attrs);
  const auto in = context.input<T>(0);
  const auto weights = context.input<T>(1);
  const auto out = context.output<T>(0);
  const int64_t group_in = x.channels / attrs.Int("groups");
  const Taps taps(window, /*transposed=*/true);
  for (int64_t n = 0; n < y.batches; ++n) {
    for (int64_t o = 0; o < y.channels; ++o) {
      const int64_t first_channel = o / kernel.out * group_in;
      const double bias = context.has_input(2) ? static_cast<double>(context.input<T>(2)[o]) : 0.0;
      int64_t y_offset = y.Offset(n, o);
      ForEachIndex(taps.output_sizes(), [&](const Index3& at) {
        double sum = bias;
        taps.ForEach(at, [&](int64_t tap, int64_t position) {
          for (int64_t i = first_channel; i < first_channel + group_in; ++i) {
            const int64_t x_offset = x.Offset(n, i) + position * x.position_stride;
            sum += static_cast<double>(in[x_offset]) *
                   static_cast<double>(weights[kernel.Offset(tap, i, o % kernel.out)]);
          }
        });
        out[y_offset] = static_cast<T>(sum);
        y_offset += y.position_stride;
      });
    }
  }
}

absl::StatusOr<Window> ConcreteWindow(const Attributes& attrs, const Shape& x,
                                      const Shape& kernel) {
  NOMO_ASSIGN_OR_RETURN(const Activation activation, SplitActivation(x, attrs));
  return GetTransposedWindow(attrs, activation.spatial, ConvKernelSpatial(kernel, attrs));
}

absl::StatusOr<Window> WindowOfNode(const PrepareContext& context) {
  return ConcreteWindow(context.attrs, context.inputs[0].shape, context.inputs[1].shape);
}

absl::Status ConvTransposeCompute(KernelContext& context) {
  NOMO_ASSIGN_OR_RETURN(const Window window, ConcreteWindow(context.attrs(), context.input_shape(0),
                                                            context.input_shape(1)));
  Dispatch(FloatTypes{}, context.input_dtype(0),
           [&]<typename T>() { ConvTransposeReference<T>(context, window); });
  return absl::OkStatus();
}

// Whether each input pixel becomes a tile of the output, and nothing else is in it. Of float32: the
// copy that puts the tiles in place is made for it.
bool MakesTiles(const onednn::Builder& b, const Window& window) {
  const PrepareContext& context = b.context();
  const bool bias_known = !context.has_input(2) || b.is_constant(2);
  return bias_known && context.attrs.Int("groups") == 1 &&
         context.inputs[0].dtype == DType::kFloat32 &&
         std::all_of(window.begin(), window.end(), [](const WindowAxis& axis) {
           return axis.kernel == Dim(axis.stride) && axis.dilation == 1 && axis.pad_begin == 0 &&
                  axis.output.size() == axis.input.size() * axis.stride;
         });
}

// A pointwise convolution computes the tiles, with a channel for each output channel and tap, and a
// copy puts them in place. oneDNN's loops for deconvolution are slower with few channels, many
// times with 24 of them, and in bfloat16 yet more. REQUIRES: MakesTiles().
bool BuildTiles(onednn::Builder& b, const ConvTensors& tensors, const Window& window) {
  using Dims = dnnl::memory::dims;
  constexpr auto kFloat = dnnl::memory::data_type::f32;
  const PrepareContext& context = b.context();
  if (!ProductTakes(context.post_ops)) return false;
  const ConvKernelLayout kernel(context.inputs[1].shape, context.attrs);
  const Dims x = onednn::DimsOf(tensors.src.desc), y = onednn::DimsOf(tensors.dst.desc);
  const int64_t batch = x[0], in = x[1], out = y[1];
  int64_t positions = 1, taps = 1;
  for (const WindowAxis& axis : window) {
    positions *= axis.input.size();
    taps *= axis.stride;
  }
  const int64_t rows = out * taps;  // channels of the convolution, in the kernel's order
  // To round the input and to store pixel after pixel takes as long as to compute few channels.
  constexpr int64_t kManyRows = 64;
  const bool rounds = RoundsFactors(context) && TakesForm(kRoundingForm, rows >= kManyRows);
  const int64_t out_step = kernel.tap_stride < kernel.out_stride ? taps : 1;
  const int64_t tap_step = out_step == 1 ? out : 1;
  const bool last = IsChannelsLast(context.attrs), tiles_last = last || rounds;
  const auto pixels = [&](int64_t channels, bool channels_last) {
    return channels_last
               ? onednn::Permuted(DType::kFloat32, {batch, positions, 1, channels}, {{0, 3, 1, 2}})
               : onednn::RowMajor(DType::kFloat32, {batch, channels, positions, 1});
  };
  const onednn::Desc source = pixels(in, last), tiles = pixels(rows, tiles_last);
  const onednn::Desc matrix(
      Dims{rows, in, 1, 1}, kFloat,
      Dims{std::min(kernel.tap_stride, kernel.out_stride), kernel.in_stride, 1, 1});

  if (!b.PostNodeOps(tensors.axes)) return false;
  onednn::Desc bias;
  if (context.has_input(2)) bias = onednn::RowMajor(DType::kFloat32, {rows});
  const DType factors = rounds ? DType::kBFloat16 : DType::kFloat32;
  const auto pd = onednn::Describe<dnnl::convolution_forward>(
      b.Attr(), dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct,
      rounds ? onednn::AnyFormat(factors, {batch, in, positions, 1}) : source,
      onednn::AnyFormat(factors, {rows, in, 1, 1}), bias, tiles, Dims{1, 1}, Dims{0, 0},
      Dims{0, 0});
  const auto computed = b.Scratch(tiles);
  std::vector<onednn::Builder::Argument> arguments = {
      {DNNL_ARG_SRC, b.Reordered(b.Input(0, source), pd.src_desc())},
      {DNNL_ARG_WEIGHTS, b.Reordered(b.Input(1, matrix), pd.weights_desc())},
      {DNNL_ARG_DST, computed}};
  if (context.has_input(2)) {
    const auto values = context.constants[2].data<float>();
    std::vector<float> repeated(rows);
    for (int64_t row = 0; row < rows; ++row) repeated[row] = values[row / out_step % out];
    arguments.emplace_back(DNNL_ARG_BIAS, b.Constant(bias, Tensor::Of<float>({rows}, repeated)));
  }
  b.Add<dnnl::convolution_forward>(pd, std::move(arguments));

  // The copy, with the axes batch, out, taps…, positions….
  const int64_t row_stride = tiles_last ? 1 : positions, position_stride = tiles_last ? rows : 1;
  const auto strides = context.outputs[0].shape.Strides();
  Dims dims = {batch, out}, from = {rows * positions, out_step * row_stride};
  Dims to = {strides[tensors.axes[0]], strides[tensors.axes[1]]};
  const auto append = [&](bool of_taps, int64_t step) {
    int64_t count = of_taps ? taps : positions;
    for (size_t i = 0; i < window.size(); ++i) {
      dims.push_back(of_taps ? window[i].stride : window[i].input.size());
      count /= dims.back();
      from.push_back(count * step);
      to.push_back(strides[tensors.axes[2 + i]] * (of_taps ? 1 : window[i].stride));
    }
  };
  append(/*of_taps=*/true, tap_step * row_stride);
  append(/*of_taps=*/false, position_stride);
  b.Copy(b.Alias(computed, {dims, kFloat, from}), b.Output(0, onednn::Desc(dims, kFloat, to)));
  return true;
}

bool HasFiniteKernel(const PrepareContext& context) {
  if (context.constants.size() < 2) return false;
  const Tensor& kernel = context.constants[1];
  if (!kernel.valid() || kernel.dtype() != DType::kFloat32) return false;
  const auto weights = kernel.data<float>();
  return std::all_of(weights.begin(), weights.end(), [](float w) { return std::isfinite(w); });
}

// Whether something else lies between images, as where they are some channels of larger ones.
// oneDNN's reference takes none of that into account where it adds a bias.
bool HasGaps(const onednn::Desc& y) {
  const auto dims = onednn::DimsOf(y);
  return y.get_size() > sizeof(float) * std::accumulate(dims.begin(), dims.end(), size_t{1},
                                                        std::multiplies<size_t>());
}

bool BuildConvTranspose(onednn::Builder& b) {
  const PrepareContext& context = b.context();
  if (!onednn::MultipliesInputs(context)) return false;
  const Shape& x = context.inputs[0].shape;
  const auto window = ConcreteWindow(context.attrs, x, context.inputs[1].shape);
  if (!window.ok() || !FitsIn32Bits(*window)) return false;
  const ConvTensors tensors = DescribeConv(context, *window);
  if (MakesTiles(b, *window)) return !b.IsPart() && BuildTiles(b, tensors, *window);
  WindowDims dims(*window);
  SetTransposedPadsEnd(*window, dims);
  return AddConv<dnnl::deconvolution_forward>(
      b, tensors,
      [&](const onednn::Desc& src, const onednn::Desc& weights, const onednn::Desc& bias,
          const onednn::Desc& dst, const dnnl::primitive_attr& attr) {
        auto pd = onednn::Describe<dnnl::deconvolution_forward>(
            attr, dnnl::prop_kind::forward_inference, dnnl::algorithm::deconvolution_direct, src,
            weights, bias, dst, dims.strides, dims.dilations, dims.pads_begin, dims.pads_end);
        if (onednn::MultipliesAbsentInputs(pd) && !HasFiniteKernel(context)) {
          throw dnnl::error(dnnl_unimplemented, "NaN in the kernel would spread");
        }
        if (absl::StrContains(pd.impl_info_str(), "ref") && HasGaps(dst)) {
          throw dnnl::error(dnnl_unimplemented, "it would be written as if there were no gaps");
        }
        return pd;
      },
      [] { return true; });
}

std::vector<Example> ConvTransposeExamples() {
  return {
      {.name = "2x2, stride 2",
       .attrs = {{"strides", std::vector<int64_t>{2, 2}}},
       .inputs = {Tensor::Of<float>({1, 2, 2, 1}, {1, 2, 3, 4}),
                  Tensor::Of<float>({2, 2, 1, 1}, {-1, 3, 3, -1})},
       .outputs = {Tensor::Of<float>({1, 4, 4, 1},
                                     {-1, 3, -2, 6, 3, -1, 6, -2, -3, 9, -4, 12, 9, -3, 12, -4})}},
      {.name = "overlapping, with bias",
       .inputs = {Tensor::Of<float>({1, 2, 2, 2}, {-3, -2, -2, -3, 2, -1, 2, -2}),
                  Tensor::Of<float>({3, 3, 1, 2},
                                    {-3, 1, -3, 0, 0, 2, -1, 1, 1, 2, 0, -1, 1, -1, -2, 2, -2, 1}),
                  Tensor::Of<float>({1}, {0.5})},
       .outputs = {Tensor::Of<float>(
           {1, 4, 4, 1}, {7.5, 12.5, 2.5, -5.5, -5.5, -21.5, -13.5, -0.5, -3.5, -0.5, 1.5, 3.5, 3.5,
                          -1.5, -12.5, -5.5})}},
      {.name = "same, stride 2",
       .attrs = {{"strides", std::vector<int64_t>{2, 2}}, {"padding", "same"}},
       .inputs = {Tensor::Of<float>({1, 2, 3, 1}, {-3, -2, 2, 2, -2, -3}),
                  Tensor::Of<float>({3, 3, 2, 1}, {-1, -3, 3, 0, 3, -1, -1, 1, -2, 0, 0, 1, -1, -2,
                                                   0, -2, -3, 1})},
       .outputs = {Tensor::Of<float>(
           {1, 4, 6, 2},
           {3, 9, -9, 0,  -7, 9,  -6, 0, -8, -4, 6,  0,  3, -3, 6, 0, 2, -5, 4, 0, -2, 0, -4, 0, 1,
            0, 6, 6,  19, 5,  -6, 4,  1, 5,  -9, -4, -2, 2, -4, 0, 2, 0, 4,  0, 3, -5, 6, 0})}},
      {.name = "same_lower, stride 2",
       .attrs = {{"strides", std::vector<int64_t>{2}}, {"padding", "same_lower"}},
       .inputs = {Tensor::Of<float>({1, 3, 1}, {-3, -2, 2}),
                  Tensor::Of<float>({3, 1, 1}, {-1, 3, 3})},
       .outputs = {Tensor::Of<float>({1, 6, 1}, {-9, -7, -6, -8, 6, 6})}},
      {.name = "kernel smaller than the stride",
       .attrs = {{"strides", std::vector<int64_t>{3}}, {"output_padding", std::vector<int64_t>{2}}},
       .inputs = {Tensor::Of<float>({1, 3, 1}, {-3, -2, 2}), Tensor::Of<float>({1, 1, 1}, {-1}),
                  Tensor::Of<float>({1}, {1})},
       .outputs = {Tensor::Of<float>({1, 9, 1}, {4, 1, 1, 3, 1, 1, -1, 1, 1})}},
      {.name = "same, kernel smaller than the stride",
       .attrs = {{"strides", std::vector<int64_t>{3}}, {"padding", "same"}},
       .inputs = {Tensor::Of<float>({1, 2, 1}, {-3, -2}), Tensor::Of<float>({2, 1, 1}, {-1, 3})},
       .outputs = {Tensor::Of<float>({1, 6, 1}, {3, -9, 0, 2, -6, 0})}},
      {.name = "pads, dilation, groups, as ONNX lays them out",
       .attrs = {{"strides", std::vector<int64_t>{2, 1}},
                 {"dilations", std::vector<int64_t>{1, 2}},
                 {"pads", std::vector<int64_t>{1, 0, 0, 1}},
                 {"padding", "explicit"},
                 {"groups", 2},
                 {"data_format", "channels_first"},
                 {"kernel_layout", "IOHW"}},
       .inputs = {Tensor::Of<float>({1, 4, 2, 3}, {-3, -2, 2,  2, -2, -3, -1, -2, -1, 3, 3, -1,
                                                   -2, 0,  -1, 0, -3, -3, 0,  -1, 1,  0, 1, -2}),
                  Tensor::Of<float>({4, 1, 2, 2},
                                    {-2, 1, 0, 2, 1, 2, -1, -1, 2, 1, 3, 2, 3, 0, 0, 3}),
                  Tensor::Of<float>({2}, {-3, -2})},
       .outputs = {Tensor::Of<float>({1, 2, 3, 4},
                                     {-2, -1, -7, -5, -4, 4,  10,  1,  -6, -6,  -1,  -10,
                                      -8, -2, -9, -5, -2, -5, -14, -5, -2, -11, -11, -5})}},
      {.name = "output_shape",
       .attrs = {{"strides", std::vector<int64_t>{2}},
                 {"output_shape", std::vector<int64_t>{5}},
                 {"padding", "explicit"}},
       .inputs = {Tensor::Of<float>({1, 3, 1}, {-3, -2, 2}),
                  Tensor::Of<float>({4, 1, 1}, {-3, -3, 0, -1})},
       .outputs = {Tensor::Of<float>({1, 5, 1}, {6, 9, -6, -4, 0})}},
      {.name = "output_shape past the taps",
       .attrs = {{"strides", std::vector<int64_t>{2}},
                 {"output_shape", std::vector<int64_t>{6}},
                 {"padding", "same"}},
       .inputs = {Tensor::Of<float>({1, 2, 1}, {-3, -2}), Tensor::Of<float>({2, 1, 1}, {-3, -3}),
                  Tensor::Of<float>({1}, {2})},
       .outputs = {Tensor::Of<float>({1, 6, 1}, {11, 11, 8, 8, 2, 2})}},
      {.name = "output_shape, valid",
       .attrs = {{"strides", std::vector<int64_t>{2}}, {"output_shape", std::vector<int64_t>{6}}},
       .inputs = {Tensor::Of<float>({1, 3, 1}, {-3, -2, 2}),
                  Tensor::Of<float>({4, 1, 1}, {-3, -3, 0, -1})},
       .outputs = {Tensor::Of<float>({1, 6, 1}, {9, 9, 6, 9, -6, -4})}},
      {.name = "3-D",
       .attrs = {{"strides", std::vector<int64_t>{1, 2, 1}}},
       .inputs = {Tensor::Of<float>({1, 1, 2, 2, 1}, {-3, -2, 2, 2}),
                  Tensor::Of<float>({2, 2, 2, 1, 1}, {2, 1, 3, 2, 3, 0, 0, 3})},
       .outputs = {Tensor::Of<float>(
           {1, 2, 4, 3, 1},
           {-6, -7, -2, -9, -12, -4, 4, 6, 2, 6, 10, 4, -9, -6, 0, 0, -9, -6, 6, 6, 0, 0, 6, 6})}},
      {.name = "float64",
       .inputs = {Tensor::Of<double>({1, 2, 1}, {-3, -2}), Tensor::Of<double>({2, 1, 1}, {-1, 3})},
       .outputs = {Tensor::Of<double>({1, 3, 1}, {3, -7, -6})}},
  };
}

}  // namespace

OpDef WithConvTransposeAttributes(OpDef op) {
  op.Attr("groups", 1, "the number of groups; it divides the input and the output channels")
      .Min(1)
      .Attr("kernel_layout", "HWOI",
            "\"HWOI\": [spatial..., out / groups, in]; \"IOHW\": [in, out / groups, "
            "spatial...]")
      .Choices({"HWOI", "IOHW"})
      .Attr("output_padding", std::vector<int64_t>{},
            "elements added to the full size of each spatial axis; none given: 0")
      .Min(0)
      .Max(2147483647)
      .Attr("output_shape", std::vector<int64_t>{},
            "the output's spatial sizes; not together with pads")
      .Min(0)
      .Max(2147483647);
  return WithWindow(std::move(op));
}

const ConvOp& TransposedConv() {
  static const ConvOp& conv = *new ConvOp{.name = "nn.ConvTranspose",
                                          .transposed = true,
                                          .infer = InferConvTranspose,
                                          .window = ConcreteWindow};
  return conv;
}

NOMO_REGISTER_OP(
    WithConvTransposeAttributes(
        OpDef("nn.ConvTranspose", 1)
            .Doc("Transposed convolution (also called deconvolution) over 1, 2 or 3 spatial axes, "
                 "the gradient of a convolution with respect to its input:\n\n"
                 "y[n, q, o] = bias[o] + sum over taps t, input channels i and positions p with p "
                 "* strides + t * dilations - pads = q of x[n, p, i] * kernel[t, o, i].\n\n"
                 "Without padding the output has full = (input - 1) * stride + (kernel - 1) * "
                 "dilation + 1 + output_padding elements along each axis, the last output_padding "
                 "of them without any tap. Padding crops it: \"valid\" not at all; \"explicit\" by "
                 "pads; \"same\" and \"same_lower\" to input * stride. output_shape names the "
                 "sizes instead; then \"valid\" crops at the end only, \"same\" on both sides with "
                 "an odd one at the end, \"same_lower\" and \"explicit\" with an odd one at the "
                 "beginning. What exceeds the full size is at the end and holds the bias.\n\n"
                 "Keras' Conv2DTranspose with padding \"valid\" has at least input * stride "
                 "elements: where the kernel is smaller than the stride, give output_padding = "
                 "stride - kernel. It is an error when the channels of x, kernel and bias do not "
                 "fit each other, or the padding exceeds the full size.")
            .Source("ONNX ConvTranspose; Keras Conv2DTranspose, Conv3DTranspose")
            .TypeVar("T", kFloats)
            .Input("x", "T", "[batch, spatial..., in], see data_format")
            .Input("kernel", "T", "[spatial..., out / groups, in], see kernel_layout")
            .OptionalInput("bias", "T", "[out]")
            .Output("y", "T", "[batch, spatial..., out], see data_format"))
        .Infer(InferConvTranspose)
        .Reference(ConvTransposeCompute)
        .Fast(FastTransposed(ConvDirection::kTransposed, WindowOfNode))
        .Fast(onednn::FastInParts(BuildConvTranspose))
        .AbsorbsAffine(AbsorbAffine)
        .ScalesByChannel(ConvChannelAxes)
        .Gradient(ConvGradient(TransposedConv()))
        .InLowPrecision(LowPrecision::kGains)
        .Work(WeightedWork)
        .Examples(ConvTransposeExamples));

}  // namespace nomograph::nn
