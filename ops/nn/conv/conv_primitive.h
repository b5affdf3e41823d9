// Convolutions, plain and transposed, as a oneDNN primitive, in a layout that it is fast in.
#ifndef NOMOGRAPH_OPS_NN_CONV_CONV_PRIMITIVE_H_
#define NOMOGRAPH_OPS_NN_CONV_CONV_PRIMITIVE_H_

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "nomograph/core/form/form.h"
#include "nomograph/core/onednn/onednn_kernel.h"
#include "nomograph/ops/nn/window.h"

namespace nomograph::nn {

// Whether each output pixel comes from the input pixel at its place.
bool IsPointwise(const Window& window);

// A node's tensors as they lie, with the axes N, C, spatial… and (groups,) out, in, spatial….
struct ConvTensors {
  onednn::Section src, kernel, bias, dst;  // bias: zero where there is none
  std::vector<int> axes;                   // where those of the activations are in memory
  bool pointwise;                          // each output pixel comes from one input pixel
};
// REQUIRES: context's node has the attributes groups and kernel_layout, and `window` is its own.
ConvTensors DescribeConv(const PrepareContext& context, const Window& window);

// Leaves the part of them that `b` is to compute: some of the batch, of the groups, or of the
// output channels. False where the node is not to be divided.
bool TakePart(onednn::Builder& b, ConvTensors& tensors);

// Whether the primitive is no loop made for convolution, but copies of the windows (im2col) and a
// matrix product, or a loop made for nothing.
inline bool IsGeneric(const char* implementation) {
  return absl::StrContains(implementation, "gemm") || absl::StrContains(implementation, "ref");
}

// Whether a convolution as a matrix product has a loop for these post-ops: for one ReLU. All others
// it applies by a call for each element.
bool ProductTakes(absl::Span<const PostOp> post_ops);

// How many of the input channels a primitive of a loop of its own layout sums up: it adds terms one
// after the other, and of many hundreds the last digits are lost.
int64_t ChannelsAtOnce(const ConvTensors& tensors);

// Adds the primitive and yields its implementation, "" where it does not serve the node.
// `make(src, weights, bias, dst, attr)` describes it. With `blocked` activations are copied into
// layouts of its choice and back, and several primitives share the input channels of a long sum.
template <typename Primitive, typename Make>
std::string AddConvIn(onednn::Builder& b, const ConvTensors& tensors, bool blocked, Make make) {
  const auto wish = [blocked](const onednn::Desc& desc) {
    return blocked ? onednn::AnyFormat(desc) : desc;
  };
  const int64_t channels = onednn::DimsOf(tensors.src.desc)[1];
  const int64_t step = blocked ? ChannelsAtOnce(tensors) : channels;
  onednn::Desc dst;
  onednn::Builder::Buffer sum = -1;
  std::string implementation;
  for (int64_t first = 0; first < channels; first += step) {
    const int64_t count = std::min(step, channels - first);
    const bool last = first + count == channels;
    // The channels of this turn.
    const auto part = [&](const onednn::Section& all) {
      return count == channels ? all : onednn::Cut(all, 1, first, count);
    };
    const onednn::Section src = part(tensors.src), kernel = part(tensors.kernel);
    const onednn::Desc weights = onednn::AnyFormat(kernel.desc);
    const onednn::Desc bias = last ? tensors.bias.desc : onednn::Desc();
    const auto layouts =
        make(wish(src.desc), weights, bias, first == 0 ? wish(tensors.dst.desc) : dst,
             onednn::Builder(b.context()).Attr());
    dst = layouts.dst_desc();
    if (first > 0) b.PostBinary(dnnl_binary_add, sum);
    if (last && !b.PostNodeOps(tensors.axes, &dst)) return "";
    const auto pd = make(layouts.src_desc(), weights, bias, dst, b.Attr());
    const bool in_place = last && dst == tensors.dst.desc;
    sum = in_place ? b.Output(0, tensors.dst) : b.Scratch(dst);
    std::vector<onednn::Builder::Argument> arguments = {
        {DNNL_ARG_SRC, b.Reordered(b.Input(0, src), pd.src_desc())},
        {DNNL_ARG_WEIGHTS, b.Reordered(b.Input(1, kernel), pd.weights_desc())},
        {DNNL_ARG_DST, sum}};
    if (!bias.is_zero()) arguments.emplace_back(DNNL_ARG_BIAS, b.Input(2, tensors.bias));
    b.Add<Primitive>(pd, std::move(arguments));
    if (implementation.empty() || IsGeneric(pd.impl_info_str())) {
      implementation = pd.impl_info_str();
    }
    if (last && !in_place) b.Copy(sum, b.Output(0, tensors.dst));
  }
  return implementation;
}

// Prefers a loop made for convolution: in the layout that the tensors have, else in one of its own
// choice, which is worth the copies. A pointwise convolution is a matrix product as it stands, and
// oneDNN's product sums more exactly than its loop. The forms (core/form/form.h) are "oneDNN loop",
// "oneDNN loop in blocks" and "oneDNN product"; `product_pays()` says whether the last one is the
// best that is left.
template <typename Primitive, typename Make, typename ProductPays>
bool AddConv(onednn::Builder& b, ConvTensors tensors, Make make, ProductPays product_pays) {
  if (b.IsPart() && !TakePart(b, tensors)) return false;
  bool has_product = true;
  for (const bool blocked : {false, true}) {
    const bool pays = !blocked || !tensors.pointwise;
    const char* const form = blocked ? "oneDNN loop in blocks" : "oneDNN loop";
    // A trial takes longer than to ask.
    if (!pays && !TakesForm(form, false)) break;
    onednn::Builder trial = b.Trial();
    const std::string found = AddConvIn<Primitive>(trial, tensors, blocked, make);
    if (found.empty() || IsGeneric(found.c_str())) continue;
    if (!blocked) has_product = false;
    if (pays && !TakesForm(form, true)) continue;
    return !AddConvIn<Primitive>(b, tensors, blocked, make).empty();
  }
  return has_product && ProductTakes(b.context().post_ops) &&
         TakesForm("oneDNN product", product_pays()) &&
         !AddConvIn<Primitive>(b, tensors, /*blocked=*/false, make).empty();
}

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_CONV_CONV_PRIMITIVE_H_
