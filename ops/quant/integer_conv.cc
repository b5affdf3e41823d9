#include "nomograph/ops/quant/integer_conv.h"

#include <utility>

#include "nomograph/ops/nn/conv/conv_kernel.h"
#include "nomograph/ops/nn/vector_input.h"
#include "nomograph/ops/nn/window.h"
#include "nomograph/ops/quant/linear.h"

namespace nomograph::quant {
namespace {

absl::StatusOr<nn::Window> ConcreteWindow(const Attributes& attrs, const Shape& x,
                                          const Shape& kernel) {
  NOMO_ASSIGN_OR_RETURN(const nn::Activation activation, nn::SplitActivation(x, attrs));
  return nn::GetWindow(attrs, activation.spatial, nn::ConvKernelSpatial(kernel, attrs));
}

// A kernel's layout names its axes: H and W stand for the spatial ones.
bool IsSpatialFirst(const Attributes& attrs) { return attrs.String("kernel_layout")[0] == 'H'; }

// How the primitive takes an activation: oneDNN's fast kernels want the channels last or in blocks,
// for which copies of activations with the channels first pay off.
onednn::Desc ActivationDesc(const Attributes& attrs, const onednn::Desc& given) {
  return nn::IsChannelsLast(attrs) ? given : onednn::AnyFormat(given);
}

// Adds the convolution and, where it yields another layout than `dst`, a copy.
void AddConv(onednn::Builder& b, const dnnl::convolution_forward::primitive_desc& pd,
             const onednn::Desc& dst, std::vector<onednn::Builder::Argument> arguments) {
  const auto output = b.Output(0, dst);
  const bool copies = pd.dst_desc() != dst;
  const auto result = copies ? b.Scratch(pd.dst_desc()) : output;
  arguments.push_back({DNNL_ARG_DST, result});
  b.Add<dnnl::convolution_forward>(pd, std::move(arguments));
  if (copies) b.Copy(result, output);
}

bool BuildConv(onednn::Builder& b) {
  if (b.IsPart()) return false;  // it is not divided: nothing is to be packed in vain
  const PrepareContext& context = b.context();
  const TensorSpec &x = context.inputs[0], &w = context.inputs[1], &y = context.outputs[0];
  const auto window = ConcreteWindow(context.attrs, x.shape, w.shape);
  if (!window.ok() || !nn::FitsIn32Bits(*window)) return false;
  const std::vector<int> axes = nn::ChannelsFirstAxes(x.shape.rank(), context.attrs);
  const auto src = onednn::Permuted(x.dtype, x.shape, axes);
  const auto dst = onednn::Permuted(y.dtype, y.shape, axes);
  const auto given = nn::ConvKernelDesc(w.shape, context.attrs, w.dtype);

  dnnl::primitive_attr attr = b.Attr();
  std::vector<onednn::Builder::Argument> arguments;
  if (context.has_input(2)) {
    onednn::SetZeroPoint(attr, DNNL_ARG_SRC);
    arguments.push_back({DNNL_ARG_ATTR_ZERO_POINTS | DNNL_ARG_SRC,
                         b.Input(2, onednn::RowMajor(DType::kInt32, {1}))});
  }
  const nn::WindowDims dims(*window);
  const auto pd = onednn::Describe<dnnl::convolution_forward>(
      attr, dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct,
      ActivationDesc(context.attrs, src), onednn::AnyFormat(given),
      ActivationDesc(context.attrs, dst), dims.strides, dims.dilations, dims.pads_begin,
      dims.pads_end);
  arguments.push_back({DNNL_ARG_SRC, b.Reordered(b.Input(0, src), pd.src_desc())});
  arguments.push_back({DNNL_ARG_WEIGHTS, b.Reordered(b.Input(1, given), pd.weights_desc())});
  AddConv(b, pd, dst, std::move(arguments));
  return true;
}

}  // namespace

OpDef WithConv(OpDef op) {
  op.Attr("groups", 1, "the number of groups; it divides the input and the output channels")
      .Min(1)
      .Attr("kernel_layout", "HWIO",
            "\"HWIO\": [spatial..., in / groups, out]; \"OIHW\": [out, in / groups, spatial...]")
      .Choices({"HWIO", "OIHW"});
  return nn::WithWindow(std::move(op));
}

absl::StatusOr<PartialShape> InferConv(const InferContext& context, const ConvInputs& inputs,
                                       Dim& channels) {
  const Attributes& attrs = context.attrs();
  if (!context.shape(inputs.x).has_rank()) return PartialShape();
  // nn.Conv's functions find x and the kernel as the first two inputs.
  const TensorType operands[] = {context.input(inputs.x), context.input(inputs.kernel)};
  const InferContext conv(attrs, operands, {}, 1);
  NOMO_ASSIGN_OR_RETURN(const nn::Activation x, nn::SplitActivation(conv.shape(0), attrs));
  NOMO_ASSIGN_OR_RETURN(const nn::ConvKernelShape kernel, nn::SplitConvKernel(conv, x));
  const int64_t groups = attrs.Int("groups");
  if (kernel.out.known() && kernel.out.size() % groups != 0) {
    return InvalidArgument("input kernel: expected a multiple of ", groups,
                           " (groups) output channels, found ", kernel.out.size());
  }
  NOMO_RETURN_IF_ERROR(nn::CheckInputChannels(x.channels, kernel.in, groups));
  NOMO_RETURN_IF_ERROR(CheckSingle(context, inputs.x_zero_point, "x_zero_point"));
  NOMO_RETURN_IF_ERROR(
      CheckSingleOrVector(context, inputs.kernel_zero_point, "kernel_zero_point", kernel.out));
  NOMO_ASSIGN_OR_RETURN(const nn::Window window, nn::GetWindow(attrs, x.spatial, kernel.spatial));
  channels = kernel.out;
  return nn::JoinActivation({x.batch, kernel.out, nn::OutputSizes(window)}, attrs);
}

std::vector<int32_t> ConvSums(const KernelContext& context, const ConvInputs& inputs) {
  const Attributes& attrs = context.attrs();
  const Shape &x_shape = context.input_shape(inputs.x),
              &w_shape = context.input_shape(inputs.kernel);
  const nn::ActivationLayout x(x_shape, attrs), y(context.output_shape(0), attrs);
  const nn::ConvKernelLayout kernel(w_shape, attrs);
  const nn::Taps taps(*ConcreteWindow(attrs, x_shape, w_shape));
  const auto in = IntsOf(context, inputs.x), weights = IntsOf(context, inputs.kernel);
  const int64_t x_zero = IntsOf(context, inputs.x_zero_point)[0];
  const auto zeros = IntsOf(context, inputs.kernel_zero_point);
  const int64_t group_out = y.channels / attrs.Int("groups");
  std::vector<int32_t> sums(context.output_shape(0).num_elements());
  for (int64_t n = 0; n < y.batches; ++n) {
    for (int64_t o = 0; o < y.channels; ++o) {
      const int64_t first_channel = o / group_out * kernel.in;
      const int64_t zero = zeros.size() == 1 ? zeros[0] : zeros[o];
      int64_t y_offset = y.Offset(n, o);
      nn::ForEachIndex(taps.output_sizes(), [&](const nn::Index3& at) {
        uint64_t sum = 0;
        taps.ForEach(at, [&](int64_t tap, int64_t position) {
          for (int64_t i = 0; i < kernel.in; ++i) {
            const int64_t x_offset = x.Offset(n, first_channel + i) + position * x.position_stride;
            sum += (in[x_offset] - x_zero) * (weights[kernel.Offset(tap, i, o)] - zero);
          }
        });
        sums[y_offset] = static_cast<int32_t>(sum);
        y_offset += y.position_stride;
      });
    }
  }
  return sums;
}

ProductSpec ConvSpec(const PrepareContext& context, const ConvInputs& inputs) {
  const Shape &x = context.inputs[inputs.x].shape, &w = context.inputs[inputs.kernel].shape;
  const bool spatial_first = IsSpatialFirst(context.attrs);
  const bool zero_per_channel = context.has_input(inputs.kernel_zero_point) &&
                                context.inputs[inputs.kernel_zero_point].shape.num_elements() > 1;
  // Around the input channels the output channels are on one side, the taps on the other.
  Factor kernel{.input = inputs.kernel,
                .zero_point = inputs.kernel_zero_point,
                .shape = w,
                .depth_axis = spatial_first ? w.rank() - 2 : 1,
                .outer_is_channel = !spatial_first,
                .inner_is_channel = spatial_first};
  kernel.outer_group = w[0];
  (spatial_first ? kernel.inner_step : kernel.outer_step) = zero_per_channel ? 1 : 0;
  return {.x = {.input = inputs.x,
                .zero_point = inputs.x_zero_point,
                .shape = x,
                .depth_axis = nn::IsChannelsLast(context.attrs) ? x.rank() - 1 : 1},
          .w = kernel,
          .y = context.outputs[0].shape,
          .divisible = context.attrs.Int("groups") == 1,
          .build = BuildConv};
}

}  // namespace nomograph::quant
