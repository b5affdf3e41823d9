#include "nomograph/tools/report/stats_text.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nomograph/tools/report/json_values.h"
#include "xxhash.h"

namespace nomograph {

std::string HistogramText(const Histogram& histogram) {
  static constexpr const char* kBars[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const int64_t most = *std::max_element(histogram.bins.begin(), histogram.bins.end());
  if (most == 0) return "";
  std::string text;
  for (const int64_t bin : histogram.bins) {
    const double part = static_cast<double>(bin) / static_cast<double>(most);
    text += kBars[bin == 0 ? 0 : std::clamp(static_cast<int>(part * 8 + 0.5), 1, 8)];
  }
  return text;
}

std::string StatsLine(const Tensor& tensor) {
  const TensorStats stats = ComputeStats(tensor);
  std::string text = absl::StrFormat("%.4g..%.4g  mean %.4g  std %.4g", stats.min, stats.max,
                                     stats.mean, stats.stddev);
  if (tensor.num_elements() == 1) text = absl::StrFormat("%.6g", stats.min);
  if (stats.max > stats.min) {
    absl::StrAppend(&text, "  ", HistogramText(ComputeHistogram(tensor, stats)));
  }
  if (stats.nans > 0) absl::StrAppend(&text, "  ", stats.nans, " nan");
  if (stats.infinities > 0) absl::StrAppend(&text, "  ", stats.infinities, " inf");
  return text;
}

nlohmann::ordered_json StatsJson(const TensorStats& stats) {
  return {{"min", NumberJson(stats.min)},   {"max", NumberJson(stats.max)},
          {"mean", NumberJson(stats.mean)}, {"std", NumberJson(stats.stddev)},
          {"zeros", stats.zeros},           {"nan", stats.nans},
          {"inf", stats.infinities}};
}

std::string TensorDigest(const Tensor& tensor) {
  const TensorStats stats = ComputeStats(tensor);
  std::string text =
      absl::StrFormat("%016x min %.6g max %.6g mean %.6g std %.6g",
                      XXH3_64bits(tensor.raw_data(), static_cast<size_t>(tensor.num_bytes())),
                      stats.min, stats.max, stats.mean, stats.stddev);
  if (stats.nans + stats.infinities > 0) {
    absl::StrAppend(&text, " nan ", stats.nans, " inf ", stats.infinities);
  }
  return text;
}

}  // namespace nomograph
