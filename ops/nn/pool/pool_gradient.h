// What the gradients of pooling share: the windows that a pooling slides over x, as ranges of
// positions, and the walk over the planes of x.
#ifndef NOMOGRAPH_OPS_NN_POOL_POOL_GRADIENT_H_
#define NOMOGRAPH_OPS_NN_POOL_POOL_GRADIENT_H_

#include <algorithm>
#include <array>
#include <vector>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/ops/nn/pool/pool.h"

namespace nomograph::nn {

// The schema of an op with the inputs dy and x and the output dx, as x. Left to add: Doc,
// Reference, Fast, Gradient, Examples.
OpDef PoolGradOp(std::string name);

// A node's attributes without those of the names.
Attributes Without(Attributes attrs, std::initializer_list<absl::string_view> names);

// A value of the batch and its channels, [batch, channels], or with keepdims as x with spatial
// sizes of 1, in a form that broadcasts to x. REQUIRES: the rank of x is known.
Value OverSpatial(const Value& pooled, const Value& x, const Attributes& attrs);

// The positions of x that a concrete window meets. Axes that there are not have one of them.
class PoolRanges {
 public:
  struct Range {
    int64_t first, count, taps;  // taps: with those that meet the padding
  };
  explicit PoolRanges(const Window& window);

  int64_t positions() const { return sizes_[0] * sizes_[1] * sizes_[2]; }
  int64_t outputs() const {
    return static_cast<int64_t>(ranges_[0].size() * ranges_[1].size() * ranges_[2].size());
  }

  // Calls f(output, ranges along the three axes) for each window, in row-major order.
  template <typename F>
  void ForEachWindow(F f) const {
    int64_t output = 0;
    for (const Range& a : ranges_[0]) {
      for (const Range& b : ranges_[1]) {
        for (const Range& c : ranges_[2]) f(output++, a, b, c);
      }
    }
  }
  // Calls tap(position) for each tap of a window that meets x, in row-major order.
  template <typename F>
  void ForEachTap(const Range& a, const Range& b, const Range& c, F tap) const {
    const int64_t rows = sizes_[1], columns = sizes_[2], step = steps_[2], count = c.count;
    for (int64_t i = 0; i < a.count; ++i) {
      const int64_t plane = (a.first + i * steps_[0]) * rows;
      for (int64_t j = 0; j < b.count; ++j) {
        const int64_t row = (plane + b.first + j * steps_[1]) * columns + c.first;
        for (int64_t k = 0; k < count; ++k) tap(row + k * step);
      }
    }
  }
  // Calls row(first output, ranges along the first two axes) for each row of windows.
  template <typename F>
  void ForEachRow(F row) const {
    int64_t output = 0;
    for (const Range& a : ranges_[0]) {
      for (const Range& b : ranges_[1]) {
        row(output, a, b);
        output += static_cast<int64_t>(ranges_[2].size());
      }
    }
  }
  // The windows along the last axis.
  const std::vector<Range>& columns() const { return ranges_[2]; }

  // Both: `begin(output, taps that meet x, all taps)`, `tap(position)` for each, `end(output)`.
  template <typename Begin, typename Tap, typename End>
  void ForEach(Begin begin, Tap tap, End end) const {
    ForEachWindow([&](int64_t output, const Range& a, const Range& b, const Range& c) {
      begin(output, a.count * b.count * c.count, a.taps * b.taps * c.taps);
      ForEachTap(a, b, c, tap);
      end(output);
    });
  }

 private:
  Index3 sizes_ = {1, 1, 1}, steps_ = {1, 1, 1};
  std::array<std::vector<Range>, 3> ranges_;
};

// A reference kernel: `spread(ranges, x, dy, step, sums)` adds what flows back to the positions of
// a plane, whose elements lie `step` apart, to their sums.
template <typename SpreadFn>
absl::Status SpreadPlanes(KernelContext& context, SpreadFn spread) {
  NOMO_RETURN_IF_ERROR(context.AllocateOutput(0, context.input_shape(1)));
  NOMO_ASSIGN_OR_RETURN(const Window window, PoolWindow(context.attrs(), context.input_shape(1)));
  const PoolRanges ranges(window);
  const ActivationLayout x(context.input_shape(1), context.attrs()),
      y(context.input_shape(0), context.attrs());
  std::vector<double> sums(ranges.positions());
  Dispatch(FloatTypes{}, context.input_dtype(0), [&]<typename T>() {
    for (int64_t n = 0; n < x.batches; ++n) {
      for (int64_t c = 0; c < x.channels; ++c) {
        const T *in = context.input<T>(1).data() + x.Offset(n, c),
                *dy = context.input<T>(0).data() + y.Offset(n, c);
        std::fill(sums.begin(), sums.end(), 0.0);
        spread(ranges, in, dy, x.position_stride, sums.data());
        T* dx = context.output<T>(0).data() + x.Offset(n, c);
        for (int64_t i = 0; i < ranges.positions(); ++i)
          dx[i * x.position_stride] = static_cast<T>(sums[i]);
      }
    }
  });
  return absl::OkStatus();
}

// A fast kernel's walk over the parts of the batch that lie by themselves: calls plane(x, dy, dx)
// for planes whose elements lie one behind the other, or channels(x, dy, step, count, dx) for up to
// kChannelsAtOnce channels that lie side by side, their positions `step` apart.
inline constexpr int64_t kChannelsAtOnce = 64;
template <typename PlaneFn, typename ChannelsFn>
void SpreadParts(KernelContext& kernel, const ActivationLayout& x, const ActivationLayout& y,
                 int threads, PlaneFn plane, ChannelsFn channels) {
  const int64_t step = x.channel_stride == 1 && x.position_stride != 1 ? kChannelsAtOnce : 1;
  const int64_t parts = (x.channels + step - 1) / step;
  ParallelFor(threads, x.batches * parts, [&](int64_t i) {
    const int64_t n = i / parts, c = i % parts * step;
    const float *in = kernel.input<float>(1).data() + x.Offset(n, c),
                *dy = kernel.input<float>(0).data() + y.Offset(n, c);
    float* dx = kernel.output<float>(0).data() + x.Offset(n, c);
    if (x.position_stride == 1) {
      plane(in, dy, dx);
    } else {
      channels(in, dy, x.position_stride, std::min(step, x.channels - c), dx);
    }
  });
}

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_POOL_POOL_GRADIENT_H_
