#include "nomograph/inspect/quantize/ranges.h"

#include <algorithm>
#include <cmath>

namespace nomograph {
namespace {

// The divergence of Kullback and Leibler from `counts`, whose rest is in the last one, to what is
// left of them when they share `levels` numbers.
double LostInformation(absl::Span<const double> counts, double rest, int levels) {
  const int n = static_cast<int>(counts.size());
  double total = rest;
  for (const double count : counts) total += count;
  if (total == 0) return 0;
  double lost = 0;
  double kept_total = total - rest;
  if (kept_total == 0) return std::numeric_limits<double>::infinity();
  for (int level = 0; level < levels; ++level) {
    const int begin = static_cast<int>(int64_t{level} * n / levels);
    const int end = static_cast<int>(int64_t{level + 1} * n / levels);
    double sum = 0;
    int used = 0;
    for (int i = begin; i < end; ++i) {
      sum += counts[i];
      used += counts[i] > 0 ? 1 : 0;
    }
    for (int i = begin; i < end; ++i) {
      const double p = (counts[i] + (i == n - 1 ? rest : 0)) / total;
      if (p == 0) continue;
      // The rest stands where nothing was counted: then nothing is left of it.
      const double q = counts[i] > 0 ? sum / used / kept_total : 1e-12;
      lost += p * std::log(p / q);
    }
  }
  return lost;
}

}  // namespace

std::optional<RangeMethod> RangeMethodFromName(absl::string_view name) {
  if (name == "minmax") return RangeMethod::kMinMax;
  if (name == "percentile") return RangeMethod::kPercentile;
  if (name == "entropy") return RangeMethod::kEntropy;
  return std::nullopt;
}

void RangeFinder::Widen(absl::Span<const float> numbers) {
  for (const float x : numbers) {
    if (!std::isfinite(x)) continue;
    low_ = std::min(low_, static_cast<double>(x));
    high_ = std::max(high_, static_cast<double>(x));
  }
}

void RangeFinder::Count(absl::Span<const float> numbers) {
  if (!(low_ < high_)) return;
  bins_.resize(kBins);
  const double scale = kBins / (high_ - low_);
  for (const float x : numbers) {
    if (!std::isfinite(x)) continue;
    const double bin = std::clamp((x - low_) * scale, 0.0, kBins - 1.0);
    ++bins_[static_cast<size_t>(bin)];
  }
}

Range RangeFinder::Find(RangeMethod method, double percentile) const {
  if (low_ > high_) return {};
  if (!bins_.empty() && method == RangeMethod::kPercentile) return Percentile(percentile);
  if (!bins_.empty() && method == RangeMethod::kEntropy) return Entropy();
  return {low_, high_};
}

Range RangeFinder::Percentile(double percentile) const {
  double total = 0;
  for (const int64_t count : bins_) total += static_cast<double>(count);
  const double outside = total * (1 - percentile / 100);
  const double width = (high_ - low_) / kBins;
  int first = 0, last = kBins - 1;
  for (double sum = static_cast<double>(bins_[first]); sum <= outside && first < last;) {
    sum += static_cast<double>(bins_[++first]);
  }
  for (double sum = static_cast<double>(bins_[last]); sum <= outside && last > first;) {
    sum += static_cast<double>(bins_[--last]);
  }
  return {low_ + first * width, low_ + (last + 1) * width};
}

Range RangeFinder::Entropy() const {
  // By magnitude: the range has one bound for both signs.
  const double largest = std::max(-low_, high_), width = (high_ - low_) / kBins;
  std::vector<double> magnitudes(kBins, 0);
  for (int i = 0; i < kBins; ++i) {
    const double middle = std::abs(low_ + (i + 0.5) * width);
    const double bin = std::min(middle / largest * kBins, kBins - 1.0);
    magnitudes[static_cast<size_t>(bin)] += static_cast<double>(bins_[i]);
  }
  const int levels = low_ < 0 ? 128 : 256;
  double rest = 0, least = std::numeric_limits<double>::infinity();
  int best = kBins;
  for (int count = kBins; count >= levels; --count) {
    const double lost = LostInformation(absl::MakeConstSpan(magnitudes).first(count), rest, levels);
    if (lost < least) {
      least = lost;
      best = count;
    }
    rest += magnitudes[count - 1];
  }
  const double bound = largest * best / kBins;
  return {std::max(low_, -bound), std::min(high_, bound)};
}

}  // namespace nomograph
