// Statistics of tensors, as text and JSON.
#ifndef NOMOGRAPH_TOOLS_REPORT_STATS_TEXT_H_
#define NOMOGRAPH_TOOLS_REPORT_STATS_TEXT_H_

#include <string>

#include "nlohmann/json.hpp"
#include "nomograph/inspect/tensor_stats.h"

namespace nomograph {

// "▁▂▅█▅▂▁": a histogram from the least to the greatest finite element; the highest bar is the
// fullest, and a bin that is not empty has a bar.
std::string HistogramText(const Histogram& histogram);
// "-0.31..0.34  mean 0.0001  std 0.02  ▁▂▅█▅▂▁  2 nan"
std::string StatsLine(const Tensor& tensor);
nlohmann::ordered_json StatsJson(const TensorStats& stats);
// A hash of the elements, and statistics: "9a41f00c2d1b7e33 min -0.31 max 0.34 mean 0.0001 std
// 0.02".
std::string TensorDigest(const Tensor& tensor);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_REPORT_STATS_TEXT_H_
