#include "nomograph/ops/nn/conv/conv_primitive.h"

#include <algorithm>

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
  const auto kernel = onednn::DimsOf(tensors.kernel), src = onednn::DimsOf(tensors.src);
  const int64_t channels = src[1];
  // What has been rounded to bfloat16 has no more digits to lose.
  if (onednn::DataTypeOf(tensors.src) == dnnl::memory::data_type::bf16) return channels;
  if (kernel.size() != src.size() || kernel[1] != channels) return channels;
  int64_t taps = 1;
  for (size_t axis = 2; axis < kernel.size(); ++axis) taps *= kernel[axis];
  const int64_t parts = (channels * taps + kTerms - 1) / kTerms;
  const int64_t count = (channels + parts - 1) / parts;
  return std::min(channels, (count + kBlock - 1) / kBlock * kBlock);
}

ConvTensors DescribeConv(const PrepareContext& context, const Window& window) {
  ConvTensors tensors;
  const Shape& x = context.inputs[0].shape;
  tensors.axes = ChannelsFirstAxes(x.rank(), context.attrs);
  tensors.src = onednn::Permuted(context.inputs[0].dtype, x, tensors.axes);
  tensors.dst = onednn::Permuted(context.outputs[0].dtype, context.outputs[0].shape, tensors.axes);
  tensors.kernel = ConvKernelDesc(context.inputs[1].shape, context.attrs, context.inputs[1].dtype);
  if (context.has_input(2)) {
    tensors.bias = onednn::RowMajor(context.inputs[2].dtype, context.inputs[2].shape.dims());
  }
  tensors.pointwise = IsPointwise(window) && context.attrs.Int("groups") == 1;
  return tensors;
}

}  // namespace nomograph::nn
