#include "nomograph/ops/nn/conv/conv_primitive.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "nomograph/ops/nn/conv/conv_kernel.h"

namespace nomograph::nn {

bool IsPointwise(const Window& window) {
  return std::all_of(window.begin(), window.end(), [](const WindowAxis& axis) {
    return axis.kernel == Dim(1) && axis.stride == 1 && axis.pad_begin == 0 && axis.pad_end == 0;
  });
}

bool ProductTakes(absl::Span<const PostOp> post_ops) {
  return post_ops.empty() || (post_ops.size() == 1 && post_ops[0].kind == PostOp::Kind::kEltwise &&
                              post_ops[0].algorithm == dnnl_eltwise_relu);
}

int64_t ChannelsAtOnce(const ConvTensors& tensors) {
  constexpr int64_t kTerms = 1 << 13;
  constexpr int64_t kBlock = 8;  // channels that lie together in oneDNN's layouts
  const auto kernel = onednn::DimsOf(tensors.kernel.desc), src = onednn::DimsOf(tensors.src.desc);
  const int64_t channels = src[1];
  // What has been rounded to bfloat16 has no more digits to lose.
  if (onednn::DataTypeOf(tensors.src.desc) == dnnl::memory::data_type::bf16) return channels;
  if (kernel.size() != src.size() || kernel[1] != channels) return channels;
  int64_t taps = 1;
  for (size_t axis = 2; axis < kernel.size(); ++axis) taps *= kernel[axis];
  const int64_t parts = (channels * taps + kTerms - 1) / kTerms;
  const int64_t count = (channels + parts - 1) / parts;
  return std::min(channels, (count + kBlock - 1) / kBlock * kBlock);
}

ConvTensors DescribeConv(const PrepareContext& context, const Window& window) {
  const TensorSpec &x = context.inputs[0], &w = context.inputs[1], &y = context.outputs[0];
  std::vector<int> axes = ChannelsFirstAxes(x.shape.rank(), context.attrs);
  onednn::Desc bias;
  if (context.has_input(2)) {
    bias = onednn::RowMajor(context.inputs[2].dtype, context.inputs[2].shape.dims());
  }
  return {.src = onednn::Permuted(x.dtype, x.shape, axes),
          .kernel = ConvKernelDesc(w.shape, context.attrs, w.dtype),
          .bias = std::move(bias),
          .dst = onednn::Permuted(y.dtype, y.shape, axes),
          .axes = std::move(axes),
          .pointwise = IsPointwise(window) && context.attrs.Int("groups") == 1};
}

bool TakePart(onednn::Builder& b, ConvTensors& tensors) {
  constexpr int64_t kBlock = 16;  // channels that oneDNN's loops for AVX-512 compute together
  const auto cut = [](onednn::Section& section, int axis, int64_t begin, int64_t count) {
    section = onednn::Cut(section, axis, begin, count);
  };
  const auto src = onednn::DimsOf(tensors.src.desc), dst = onednn::DimsOf(tensors.dst.desc);
  if (const auto images = b.Divide(0, dst[0], 1)) {
    cut(tensors.src, 0, images->begin, images->count);
    cut(tensors.dst, 0, images->begin, images->count);
    return true;
  }
  // Pixels of which a part has some channels only are no layout that the loops know.
  if (tensors.axes[1] != 1) return false;
  const auto kernel = onednn::DimsOf(tensors.kernel.desc);
  const int64_t groups = kernel.size() > src.size() ? kernel[0] : 1;
  const int64_t in = src[1] / groups, out = dst[1] / groups;
  const auto channels = b.Divide(1, dst[1], std::lcm(kBlock, groups > 1 ? out : 1));
  if (!channels) return false;
  if (groups > 1) cut(tensors.src, 1, channels->begin / out * in, channels->count / out * in);
  cut(tensors.kernel, 0, groups > 1 ? channels->begin / out : channels->begin,
      groups > 1 ? channels->count / out : channels->count);
  cut(tensors.dst, 1, channels->begin, channels->count);
  if (!tensors.bias.desc.is_zero()) cut(tensors.bias, 0, channels->begin, channels->count);
  return true;
}

}  // namespace nomograph::nn
