// Statistics of a tensor's elements.
#ifndef NOMOGRAPH_INSPECT_TENSOR_STATS_H_
#define NOMOGRAPH_INSPECT_TENSOR_STATS_H_

#include <array>
#include <cstdint>
#include <functional>
#include <limits>

#include "nomograph/core/types/tensor.h"

namespace nomograph {

struct TensorStats {
  int64_t zeros = 0, nans = 0, infinities = 0;
  // Of the finite elements; NaN where there are none.
  double min = std::numeric_limits<double>::quiet_NaN();
  double max = min;
  double mean = min;
  double stddev = min;  // of the population, as numpy.std()
};

// One pass over the elements. `progress` is called with the number of bytes that have been read
// since its last call.
TensorStats ComputeStats(const Tensor& tensor,
                         const std::function<void(int64_t bytes)>& progress = nullptr);

// How many of the finite elements lie in each of equal parts of [stats.min, stats.max].
struct Histogram {
  static constexpr size_t kBins = 12;
  std::array<int64_t, kBins> bins{};
};
// One more pass; `stats` are the tensor's. Empty where no element is finite; where all are equal,
// they are in the first bin.
Histogram ComputeHistogram(const Tensor& tensor, const TensorStats& stats);

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_TENSOR_STATS_H_
