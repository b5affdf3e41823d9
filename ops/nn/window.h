// What convolution and pooling share: activations with a batch axis, a channel axis and 1 to 3
// spatial axes, and windows that slide over the spatial ones. Kernels see an activation as [batch,
// channel, position] whatever its format, because the spatial axes lie together in both; a position
// counts through them in row-major order.
#ifndef NOMOGRAPH_OPS_NN_WINDOW_H_
#define NOMOGRAPH_OPS_NN_WINDOW_H_

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "nomograph/core/op/op.h"

namespace nomograph::nn {

// An activation's axes. Parts are unknown where the shape is.
struct Activation {
  Dim batch, channels;
  std::vector<Dim> spatial;
};

// Declares the attribute data_format.
OpDef WithDataFormat(OpDef op);
bool IsChannelsLast(const Attributes& attrs);
// InvalidArgument unless `shape` has 3 to 5 axes, none of the spatial ones longer than 2^31 - 1.
// REQUIRES: it has a rank.
absl::StatusOr<Activation> SplitActivation(const PartialShape& shape, const Attributes& attrs);
PartialShape JoinActivation(const Activation& activation, const Attributes& attrs);
// Where batch, channel and the spatial axes are among an activation's axes, in this order.
std::vector<int> ChannelsFirstAxes(int rank, const Attributes& attrs);

// How the elements of a concrete activation lie: element (n, c, position) is at n * batch_stride +
// c * channel_stride + position * position_stride.
struct ActivationLayout {
  int64_t batches, channels, positions;
  int64_t batch_stride, channel_stride, position_stride;

  ActivationLayout(const Shape& shape, const Attributes& attrs);
  int64_t Offset(int64_t n, int64_t c) const { return n * batch_stride + c * channel_stride; }
};

// A window along one spatial axis.
struct WindowAxis {
  Dim input, kernel, output;
  int64_t stride = 1, dilation = 1;
  int64_t pad_begin = 0, pad_end = 0;
};
using Window = std::vector<WindowAxis>;

// Declares strides, dilations, padding, pads and data_format.
OpDef WithWindow(OpDef op);
// The window for these sizes. It rounds output sizes up where there is an attribute ceil_mode that
// says so. InvalidArgument when attributes and sizes do not fit each other.
absl::StatusOr<Window> GetWindow(const Attributes& attrs, const std::vector<Dim>& input,
                                 const std::vector<Dim>& kernel);
// The window of a transposed convolution, which has the attributes output_padding and output_shape,
// too.
absl::StatusOr<Window> GetTransposedWindow(const Attributes& attrs, const std::vector<Dim>& input,
                                           const std::vector<Dim>& kernel);
std::vector<Dim> OutputSizes(const Window& window);
// The attributes of an op of WithWindow() whose windows, `window` where its input 0 is padded,
// reach as far without the padding. None where other axes than the spatial ones are padded, or
// where windows would have nothing but padding under them. REQUIRES: the kernel's sizes are known.
std::optional<Attributes> WithPadding(const Attributes& attrs, const Window& window,
                                      const Padding& padding);
// Whether the numbers of a concrete window are small enough for kernels that compute with them in
// 32 bits.
bool FitsIn32Bits(const Window& window);

// Calls f(index) for every index into an array of three axes, in row-major order.
using Index3 = std::array<int64_t, 3>;
template <typename F>
void ForEachIndex(const Index3& sizes, F f) {
  for (int64_t i = 0; i < sizes[0]; ++i) {
    for (int64_t j = 0; j < sizes[1]; ++j) {
      for (int64_t k = 0; k < sizes[2]; ++k) f(Index3{i, j, k});
    }
  }
}

// The taps of a concrete window, for reference kernels.
class Taps {
 public:
  // `transposed`: the input's elements are spread over the output, instead of gathered for it.
  explicit Taps(const Window& window, bool transposed = false);

  // The output's spatial sizes, behind axes of size 1 for those that there are not.
  const Index3& output_sizes() const { return output_; }

  // Calls f(tap, position) for each of the kernel's taps, in row-major order, that meets an input
  // position when the window is at `output`.
  template <typename F>
  void ForEach(const Index3& output, F f) const {
    const Index3 first = {FirstTap(0, output[0]), FirstTap(1, output[1]), FirstTap(2, output[2])};
    const Index3 count = {EndTap(0, output[0]) - first[0], EndTap(1, output[1]) - first[1],
                          EndTap(2, output[2]) - first[2]};
    ForEachIndex(count, [&](const Index3& k) {
      int64_t tap = 0, position = 0;
      bool inside = true;
      for (int a = 0; a < 3 && inside; ++a) {
        const int64_t at = InputIndex(a, output[a], first[a] + k[a]);
        inside = at >= 0 && at < input_[a];
        position = position * input_[a] + at;
        tap = tap * kernel_[a] + first[a] + k[a];
      }
      if (inside) f(tap, position);
    });
  }

 private:
  // The taps that can meet the input are those from FirstTap() up to EndTap(): a kernel may be far
  // larger than the input, if the padding is, too.
  int64_t FirstTap(int axis, int64_t output) const {
    const int64_t past = transposed_ ? output + pad_[axis] - (input_[axis] - 1) * stride_[axis]
                                     : pad_[axis] - output * stride_[axis];
    return std::max<int64_t>(0, (past + dilation_[axis] - 1) / dilation_[axis]);
  }
  int64_t EndTap(int axis, int64_t output) const {
    const int64_t left = transposed_ ? output + pad_[axis]
                                     : input_[axis] - 1 - (output * stride_[axis] - pad_[axis]);
    return left < 0 ? 0 : std::min(kernel_[axis], left / dilation_[axis] + 1);
  }
  // -1 where the tap meets none.
  int64_t InputIndex(int axis, int64_t output, int64_t tap) const {
    if (!transposed_) return output * stride_[axis] - pad_[axis] + tap * dilation_[axis];
    const int64_t spread = output + pad_[axis] - tap * dilation_[axis];
    return spread >= 0 && spread % stride_[axis] == 0 ? spread / stride_[axis] : -1;
  }

  bool transposed_;
  Index3 input_ = {1, 1, 1}, kernel_ = {1, 1, 1}, output_ = {1, 1, 1};
  Index3 stride_ = {1, 1, 1}, dilation_ = {1, 1, 1}, pad_ = {0, 0, 0};
};

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_WINDOW_H_
