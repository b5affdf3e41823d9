#include "nomograph/ops/nn/conv/conv_kernel.h"

#include <cmath>

namespace nomograph::nn {
namespace {

struct KernelAxes {
  int in, out, spatial;  // spatial: the first of them
  int whole;             // the channel axis that has all groups
};

KernelAxes AxesOf(const Attributes& attrs, int rank) {
  const std::string& layout = attrs.String("kernel_layout");
  const bool spatial_first = layout[0] == 'H';
  const int first = spatial_first ? rank - 2 : 0;
  const bool in_first = layout[spatial_first ? 2 : 0] == 'I';
  return {.in = first + (in_first ? 0 : 1),
          .out = first + (in_first ? 1 : 0),
          .spatial = spatial_first ? 0 : 2,
          .whole = spatial_first ? rank - 1 : 0};
}

}  // namespace

absl::StatusOr<ConvKernelShape> SplitConvKernel(const InferContext& context, const Activation& x) {
  const PartialShape& shape = context.shape(1);
  const int spatial_rank = static_cast<int>(x.spatial.size());
  if (!shape.has_rank()) return ConvKernelShape{{}, {}, std::vector<Dim>(spatial_rank)};
  if (shape.rank() != spatial_rank + 2) {
    return InvalidArgument("input kernel: expected ", spatial_rank + 2,
                           " axes like x, found shape ", shape.ToString());
  }
  const KernelAxes axes = AxesOf(context.attrs(), shape.rank());
  ConvKernelShape result{shape[axes.in], shape[axes.out], {}};
  for (int i = 0; i < spatial_rank; ++i) result.spatial.push_back(shape[axes.spatial + i]);
  return result;
}

std::vector<Dim> ConvKernelSpatial(const Shape& kernel, const Attributes& attrs) {
  const int first = AxesOf(attrs, kernel.rank()).spatial;
  const auto sizes = kernel.dims().subspan(first, kernel.rank() - 2);
  return std::vector<Dim>(sizes.begin(), sizes.end());
}

absl::Status CheckInputChannels(const Dim& channels, const Dim& group_channels, int64_t groups) {
  if (!channels.known() || !group_channels.known()) return absl::OkStatus();
  if (channels.size() % groups == 0 && channels.size() / groups == group_channels.size())
    return absl::OkStatus();
  return InvalidArgument("expected the channels of x to be those of ", groups, " groups of ",
                         group_channels.size(), " as the kernel has them, found ", channels.size());
}

ConvKernelLayout::ConvKernelLayout(const Shape& shape, const Attributes& attrs) {
  const KernelAxes axes = AxesOf(attrs, shape.rank());
  const auto strides = shape.Strides();
  in = shape[axes.in];
  out = shape[axes.out];
  in_stride = strides[axes.in];
  out_stride = strides[axes.out];
  tap_stride = strides[axes.spatial + shape.rank() - 3];
}

onednn::Desc ConvKernelDesc(const Shape& shape, const Attributes& attrs, DType dtype) {
  const KernelAxes axes = AxesOf(attrs, shape.rank());
  std::vector<int> order = {axes.out, axes.in};
  for (int i = 0; i < shape.rank() - 2; ++i) order.push_back(axes.spatial + i);
  const int64_t groups = attrs.Int("groups");
  if (groups == 1) return onednn::Permuted(dtype, shape, order);

  Shape grouped;  // the whole axis becomes two: groups, and channels of a group
  for (int i = 0; i < shape.rank(); ++i) {
    if (i == axes.whole) grouped.Append(groups);
    grouped.Append(i == axes.whole ? shape[i] / groups : shape[i]);
  }
  std::vector<int> grouped_order = {axes.whole};
  for (int axis : order) grouped_order.push_back(axis + (axis >= axes.whole ? 1 : 0));
  return onednn::Permuted(dtype, grouped, grouped_order);
}

bool AllFinite(absl::Span<const float> numbers) {
  const float* const data = numbers.data();
  const auto count = static_cast<int64_t>(numbers.size());
  float sum = 0;  // NaN as soon as there is an infinity or NaN
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < count; ++i) sum += data[i] * 0.0f;
  return sum == 0;
}

std::optional<ChannelAxes> ConvChannelAxes(const InferContext& node) {
  const bool has_bias = node.num_inputs() > 2 && node.has_input(2);
  if (has_bias || !node.shape(0).has_rank() || !node.shape(1).has_rank()) return std::nullopt;
  const KernelAxes axes = AxesOf(node.attrs(), node.shape(1).rank());
  const int channels = IsChannelsLast(node.attrs()) ? node.shape(0).rank() - 1 : 1;
  const bool grouped = node.attrs().Int("groups") > 1;
  if (grouped && axes.whole != axes.out) return std::nullopt;
  return ChannelAxes{.input = channels,
                     .output = channels,
                     .weights_in = grouped ? -1 : axes.in,
                     .weights_out = axes.out};
}

std::vector<Tensor> AbsorbAffine(const PrepareContext& context, const ChannelAffine& affine) {
  const Shape& y = context.outputs[0].shape;
  const int channel_axis = IsChannelsLast(context.attrs) ? y.rank() - 1 : 1;
  const bool for_all = affine.factors.size() == 1;
  if (!for_all && affine.axis != channel_axis) return {};
  const Tensor& kernel = context.constants[1];
  if (!kernel.valid() || kernel.dtype() != DType::kFloat32) return {};
  // Where there are no channels nothing says how many groups divide them.
  if (kernel.num_elements() == 0 || y.num_elements() == 0) return {};
  if (context.has_input(2) && !context.constants[2].valid()) return {};

  const int64_t channels = y[channel_axis];
  const auto factor = [&](int64_t channel) { return affine.factors[for_all ? 0 : channel]; };
  bool finite = true;
  const auto rounded = [&](double value) {
    const float result = static_cast<float>(value);
    finite &= std::isfinite(result);
    return result;
  };
  Tensor bias(DType::kFloat32, {channels}), scaled(DType::kFloat32, kernel.shape());
  for (int64_t c = 0; c < channels; ++c) {
    const double old = context.has_input(2) ? context.constants[2].data<float>()[c] : 0.0;
    bias.mutable_data<float>()[c] = rounded(old * factor(c) + affine.offsets[for_all ? 0 : c]);
  }
  const ConvKernelLayout layout(kernel.shape(), context.attrs);
  const int64_t groups = channels / layout.out;  // that the input channels are divided into
  const int64_t taps = kernel.num_elements() / (layout.in * layout.out);
  const auto from = kernel.data<float>();
  const auto to = scaled.mutable_data<float>();
  for (int64_t tap = 0; tap < taps; ++tap) {
    for (int64_t i = 0; i < layout.in; ++i) {
      const int64_t first_channel = i / (layout.in / groups) * layout.out;
      for (int64_t o = 0; o < layout.out; ++o) {
        const int64_t at = layout.Offset(tap, i, o);
        to[at] = rounded(from[at] * factor(first_channel + o));
      }
    }
  }
  if (!finite) return {};
  return {Tensor(), std::move(scaled), std::move(bias)};
}

WindowMatrix SpansOf(const Window& window) {
  const auto span = [](const WindowAxis& axis) {
    return WindowSpan{.input = axis.input.size(),
                      .output = axis.output.size(),
                      .taps = axis.kernel.size(),
                      .stride = axis.stride,
                      .dilation = axis.dilation,
                      .pad_begin = axis.pad_begin};
  };
  WindowMatrix spans{.rows = {}, .columns = span(window.back())};
  if (window.size() >= 2) spans.rows = span(window[window.size() - 2]);
  if (window.size() == 3) spans.depth = span(window.front());
  return spans;
}

WindowDims::WindowDims(const Window& window) {
  for (const WindowAxis& axis : window) {
    kernel.push_back(axis.kernel.size());
    strides.push_back(axis.stride);
    dilations.push_back(axis.dilation - 1);
    pads_begin.push_back(axis.pad_begin);
    pads_end.push_back(axis.pad_end);
  }
}

void SetTransposedPadsEnd(const Window& window, WindowDims& dims) {
  for (size_t i = 0; i < window.size(); ++i) {
    const WindowAxis& axis = window[i];
    const int64_t full =
        (axis.input.size() - 1) * axis.stride + (axis.kernel.size() - 1) * axis.dilation + 1;
    dims.pads_end[i] = full - axis.pad_begin - axis.output.size();
  }
}

}  // namespace nomograph::nn
