#include "nomograph/examples/ocr/batches.h"

#include <algorithm>
#include <numeric>

namespace nomograph::ocr {
namespace {

int64_t RoundUp(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

}  // namespace

std::vector<Batch> PlanBatches(absl::Span<const int64_t> widths, const BatchOptions& options) {
  std::vector<int64_t> order(widths.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return widths[a] < widths[b]; });

  std::vector<Batch> batches;
  int64_t narrowest = 0;
  for (const int64_t index : order) {
    const int64_t width = widths[index];
    if (batches.empty() ||
        static_cast<int64_t>(batches.back().members.size()) == options.max_members ||
        static_cast<double>(narrowest) < options.min_share * static_cast<double>(width)) {
      batches.emplace_back();
      narrowest = width;
    }
    batches.back().members.push_back(index);
    batches.back().width = RoundUp(width, options.width_step);
  }
  return batches;
}

}  // namespace nomograph::ocr
