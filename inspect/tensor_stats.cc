#include "nomograph/inspect/tensor_stats.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/types/span.h"

namespace nomograph {
namespace {

constexpr int64_t kChunk = 4096;  // elements, which stay in the cache as doubles
constexpr int64_t kProgressBytes = int64_t{16} << 20;

// Mean and sum of squared differences from it. Chunks are joined without the loss of digits that a
// plain sum of squares has (T. Chan, G. Golub & R. LeVeque, "Updating Formulae and a Pairwise
// Algorithm for Computing Sample Variances", 1979).
class Moments {
 public:
  void AddChunk(absl::Span<const double> values) {
    if (values.empty()) return;
    double sum = 0;
    for (const double v : values) sum += v;
    const double count = static_cast<double>(values.size());
    const double mean = sum / count;
    double squares = 0;
    for (const double v : values) squares += (v - mean) * (v - mean);
    const double delta = mean - mean_;
    const double total = count_ + count;
    mean_ += delta * count / total;
    squares_ += squares + delta * delta * count_ * count / total;
    count_ = total;
  }

  bool empty() const { return count_ == 0; }
  double mean() const { return mean_; }
  double stddev() const { return std::sqrt(squares_ / count_); }

 private:
  double count_ = 0, mean_ = 0, squares_ = 0;
};

// Counts a chunk's elements, and moves the finite ones to its front. Yields how many these are.
size_t CountAndFilter(absl::Span<double> chunk, TensorStats& stats) {
  size_t finite = 0;
  for (const double v : chunk) {
    stats.zeros += v == 0 ? 1 : 0;
    if (std::isfinite(v)) {
      chunk[finite++] = v;
    } else {
      ++(std::isnan(v) ? stats.nans : stats.infinities);
    }
  }
  return finite;
}

}  // namespace

TensorStats ComputeStats(const Tensor& tensor, const std::function<void(int64_t)>& progress) {
  TensorStats stats;
  Moments moments;
  std::vector<double> buffer(kChunk);
  const int64_t size = DTypeSize(tensor.dtype());
  int64_t unreported = 0;
  for (int64_t begin = 0; begin < tensor.num_elements(); begin += kChunk) {
    const int64_t count = std::min(kChunk, tensor.num_elements() - begin);
    ConvertElements(tensor.dtype(), tensor.raw_data() + begin * size, DType::kFloat64,
                    reinterpret_cast<std::byte*>(buffer.data()), count);
    const auto finite =
        absl::MakeSpan(buffer).first(CountAndFilter(absl::MakeSpan(buffer).first(count), stats));
    for (const double v : finite) {
      stats.min = std::fmin(stats.min, v);  // of a NaN and a number, the number
      stats.max = std::fmax(stats.max, v);
    }
    moments.AddChunk(finite);
    unreported += count * size;
    if (progress && (unreported >= kProgressBytes || begin + count == tensor.num_elements())) {
      progress(std::exchange(unreported, 0));
    }
  }
  if (!moments.empty()) {
    stats.mean = moments.mean();
    stats.stddev = moments.stddev();
  }
  return stats;
}

Histogram ComputeHistogram(const Tensor& tensor, const TensorStats& stats) {
  Histogram histogram;
  // Halved, so that the difference of two numbers of double is a number of double.
  const double least = stats.min / 2, width = stats.max / 2 - least;
  std::vector<double> buffer(kChunk);
  const int64_t size = DTypeSize(tensor.dtype());
  for (int64_t begin = 0; begin < tensor.num_elements(); begin += kChunk) {
    const int64_t count = std::min(kChunk, tensor.num_elements() - begin);
    ConvertElements(tensor.dtype(), tensor.raw_data() + begin * size, DType::kFloat64,
                    reinterpret_cast<std::byte*>(buffer.data()), count);
    for (const double v : absl::MakeSpan(buffer).first(count)) {
      if (!std::isfinite(v)) continue;
      const double part = width > 0 ? (v / 2 - least) / width : 0;
      const auto bin = static_cast<size_t>(part * Histogram::kBins);
      ++histogram.bins[std::min(bin, Histogram::kBins - 1)];
    }
  }
  return histogram;
}

}  // namespace nomograph
