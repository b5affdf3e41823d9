#include "nomograph/ops/nn/pool/max_planes.h"

#include <algorithm>

#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/window/max_pool.h"
#include "nomograph/ops/nn/conv/conv_kernel.h"
#include "nomograph/ops/nn/pool/pool.h"

namespace nomograph::nn {
namespace {

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
    ParallelParts(threads_, [&](int part, int parts) {
      for (int64_t p = planes_ * part / parts; p < planes_ * (part + 1) / parts; ++p) {
        MaxPool(spans_, x + p * in, y + p * out, scratch + part * MaxPoolScratchFloats(spans_));
      }
    });
    return absl::OkStatus();
  }

  int64_t scratch_bytes() const override {
    return threads_ * MaxPoolScratchFloats(spans_) * static_cast<int64_t>(sizeof(float));
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
  // What is far larger than the input is mostly padding, through which nobody needs to go.
  constexpr int64_t kMaxOverhang = 4;
  for (const WindowAxis& axis : *window) {
    if (axis.pad_begin < 0) return nullptr;
    const int64_t reach = axis.kernel.size() + axis.pad_begin + axis.pad_end;
    if (reach > kMaxOverhang * std::max<int64_t>(axis.input.size(), 1)) return nullptr;
  }
  // A team of threads costs some microseconds.
  constexpr int64_t kWorthThreads = 1 << 15;
  const int threads = x.num_elements() < kWorthThreads ? 1 : context.threads;
  return std::make_unique<MaxPlanesKernel>(SpansOf(*window), x[0] * x[1], threads);
}

}  // namespace nomograph::nn
