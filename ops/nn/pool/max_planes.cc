#include "nomograph/ops/nn/pool/max_planes.h"

#include <algorithm>
#include <limits>

#include "nomograph/core/numeric/threads.h"
#include "nomograph/ops/nn/conv/conv_kernel.h"
#include "nomograph/ops/nn/pool/pool.h"

namespace nomograph::nn {
namespace {

// The taps [first, last) of the window's place `at` that lie on the input.
struct TapRange {
  int64_t first, last;
};
TapRange TapsAt(const WindowSpan& span, int64_t at) {
  const int64_t begin = at * span.stride - span.pad_begin;
  const int64_t first = begin >= 0 ? 0 : (-begin + span.dilation - 1) / span.dilation;
  const int64_t room = span.input - begin;
  const int64_t last = room <= 0 ? 0 : (room + span.dilation - 1) / span.dilation;
  return {std::min(first, span.taps), std::min(last, span.taps)};
}

inline float Greater(float found, float other) {
  return other > found || other != other ? other : found;
}

// to[i] is the greater of to[i] and from[i * stride].
void TakeGreater(const float* from, int64_t stride, int64_t count, float* to) {
  if (stride == 1) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) to[i] = Greater(to[i], from[i]);
  } else if (stride == 2) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) to[i] = Greater(to[i], from[2 * i]);
  } else {
    for (int64_t i = 0; i < count; ++i) to[i] = Greater(to[i], from[i * stride]);
  }
}

constexpr float kLeast = -std::numeric_limits<float>::infinity();

// `row` has room for one of the input's rows.
void MaxPlane(const WindowSpan& rows, const WindowSpan& columns, const float* x, float* row,
              float* y) {
  for (int64_t r = 0; r < rows.output; ++r, y += columns.output) {
    const TapRange over = TapsAt(rows, r);
    std::fill_n(row, columns.input, kLeast);
    for (int64_t t = over.first; t < over.last; ++t) {
      const int64_t at = r * rows.stride - rows.pad_begin + t * rows.dilation;
      TakeGreater(x + at * columns.input, 1, columns.input, row);
    }
    std::fill_n(y, columns.output, kLeast);
    for (int64_t t = 0; t < columns.taps; ++t) {
      // The places whose tap t lies on the input.
      const int64_t offset = t * columns.dilation - columns.pad_begin;
      const int64_t begin = offset >= 0 ? 0 : (-offset + columns.stride - 1) / columns.stride;
      const int64_t room = columns.input - offset;
      const int64_t end =
          room <= 0 ? 0 : std::min((room + columns.stride - 1) / columns.stride, columns.output);
      if (begin >= end) continue;
      TakeGreater(row + begin * columns.stride + offset, columns.stride, end - begin, y + begin);
    }
  }
}

class MaxPlanesKernel : public Kernel {
 public:
  MaxPlanesKernel(const WindowMatrix& spans, int64_t planes, int threads)
      : spans_(spans), planes_(planes), threads_(threads) {}

  absl::Status Run(KernelContext& context) const override {
    const float* const x = context.input<float>(0).data();
    float* const y = context.output<float>(0).data();
    float* const scratch = reinterpret_cast<float*>(context.scratch());
    const int64_t in = spans_.rows.input * spans_.columns.input;
    const int64_t out = spans_.rows.output * spans_.columns.output;
#pragma omp parallel for num_threads(threads_) if (threads_ > 1)
    for (int t = 0; t < threads_; ++t) {
      for (int64_t p = planes_ * t / threads_; p < planes_ * (t + 1) / threads_; ++p) {
        MaxPlane(spans_.rows, spans_.columns, x + p * in, scratch + t * spans_.columns.input,
                 y + p * out);
      }
    }
    return absl::OkStatus();
  }

  int64_t scratch_bytes() const override {
    return threads_ * spans_.columns.input * static_cast<int64_t>(sizeof(float));
  }
  std::string Describe() const override { return "loop over planes"; }

 private:
  const WindowMatrix spans_;
  const int64_t planes_;
  const int threads_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Kernel>> PrepareMaxPlanes(const PrepareContext& context) {
  if (context.inputs[0].dtype != DType::kFloat32 || context.outputs.size() > 1 ||
      IsChannelsLast(context.attrs)) {
    return nullptr;
  }
  const Shape& x = context.inputs[0].shape;
  const auto window = PoolWindow(context.attrs, x);
  if (!window.ok() || !FitsIn32Bits(*window) || window->size() > 2) return nullptr;
  // A window far larger than the input is mostly padding, through which nobody needs to go.
  constexpr int64_t kMaxOverhang = 4;
  for (const WindowAxis& axis : *window) {
    if (axis.kernel.size() > kMaxOverhang * std::max<int64_t>(axis.input.size(), 1)) return nullptr;
  }
  // A team of threads costs some microseconds.
  constexpr int64_t kWorthThreads = 1 << 15;
  const int threads = x.num_elements() < kWorthThreads ? 1 : context.threads;
  return std::make_unique<MaxPlanesKernel>(SpansOf(*window), x[0] * x[1], threads);
}

}  // namespace nomograph::nn
