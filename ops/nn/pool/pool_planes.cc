#include "nomograph/ops/nn/pool/pool_planes.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/window/pool.h"
#include "nomograph/ops/nn/conv/conv_kernel.h"
#include "nomograph/ops/nn/pool/pool.h"

namespace nomograph::nn {
namespace {

// What PoolCounts points to, of the axes that there are.
struct Counts {
  std::vector<float> depth = {1}, rows = {1}, columns;
};

class PlanesKernel : public Kernel {
 public:
  // `counts`: of a mean.
  PlanesKernel(const WindowMatrix& spans, int64_t planes, int threads, std::optional<Counts> counts)
      : spans_(spans), planes_(planes), threads_(threads), counts_(std::move(counts)) {}

  absl::Status Run(KernelContext& context) const override {
    const float* const x = context.input<float>(0).data();
    float* const y = context.output<float>(0).data();
    float* const scratch = reinterpret_cast<float*>(context.scratch());
    int64_t* const indices =
        context.num_outputs() > 1 ? context.output<int64_t>(1).data() : nullptr;
    const int64_t in = spans_.elements(), out = spans_.places();
    ParallelParts(threads_, [&](int part, int parts) {
      float* const own = scratch + part * ScratchFloats();
      for (int64_t p = planes_ * part / parts; p < planes_ * (part + 1) / parts; ++p) {
        if (counts_.has_value()) {
          const PoolCounts counts = {counts_->depth.data(), counts_->rows.data(),
                                     counts_->columns.data()};
          MeanPool(spans_, counts, x + p * in, y + p * out, own);
        } else if (indices != nullptr) {
          MaxPoolWithIndices(spans_, x + p * in, p * in, y + p * out, indices + p * out, own);
        } else {
          MaxPool(spans_, x + p * in, y + p * out, own);
        }
      }
    });
    return absl::OkStatus();
  }

  int64_t scratch_bytes() const override {
    return threads_ * ScratchFloats() * static_cast<int64_t>(sizeof(float));
  }
  std::string Describe() const override { return "loop over planes"; }

 private:
  int64_t ScratchFloats() const { return ApartFloats(PoolScratchFloats(spans_)); }

  const WindowMatrix spans_;
  const int64_t planes_;
  const int threads_;
  const std::optional<Counts> counts_;
};

// The window of a node that these loops serve.
std::optional<Window> ServedWindow(const PrepareContext& context) {
  if (context.inputs[0].dtype != DType::kFloat32 || IsChannelsLast(context.attrs)) {
    return std::nullopt;
  }
  const auto window = PoolWindow(context.attrs, context.inputs[0].shape);
  if (!window.ok() || !FitsIn32Bits(*window)) return std::nullopt;
  // What is far larger than the input is mostly padding, through which nobody needs to go.
  constexpr int64_t kMaxOverhang = 4;
  for (const WindowAxis& axis : *window) {
    if (axis.pad_begin < 0) return std::nullopt;
    const int64_t reach = axis.kernel.size() + axis.pad_begin + axis.pad_end;
    if (reach > kMaxOverhang * std::max<int64_t>(axis.input.size(), 1)) return std::nullopt;
  }
  return *window;
}

std::unique_ptr<Kernel> MakePlanesKernel(const PrepareContext& context, const Window& window,
                                         std::optional<Counts> counts) {
  const Shape& x = context.inputs[0].shape;
  // A team of threads costs some microseconds.
  constexpr int64_t kWorthThreads = 1 << 15;
  const int threads = x.num_elements() < kWorthThreads ? 1 : context.threads;
  return std::make_unique<PlanesKernel>(SpansOf(window), x[0] * x[1], threads, std::move(counts));
}

// How many taps meet the input along an axis, or that and its padding.
std::vector<float> CountsAlong(const WindowAxis& axis, bool padding) {
  const int64_t begin = padding ? -axis.pad_begin : 0;
  const int64_t end = axis.input.size() + (padding ? axis.pad_end : 0);
  std::vector<float> counts;
  for (int64_t p = 0; p < axis.output.size(); ++p) {
    const int64_t at = p * axis.stride - axis.pad_begin;
    const auto taps_before = [&](int64_t place) {
      const int64_t taps = (place - at + axis.dilation - 1) / axis.dilation;
      return std::clamp<int64_t>(taps, 0, axis.kernel.size());
    };
    counts.push_back(static_cast<float>(taps_before(end) - taps_before(begin)));
  }
  return counts;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Kernel>> PrepareMaxPlanes(const PrepareContext& context) {
  const std::optional<Window> window = ServedWindow(context);
  if (!window.has_value()) return nullptr;
  if (context.outputs.size() > 1) {
    const bool row_major = context.attrs.Int("storage_order") == 0;
    if (!row_major || SpansOf(*window).elements() >= std::numeric_limits<int32_t>::max()) {
      return nullptr;
    }
  }
  return MakePlanesKernel(context, *window, std::nullopt);
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareMeanPlanes(const PrepareContext& context) {
  const std::optional<Window> window = ServedWindow(context);
  if (!window.has_value()) return nullptr;
  const bool padding = context.attrs.Bool("count_include_pad");
  Counts counts;
  counts.columns = CountsAlong(window->back(), padding);
  if (window->size() > 1) counts.rows = CountsAlong((*window)[window->size() - 2], padding);
  if (window->size() > 2) counts.depth = CountsAlong(window->front(), padding);
  return MakePlanesKernel(context, *window, std::move(counts));
}

}  // namespace nomograph::nn
