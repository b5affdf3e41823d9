// nn.Conv: convolution over 1 to 3 spatial axes, grouped and depthwise too.
#include "absl/strings/match.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/vector/vector_target.h"
#include "nomograph/ops/math/bfloat16_kernel.h"
#include "nomograph/ops/math/packed_kernel.h"
#include "nomograph/ops/nn/conv/conv_gradient.h"
#include "nomograph/ops/nn/conv/conv_kernel.h"
#include "nomograph/ops/nn/conv/conv_primitive.h"
#include "nomograph/ops/nn/conv/depthwise_kernel.h"
#include "nomograph/ops/nn/conv/direct_kernel.h"
#include "nomograph/ops/nn/conv/pointwise.h"
#include "nomograph/ops/nn/conv/tap_kernel.h"
#include "nomograph/ops/nn/conv/transposed_kernel.h"
#include "nomograph/ops/nn/conv/winograd_kernel.h"
#include "nomograph/ops/nn/vector_input.h"
#include "nomograph/ops/nn/window.h"

namespace nomograph::nn {
namespace {

absl::StatusOr<std::vector<TensorType>> InferConv(const InferContext& context) {
  if (!context.shape(0).has_rank())
    return std::vector<TensorType>{{context.dtype(0), PartialShape()}};
  NOMO_ASSIGN_OR_RETURN(const Activation x, SplitActivation(context.shape(0), context.attrs()));
  NOMO_ASSIGN_OR_RETURN(const ConvKernelShape kernel, SplitConvKernel(context, x));
  const int64_t groups = context.attrs().Int("groups");
  if (kernel.out.known() && kernel.out.size() % groups != 0) {
    return InvalidArgument("input kernel: expected a multiple of ", groups,
                           " (groups) output channels, found ", kernel.out.size());
  }
  NOMO_RETURN_IF_ERROR(CheckInputChannels(x.channels, kernel.in, groups));
  NOMO_RETURN_IF_ERROR(CheckVectorInput(context, 2, "bias", kernel.out));
  NOMO_ASSIGN_OR_RETURN(const Window window, GetWindow(context.attrs(), x.spatial, kernel.spatial));
  const Activation y{x.batch, kernel.out, OutputSizes(window)};
  return std::vector<TensorType>{{context.dtype(0), JoinActivation(y, context.attrs())}};
}

template <typename T>
void ConvReference(const KernelContext& context, const Window& window) {
  const Attributes& attrs = context.attrs();
  const ActivationLayout x(context.input_shape(0), attrs), y(context.output_shape(0), attrs);
  const ConvKernelLayout kernel(context.input_shape(1), attrs);
  const auto in = context.input<T>(0);
  const auto weights = context.input<T>(1);
  const auto out = context.output<T>(0);
  const int64_t group_out = y.channels / attrs.Int("groups");
  const Taps taps(window);
  for (int64_t n = 0; n < y.batches; ++n) {
    for (int64_t o = 0; o < y.channels; ++o) {
      const int64_t first_channel = o / group_out * kernel.in;
      const double bias = context.has_input(2) ? static_cast<double>(context.input<T>(2)[o]) : 0.0;
      int64_t y_offset = y.Offset(n, o);
      ForEachIndex(taps.output_sizes(), [&](const Index3& at) {
        double sum = bias;
        taps.ForEach(at, [&](int64_t tap, int64_t position) {
          for (int64_t i = 0; i < kernel.in; ++i) {
            const int64_t x_offset = x.Offset(n, first_channel + i) + position * x.position_stride;
            sum += static_cast<double>(in[x_offset]) *
                   static_cast<double>(weights[kernel.Offset(tap, i, o)]);
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
  return GetWindow(attrs, activation.spatial, ConvKernelSpatial(kernel, attrs));
}

absl::Status ConvCompute(KernelContext& context) {
  NOMO_ASSIGN_OR_RETURN(const Window window, ConcreteWindow(context.attrs(), context.input_shape(0),
                                                            context.input_shape(1)));
  Dispatch(FloatTypes{}, context.input_dtype(0),
           [&]<typename T>() { ConvReference<T>(context, window); });
  return absl::OkStatus();
}

absl::StatusOr<Window> WindowOfNode(const PrepareContext& context) {
  return ConcreteWindow(context.attrs, context.inputs[0].shape, context.inputs[1].shape);
}

// A pointwise convolution is a product of its kernel with the pixels as they lie; another one,
// where the planes of the channels lie together, with what is under the window at each place.
std::optional<PackedNode> DescribeProduct(const PrepareContext& context) {
  const Shape& weights = context.inputs[1].shape;
  const auto window = ConcreteWindow(context.attrs, context.inputs[0].shape, weights);
  if (!window.ok() || !FitsIn32Bits(*window)) return std::nullopt;
  const ActivationLayout x(context.inputs[0].shape, context.attrs);
  const ActivationLayout y(context.outputs[0].shape, context.attrs);
  const ConvKernelLayout kernel(weights, context.attrs);
  const float* data = FloatsOf(context.constants[1]);
  const int64_t groups = context.attrs.Int("groups");
  const bool pointwise = IsPointwise(*window) && groups == 1;
  const int bias = context.has_input(2) ? 2 : -1;
  if (IsChannelsLast(context.attrs)) {
    if (!pointwise) return std::nullopt;
    return PackedNode{
        .side = ProductSide::kRight,
        .constant = {data, x.channels, y.channels, kernel.in_stride, kernel.out_stride},
        .other_size = x.batches * x.positions,
        .bias_input = bias};
  }
  if (pointwise) return PointwiseProduct(context);
  const WindowMatrix spans = SpansOf(*window);
  const int64_t taps = spans.taps(), out = y.channels / groups;
  const int64_t terms = x.channels / groups * taps;
  if (kernel.in_stride != taps * kernel.tap_stride) return std::nullopt;
  // What is under the windows is copied. oneDNN copies input and output into blocks of channels,
  // and fills those of small groups up.
  constexpr int64_t kBlock = 8, kWide = 256;
  // Of three axes it has no Winograd's algorithm, and its loops for AVX-512 are slow along a single
  // one.
  const bool stacks = groups == 1 && !spans.flat();
  const bool long_line = BestVectorTarget() == VectorTarget::kAvx512 && groups == 1 &&
                         window->size() == 1 && spans.columns.stride == 1 && y.positions >= kWide;
  // Of the time of a plain sum in float32: that of one in bfloat16, by vectors or by tiles, and
  // what it takes to pack planes, which is shared by few channels.
  constexpr double kRoundedSum = 0.48, kTiledSum = 0.2, kPacking = 2;
  const double rounded_sum = (HasTiles() ? kTiledSum : kRoundedSum) +
                             kPacking / static_cast<double>(std::max<int64_t>(out, 1));
  const bool small_groups =
      groups > 1 && std::min(x.channels / groups, out) < kBlock && y.positions >= kWide;
  const bool copies_less =
      groups * terms * y.positions <= x.channels * x.positions + y.channels * y.positions;
  return PackedNode{
      .side = ProductSide::kLeft,
      .constant = {data, out, x.channels / groups * taps, kernel.out_stride, kernel.tap_stride},
      .constants = groups,
      .constant_step = out * kernel.out_stride,
      .products = x.batches * groups,
      .other_size = y.positions,
      .window = spans,
      .plane_stride = kernel.in_stride,
      .tap_stride = kernel.tap_stride,
      .bias_input = bias,
      .pays = taps == 1 || small_groups || copies_less || stacks || long_line,
      .pays_rounded = spans.flat() && (groups == 1 || (out >= kBlock && terms >= kBlock)) &&
                      !WinogradPays(WindowOfNode, context, rounded_sum)};
}

std::optional<PackedNode> DescribePacked(const PrepareContext& context) {
  return context.constants[1].valid() ? DescribeProduct(context) : std::nullopt;
}

// Where oneDNN has no loop for the window, as with much padding, its product copies what is under
// all of the windows, and multiplies slower than ours.
std::optional<PackedNode> DescribeOtherwise(const PrepareContext& context) {
  std::optional<PackedNode> node = DescribePacked(context);
  if (node) node->pays = true;
  return node;
}

std::optional<Attributes> ConvWithPadding(const InferContext& node, const Padding& padding) {
  // An infinity of the kernel by a zero that a node adds is NaN, by the op's own padding it is not.
  const Tensor* const kernel = node.constant(1);
  if (padding.value != 0 || kernel == nullptr || kernel->dtype() != DType::kFloat32 ||
      !AllFinite(kernel->data<float>())) {
    return std::nullopt;
  }
  const auto window = ConcreteWindow(node.attrs(), node.shape(0).ToShape(), kernel->shape());
  if (!window.ok()) return std::nullopt;
  return WithPadding(node.attrs(), *window, padding);
}

// Whether the loop computes more channels than there are with what was in a register before. They
// are not stored, but where that is a NaN, a minimum or maximum behind the loop raises the flag
// that tells of a lost one (core/op/keep_nan.h), and the run is repeated.
bool ComputesStaleLanes(const dnnl::convolution_forward::primitive_desc& pd) {
  constexpr int64_t kLanes = 8, kHalf = 4;  // of a vector that is loaded in parts
  const onednn::Desc src = pd.src_desc();
  return absl::StrContains(pd.impl_info_str(), "jit_dw:avx2") && onednn::LiesInRows(src) &&
         onednn::DimsOf(src)[1] % kLanes > kHalf;
}

bool BuildConv(onednn::Builder& b) {
  const PrepareContext& context = b.context();
  if (!onednn::MultipliesInputs(context)) return false;
  const Shape& x = context.inputs[0].shape;
  const auto window = ConcreteWindow(context.attrs, x, context.inputs[1].shape);
  if (!window.ok() || !FitsIn32Bits(*window)) return false;
  const ConvTensors tensors = DescribeConv(context, *window);
  const WindowDims dims(*window);
  return AddConv<dnnl::convolution_forward>(
      b, tensors,
      [&](const onednn::Desc& src, const onednn::Desc& weights, const onednn::Desc& bias,
          const onednn::Desc& dst, const dnnl::primitive_attr& attr) {
        auto pd = onednn::Describe<dnnl::convolution_forward>(
            attr, dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, src,
            weights, bias, dst, dims.strides, dims.dilations, dims.pads_begin, dims.pads_end);
        if (attr.get_post_ops().len() > 0 && ComputesStaleLanes(pd)) {
          throw dnnl::error(dnnl_unimplemented, "a NaN would seem to be lost");
        }
        return pd;
      },
      [&] { return !FastPacked(DescribeOtherwise).takes_post_ops(context).value_or(false); });
}

std::vector<Example> ConvExamples() {
  return {
      {.name = "3x3 edges",
       .inputs = {Tensor::Of<float>({1, 4, 4, 1}, {0, 1, 4, 9, 16, 25, 36, 49, 64, 81, 100, 121,
                                                   144, 169, 196, 225}),
                  Tensor::Of<float>({3, 3, 1, 1}, {1, 0, -1, 2, 0, -2, 1, 0, -1})},
       .outputs = {Tensor::Of<float>({1, 2, 2, 1}, {-80, -96, -144, -160})}},
      {.name = "same",
       .attrs = {{"padding", "same"}},
       .inputs = {Tensor::Of<float>({1, 3, 3, 1}, {-3, -2, 2, 2, -2, -3, -1, -2, -1}),
                  Tensor::Of<float>({3, 3, 1, 1}, {2, 1, 3, 2, 3, 0, 0, 3, 2})},
       .outputs = {Tensor::Of<float>({1, 3, 3, 1}, {-7, -24, -7, -10, -12, -18, -7, -15, -14})}},
      {.name = "same, stride 2: pads at the end only",
       .attrs = {{"strides", std::vector<int64_t>{2, 2}}, {"padding", "same"}},
       .inputs = {Tensor::Of<float>({1, 4, 4, 1},
                                    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}),
                  Tensor::Of<float>({3, 3, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1, 1}),
                  Tensor::Of<float>({1}, {0.5})},
       .outputs = {Tensor::Of<float>({1, 2, 2, 1}, {45.5, 39.5, 66.5, 50.5})}},
      {.name = "same_lower, stride 2",
       .attrs = {{"strides", std::vector<int64_t>{2, 2}}, {"padding", "same_lower"}},
       .inputs = {Tensor::Of<float>({1, 4, 4, 1},
                                    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}),
                  Tensor::Of<float>({3, 3, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1, 1})},
       .outputs = {Tensor::Of<float>({1, 2, 2, 1}, {10, 24, 51, 90})}},
      {.name = "channels, asymmetric pads, dilation",
       .attrs = {{"strides", std::vector<int64_t>{1, 2}},
                 {"dilations", std::vector<int64_t>{2, 1}},
                 {"padding", "explicit"},
                 {"pads", std::vector<int64_t>{1, 0, 0, 2}}},
       .inputs = {Tensor::Of<float>({1, 4, 3, 2}, {-3, -2, -2, 0,  2,  -1, 2, 0, -2, -3, -3, -3,
                                                   -1, 0,  -2, -1, -1, 1,  3, 0, 3,  1,  -1, -2}),
                  Tensor::Of<float>({2, 2, 2, 3}, {-1, -3, -2, -2, 1, 1,  3,  -3, 1, 0, 0,  2,
                                                   3,  0,  0,  -1, 1, -1, -1, -1, 2, 0, -2, -1}),
                  Tensor::Of<float>({3}, {-3, -3, 0})},
       .outputs = {Tensor::Of<float>(
           {1, 3, 2, 3}, {5, 5, -1, -9, -6, 3, -3, 14, -1, -7, -9, -6, -5, -8, -7, 5, 1, 5})}},
      {.name = "depthwise: 2 channels, multiplier 2",
       .attrs = {{"groups", 2}},
       .inputs = {Tensor::Of<float>({1, 3, 2, 2}, {-3, -1, -2, -2, 2, -1, 2, 3, -2, 3, -3, -1}),
                  Tensor::Of<float>({2, 2, 1, 4},
                                    {-2, 1, 2, 3, 1, 2, 1, 0, 0, -1, 3, 0, 2, -1, 2, 3})},
       .outputs = {Tensor::Of<float>({1, 2, 1, 4}, {8, -11, -1, 6, -8, 11, 8, -6})}},
      {.name = "groups, as ONNX lays them out",
       .attrs = {{"groups", 2}, {"data_format", "channels_first"}, {"kernel_layout", "OIHW"}},
       .inputs = {Tensor::Of<float>({2, 4, 2, 3},
                                    {-3, -2, 2, 2,  -2, -3, -1, -2, -1, 3,  3, -1, -2, 0, -1, 0,
                                     -3, -3, 0, -1, 1,  0,  1,  -2, -2, 1,  0, 2,  1,  2, -1, -1,
                                     2,  1,  3, 2,  3,  0,  0,  3,  2,  -3, 3, -3, 1,  1, -3, 3}),
                  Tensor::Of<float>({2, 2, 1, 2}, {2, -3, 3, -3, 1, 1, -3, 3}),
                  Tensor::Of<float>({2}, {-2, 1})},
       .outputs = {Tensor::Of<float>(
           {2, 2, 2, 2}, {1, -15, 8, 15, -4, 6, 1, -14, -9, -9, -7, -3, -14, 13, -6, 18})}},
      {.name = "1x1",
       .inputs = {Tensor::Of<float>({1, 2, 2, 3}, {-3, -2, -1, -2, -3, 3, 2, -1, 3, 2, -2, -1}),
                  Tensor::Of<float>({1, 1, 3, 2}, {-1, -1, 3, -2, 3, 0}),
                  Tensor::Of<float>({2}, {-3, -2})},
       .outputs = {Tensor::Of<float>({1, 2, 2, 2}, {-9, 5, -1, 6, 1, -2, -14, 0})}},
      {.name = "1-D, causal",
       .attrs = {{"padding", "explicit"}, {"pads", std::vector<int64_t>{2, 0}}},
       .inputs = {Tensor::Of<float>({2, 5, 2}, {-3, -3, -2, -1, 2,  -2, 2, -1, -2, 3,
                                                3,  0,  -1, -3, -2, -3, 0, 0,  -1, -1}),
                  Tensor::Of<float>({3, 2, 1}, {-3, -1, -3, 1, 0, 0})},
       .outputs = {Tensor::Of<float>({2, 5, 1}, {0, 6, 17, -1, -11, 0, -9, -9, 9, 9})}},
      {.name = "3-D",
       .attrs = {{"strides", std::vector<int64_t>{1, 2, 2}}, {"padding", "same"}},
       .inputs = {Tensor::Of<float>({1, 2, 3, 3, 1}, {-3, -2, 2, 2, -2, -3, -1, -2, -1, 3, 3, -1,
                                                      -2, 0, -1, 0, -3, -3}),
                  Tensor::Of<float>({2, 2, 2, 1, 2},
                                    {-2, -2, -3, -1, -2, 3, 2, 3, 2, -1, -2, -2, -3, 0, -1, -1})},
       .outputs = {Tensor::Of<float>(
           {1, 2, 2, 2, 2}, {10, -1, 3, -12, 14, 10, -4, 5, -11, -15, 4, -1, 9, 3, 6, 6})}},
      {.name = "float64",
       .inputs = {Tensor::Of<double>({1, 3, 1}, {-1, -0.66666666666666663, 0.66666666666666663}),
                  Tensor::Of<double>({2, 1, 1}, {-0.14285714285714285, 0.42857142857142855})},
       .outputs = {Tensor::Of<double>({1, 2, 1}, {-0.14285714285714285, 0.38095238095238093})},
       .rtol = 1e-15},
      {.name = "float16",
       .inputs = {Tensor::Of<Half>({1, 3, 2},
                                   {Half(-3), Half(2), Half(-2), Half(-2), Half(2), Half(-3)}),
                  Tensor::Of<Half>({2, 2, 1}, {Half(-1), Half(3), Half(3), Half(-1)})},
       .outputs = {Tensor::Of<Half>({1, 2, 1}, {Half(5), Half(5)})}},
  };
}

std::optional<QuantizedInputs> QuantizedConv(const InferContext& node) {
  if (node.constant(1) == nullptr || !node.shape(1).has_rank()) return std::nullopt;
  const bool first = node.attrs().String("kernel_layout") == "OIHW";
  return QuantizedInputs{
      .activations = {0}, .weight = 1, .channels = first ? 0 : node.shape(1).rank() - 1, .bias = 2};
}

}  // namespace

OpDef WithConvAttributes(OpDef op) {
  op.Attr("groups", 1, "the number of groups; it divides the input and the output channels")
      .Min(1)
      .Attr("kernel_layout", "HWIO",
            "\"HWIO\": [spatial..., in / groups, out]; \"OIHW\": [out, in / groups, "
            "spatial...]")
      .Choices({"HWIO", "OIHW"});
  return WithWindow(std::move(op));
}

const ConvOp& PlainConv() {
  static const ConvOp& conv = *new ConvOp{
      .name = "nn.Conv", .transposed = false, .infer = InferConv, .window = ConcreteWindow};
  return conv;
}

NOMO_REGISTER_OP(
    WithConvAttributes(
        OpDef("nn.Conv", 1)
            .Doc("Convolution over 1, 2 or 3 spatial axes (a cross-correlation, as everywhere in "
                 "deep learning):\n\n"
                 "y[n, p, o] = bias[o] + sum over taps t and input channels i of x[n, p * strides "
                 "+ t * dilations - pads, i] * kernel[t, i, o], where x is 0 outside.\n\n"
                 "With groups = g the channels are cut into g groups, each convolved by itself. A "
                 "depthwise convolution has groups = input channels; Keras' DepthwiseConv2D kernel "
                 "[h, w, in, multiplier] is, reshaped to [h, w, 1, in * multiplier], the kernel of "
                 "that. Output sizes are floor((input + pads - extent) / stride) + 1 with extent = "
                 "(kernel - 1) * dilation + 1. It is an error when the window is larger than the "
                 "padded input, or when the channels of x, kernel and bias do not fit each other.")
            .Source("ONNX Conv; Keras Conv1D, Conv2D, Conv3D, DepthwiseConv2D")
            .TypeVar("T", kFloats)
            .Input("x", "T", "[batch, spatial..., in], see data_format")
            .Input("kernel", "T", "[spatial..., in / groups, out], see kernel_layout")
            .OptionalInput("bias", "T", "[out]")
            .Output("y", "T", "[batch, spatial..., out], see data_format"))
        .Infer(InferConv)
        .Reference(ConvCompute)
        .Fast(FastBFloat16(DescribeProduct))
        .Fast(FastTransposed(ConvDirection::kForward, WindowOfNode))
        .Fast(FastWinograd(WindowOfNode))
        .Fast(FastDepthwise(WindowOfNode))
        .Fast(FastDirect(WindowOfNode))
        .Fast(FastTaps(WindowOfNode))
        .Fast(FastPacked(DescribePacked))
        .Fast(onednn::FastInParts(BuildConv))
        .Fast(FastPacked(DescribeOtherwise))
        .AbsorbsAffine(AbsorbAffine)
        .ScalesByChannel(ConvChannelAxes)
        .AbsorbsPadding(ConvWithPadding)
        .Gradient(ConvGradient(PlainConv()))
        .Quantizes(QuantizedConv)
        .InLowPrecision(LowPrecision::kGains)
        .Work(WeightedWork)
        .Examples(ConvExamples));

}  // namespace nomograph::nn
