#include "nomograph/ops/array/resize_kernel.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "nomograph/core/numeric/threads.h"

namespace nomograph {
namespace {

// Resizing one axis of [outer, axis, inner]. Output element i has `count` taps from first[i] on.
struct Pass {
  int64_t outer, inner;
  int64_t input, output, count;
  std::vector<int64_t> first;
  std::vector<float> weights;
  std::vector<bool> extrapolated;
  bool copies;
};

// How elements of type E are moved along one axis. `threads` share the work.
template <typename E>
void CopyPass(const Pass& pass, const E* x, E* y, int threads) {
  const int64_t* first = pass.first.data();
  ParallelFor(threads, pass.outer, [&](int64_t o) {
    const E* from = x + o * pass.input * pass.inner;
    E* to = y + o * pass.output * pass.inner;
    if (pass.inner == 1) {
      for (int64_t i = 0; i < pass.output; ++i) to[i] = from[first[i]];
    } else {
      for (int64_t i = 0; i < pass.output; ++i, to += pass.inner) {
        std::memcpy(to, from + first[i] * pass.inner, pass.inner * sizeof(E));
      }
    }
  });
}

// y = the weighted sum of `count` rows of x, which has n elements in each.
void SumRows(const float* __restrict x, const float* w, int64_t count, int64_t n,
             float* __restrict y) {
  int64_t t = 2;
  if (count == 1) {
    for (int64_t k = 0; k < n; ++k) y[k] = w[0] * x[k];
  } else {
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) y[k] = w[0] * x[k] + w[1] * x[n + k];
  }
  for (; t + 1 < count; t += 2) {
    const float *a = x + t * n, *b = a + n;
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) y[k] += w[t] * a[k] + w[t + 1] * b[k];
  }
  if (t < count) {
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) y[k] += w[t] * x[t * n + k];
  }
}

// The same for rows of one element each. kCount is the number of taps, or 0 for any.
template <int kCount>
void SumElements(const Pass& pass, const float* x, float* y) {
  const int64_t count = kCount > 0 ? kCount : pass.count;
  const int64_t* first = pass.first.data();
  const float* w = pass.weights.data();
  for (int64_t i = 0; i < pass.output; ++i, w += count) {
    const float* from = x + first[i];
    float sum = w[0] * from[0];
    for (int64_t t = 1; t < count; ++t) sum += w[t] * from[t];
    y[i] = sum;
  }
}

void SumPass(const Pass& pass, const float* x, float* y, float extrapolation, int threads) {
  const auto elements = pass.count == 2   ? SumElements<2>
                        : pass.count == 4 ? SumElements<4>
                                          : SumElements<0>;
  ParallelFor(threads, pass.outer, [&](int64_t o) {
    const float* from = x + o * pass.input * pass.inner;
    float* to = y + o * pass.output * pass.inner;
    if (pass.inner == 1) {
      elements(pass, from, to);
    } else {
      for (int64_t i = 0; i < pass.output; ++i) {
        SumRows(from + pass.first[i] * pass.inner, pass.weights.data() + i * pass.count, pass.count,
                pass.inner, to + i * pass.inner);
      }
    }
    for (int64_t i = 0; i < pass.output; ++i) {
      if (pass.extrapolated[i]) std::fill_n(to + i * pass.inner, pass.inner, extrapolation);
    }
  });
}

// The passes for the axes behind the leading ones that stay as they are; these are `planes`.
struct Plan {
  int64_t planes = 1;
  std::vector<Pass> passes;
  // Elements of a plane ahead of the passes, behind them, and the most in between.
  int64_t input = 1, output = 1, between = 0;
  bool copies = true;
};

Plan MakePlan(const std::vector<ResizeTaps>& taps) {
  Plan plan;
  std::vector<int> axes;
  std::vector<int64_t> sizes;
  for (const ResizeTaps& axis : taps) {
    const bool identity = axis.identity();
    if (!identity) axes.push_back(static_cast<int>(sizes.size()));
    if (identity && axes.empty()) {
      plan.planes *= axis.axis.input;
      sizes.push_back(1);
    } else {
      sizes.push_back(axis.axis.input);
      plan.input *= axis.axis.input;
      plan.output *= axis.axis.output;
    }
  }
  // Few elements on the way: first the axes that shrink, of the others the inner ones first.
  std::stable_sort(axes.begin(), axes.end(), [&](int a, int b) {
    const bool a_shrinks = taps[a].axis.output < taps[a].axis.input;
    const bool b_shrinks = taps[b].axis.output < taps[b].axis.input;
    if (a_shrinks != b_shrinks) return a_shrinks;
    return a_shrinks ? a < b : a > b;
  });
  for (const int a : axes) {
    const ResizeTaps& t = taps[a];
    Pass pass{1, 1, t.axis.input, t.axis.output, t.count, t.first, {}, t.extrapolated, t.copies()};
    pass.weights.assign(t.weights.begin(), t.weights.end());
    for (int i = 0; i < a; ++i) pass.outer *= sizes[i];
    for (size_t i = a + 1; i < sizes.size(); ++i) pass.inner *= sizes[i];
    sizes[a] = t.axis.output;
    plan.copies &= pass.copies;
    if (!plan.passes.empty()) {
      const Pass& last = plan.passes.back();
      plan.between = std::max(plan.between, last.outer * last.output * last.inner);
    }
    plan.passes.push_back(std::move(pass));
  }
  return plan;
}

// Runs the passes on one plane, by way of two buffers of plan.between elements.
template <typename E, typename RunPass>
void RunPlane(const Plan& plan, const E* x, E* y, E* buffers, RunPass run) {
  for (size_t i = 0; i < plan.passes.size(); ++i) {
    E* to = i + 1 == plan.passes.size() ? y : buffers + (i % 2) * plan.between;
    run(plan.passes[i], x, to);
    x = to;
  }
}

class ResizeKernel final : public Kernel {
 public:
  ResizeKernel(Plan plan, DType dtype, float extrapolation, int threads)
      : plan_(std::move(plan)),
        dtype_(dtype),
        extrapolation_(extrapolation),
        // Planes are shared out among the threads, or else, where they are few, the rows of each.
        plane_threads_(plan_.planes >= threads ? threads : 1),
        row_threads_(plan_.planes >= threads ? 1 : threads) {}

  absl::Status Run(KernelContext& context) const override {
    if (plan_.copies) {
      const int64_t size = DTypeSize(dtype_);
      if (size == 1) Copy<uint8_t>(context);
      if (size == 2) Copy<uint16_t>(context);
      if (size == 4) Copy<uint32_t>(context);
      if (size == 8) Copy<uint64_t>(context);
    } else {
      Dispatch(SumTypes{}, dtype_, [&]<typename T>() { Sum<T>(context); });
    }
    return absl::OkStatus();
  }

  int64_t scratch_bytes() const override { return plane_threads_ * BytesPerThread(); }
  std::string Describe() const override { return plan_.copies ? "resize copies" : "resize sums"; }

  using SumTypes = TypeList<float, Half, BFloat16, int8_t, uint8_t>;

 private:
  int64_t BytesPerThread() const {
    if (plan_.copies) return ApartBytes(2 * plan_.between * DTypeSize(dtype_));
    const int64_t converted = dtype_ == DType::kFloat32 ? 0 : plan_.input + plan_.output;
    return ApartBytes((2 * plan_.between + converted) * static_cast<int64_t>(sizeof(float)));
  }

  // Calls f(plane, scratch memory) for each plane.
  template <typename F>
  void ForEachPlane(std::byte* scratch, F f) const {
    ParallelFor(plane_threads_, plan_.planes,
                [&](int64_t p, int part) { f(p, scratch + part * BytesPerThread()); });
  }

  template <typename E>
  void Copy(KernelContext& context) const {
    const E* x = reinterpret_cast<const E*>(context.input_view(0).data);
    E* y = reinterpret_cast<E*>(context.output_view(0).data);
    if (plan_.passes.empty()) {
      std::memcpy(y, x, plan_.planes * plan_.input * sizeof(E));
      return;
    }
    ForEachPlane(context.scratch(), [&](int64_t p, std::byte* scratch) {
      RunPlane(
          plan_, x + p * plan_.input, y + p * plan_.output, reinterpret_cast<E*>(scratch),
          [&](const Pass& pass, const E* from, E* to) { CopyPass(pass, from, to, row_threads_); });
    });
  }

  template <typename T>
  void Sum(KernelContext& context) const {
    const T* x = context.input<T>(0).data();
    T* y = context.output<T>(0).data();
    const auto run = [&](const Pass& pass, const float* from, float* to) {
      SumPass(pass, from, to, extrapolation_, row_threads_);
    };
    ForEachPlane(context.scratch(), [&](int64_t p, std::byte* scratch) {
      float* buffers = reinterpret_cast<float*>(scratch);
      const T* from = x + p * plan_.input;
      T* to = y + p * plan_.output;
      if constexpr (std::is_same_v<T, float>) {
        RunPlane(plan_, from, to, buffers, run);
      } else {
        float* in = buffers + 2 * plan_.between;
        float* out = in + plan_.input;
        for (int64_t i = 0; i < plan_.input; ++i) in[i] = static_cast<float>(from[i]);
        RunPlane(plan_, in, out, buffers, run);
        for (int64_t i = 0; i < plan_.output; ++i) to[i] = RoundedTo<T>(out[i]);
      }
    });
  }

  const Plan plan_;
  const DType dtype_;
  const float extrapolation_;
  const int plane_threads_, row_threads_;
};

}  // namespace

std::unique_ptr<Kernel> MakeResizeKernel(const PrepareContext& context,
                                         const std::vector<ResizeTaps>& taps) {
  const DType dtype = context.inputs[0].dtype;
  Plan plan = MakePlan(taps);
  if (!plan.copies && !DTypesOf(ResizeKernel::SumTypes{}).Contains(dtype)) return nullptr;
  return std::make_unique<ResizeKernel>(
      std::move(plan), dtype, static_cast<float>(context.attrs.Float("extrapolation_value")),
      context.threads);
}

}  // namespace nomograph
