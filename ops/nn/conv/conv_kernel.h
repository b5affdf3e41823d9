// The kernels (weights) of convolutions and transposed convolutions, in the layouts of Keras and of
// ONNX. A layout is named by its axes: H and W stand for all spatial axes, I and O for input and
// output channels. With groups, the channel axis at the end that the spatial axes leave free is
// whole (the first of OIHW and IOHW, the last of HWIO and HWOI) and the other one has the channels
// of one group.
#ifndef NOMOGRAPH_OPS_NN_CONV_CONV_KERNEL_H_
#define NOMOGRAPH_OPS_NN_CONV_CONV_KERNEL_H_

#include <vector>

#include "nomograph/core/onednn/onednn_kernel.h"
#include "nomograph/core/vector/packed_product.h"
#include "nomograph/ops/nn/window.h"

namespace nomograph::nn {

struct ConvKernelShape {
  Dim in, out;  // one of them per group, as the layout has it
  std::vector<Dim> spatial;
};

// The parts of input 1, by the attribute kernel_layout; all unknown where its rank is.
// InvalidArgument unless it has as many axes as x.
absl::StatusOr<ConvKernelShape> SplitConvKernel(const InferContext& context, const Activation& x);
// The spatial sizes of a concrete kernel.
std::vector<Dim> ConvKernelSpatial(const Shape& kernel, const Attributes& attrs);

// InvalidArgument unless x's channels are those of `groups` groups of `group_channels`.
absl::Status CheckInputChannels(const Dim& channels, const Dim& group_channels, int64_t groups);

// How the elements of a concrete kernel lie.
struct ConvKernelLayout {
  int64_t in, out;  // as in ConvKernelShape
  int64_t tap_stride, in_stride, out_stride;

  ConvKernelLayout(const Shape& shape, const Attributes& attrs);
  int64_t Offset(int64_t tap, int64_t i, int64_t o) const {
    return tap * tap_stride + i * in_stride + o * out_stride;
  }
};

// The kernel as oneDNN wants it: [out, in, spatial...], or [groups, out / groups, in / groups,
// spatial...].
onednn::Desc ConvKernelDesc(const Shape& shape, const Attributes& attrs,
                            DType dtype = DType::kFloat32);

// For OpDef::AbsorbsAffine: kernel and bias with the factors and offsets in them, where both are
// constant (or the bias is absent) and all values stay finite.
std::vector<Tensor> AbsorbAffine(const PrepareContext& context, const ChannelAffine& affine);

bool AllFinite(absl::Span<const float> numbers);

// For OpDef::ScalesByChannel(): none with a bias. With groups no axis of the weights is that of the
// input's channels.
std::optional<ChannelAxes> ConvChannelAxes(const InferContext& node);

// A concrete window of one or two axes over planes. REQUIRES: FitsIn32Bits(window).
WindowMatrix SpansOf(const Window& window);

// A concrete window as oneDNN wants it.
struct WindowDims {
  dnnl::memory::dims kernel, strides, dilations /* 0 is dense */, pads_begin, pads_end;
  explicit WindowDims(const Window& window);
};

// Sets pads_end for the window of a transposed convolution. oneDNN takes the padding at the end
// from the sizes; it is negative where the output exceeds what the taps reach.
void SetTransposedPadsEnd(const Window& window, WindowDims& dims);

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_CONV_CONV_KERNEL_H_
