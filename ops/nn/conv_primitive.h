// Convolutions, plain and transposed, as a oneDNN primitive, in a layout that it is fast in.
#ifndef NOMOGRAPH_OPS_NN_CONV_PRIMITIVE_H_
#define NOMOGRAPH_OPS_NN_CONV_PRIMITIVE_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "nomograph/core/onednn_kernel.h"
#include "nomograph/ops/nn/window.h"

namespace nomograph::nn {

// A node's tensors as they lie, with the axes N, C, spatial… and (groups,) out, in, spatial….
struct ConvTensors {
  onednn::Desc src, kernel, bias, dst;  // bias: zero where there is none
  std::vector<int> axes;                // where those of the activations are in memory
  bool pointwise;                       // each output pixel comes from one input pixel
};
// REQUIRES: context's node has the attributes groups and kernel_layout, and `window` is its own.
ConvTensors DescribeConv(const PrepareContext& context, const Window& window);

// Whether the primitive is no loop made for convolution, but copies of the windows (im2col) and a
// matrix product, or a loop made for nothing.
inline bool IsGeneric(const char* implementation) {
  return absl::StrContains(implementation, "gemm") || absl::StrContains(implementation, "ref");
}

// Adds the primitive and yields its implementation, "" where it does not serve the node.
// `make(src, dst, attr)` describes it. With `blocked` activations are copied into layouts of its
// choice and back.
template <typename Primitive, typename Make>
std::string AddConvIn(onednn::Builder& b, const ConvTensors& tensors, bool blocked, Make make) {
  const auto wish = [blocked](const onednn::Desc& desc) {
    return blocked ? onednn::AnyFormat(DType::kFloat32, desc.dims()) : desc;
  };
  const auto layouts =
      make(wish(tensors.src), wish(tensors.dst), onednn::Builder(b.context()).Attr());
  const onednn::Desc dst = layouts.dst_desc();
  if (!b.PostNodeOps(tensors.axes, &dst)) return "";
  const auto pd = make(layouts.src_desc(), dst, b.Attr());
  const bool in_place = dst == tensors.dst;
  const auto y = in_place ? b.Output(0, dst) : b.Scratch(dst);
  std::vector<onednn::Builder::Argument> arguments = {
      {DNNL_ARG_SRC, b.Reordered(b.Input(0, tensors.src), pd.src_desc())},
      {DNNL_ARG_WEIGHTS, b.Reordered(b.Input(1, tensors.kernel), pd.weights_desc())},
      {DNNL_ARG_DST, y}};
  if (!tensors.bias.is_zero()) arguments.emplace_back(DNNL_ARG_BIAS, b.Input(2, tensors.bias));
  b.Add<Primitive>(pd, std::move(arguments));
  if (!in_place) {
    const dnnl::reorder::primitive_desc back(onednn::Engine(), dst, onednn::Engine(), tensors.dst,
                                             b.Attr());
    b.Add<dnnl::reorder>(back, {{DNNL_ARG_FROM, y}, {DNNL_ARG_TO, b.Output(0, tensors.dst)}});
  }
  return pd.impl_info_str();
}

// Prefers a loop made for convolution: in the layout that the tensors have, else in one of its own
// choice, which is worth the copies, else a matrix product. That one is as good where it needs no
// copies of windows, but applies binary post-ops by a call for each element.
template <typename Primitive, typename Make>
bool AddConv(onednn::Builder& b, const ConvTensors& tensors, Make make) {
  bool binary = false;
  for (const PostOp& op : b.context().post_ops) binary |= op.kind != PostOp::Kind::kEltwise;
  for (const bool blocked : {false, true}) {
    onednn::Builder trial(b.context(), onednn::Builder::Mode::kTrial);
    const std::string found = AddConvIn<Primitive>(trial, tensors, blocked, make);
    const bool good_product = !blocked && tensors.pointwise && !binary;
    if (found.empty() || (IsGeneric(found.c_str()) && !good_product)) continue;
    return !AddConvIn<Primitive>(b, tensors, blocked, make).empty();
  }
  return !binary && !AddConvIn<Primitive>(b, tensors, /*blocked=*/false, make).empty();
}

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_CONV_PRIMITIVE_H_
