#include "nomograph/data/pipeline/stats.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nomograph/core/types/escape.h"

namespace nomograph {

int64_t PipelineStats::skipped() const {
  int64_t count = 0;
  for (const StageStats& stage : stages) count += stage.skipped;
  return count;
}

std::string PipelineStats::ToString() const {
  constexpr size_t kMostName = 28;  // so that a line has at most 80 characters
  std::vector<std::string> names;
  size_t width = 5;
  for (const StageStats& stage : stages) {
    // Stages that are deeper than the terminal is wide stand one below the other.
    std::string name(2 * std::min(stage.depth, 8), ' ');
    absl::StrAppend(&name, Escape(stage.name));
    if (name.size() > kMostName) name = absl::StrCat(name.substr(0, kMostName - 3), "...");
    width = std::max(width, name.size());
    names.push_back(std::move(name));
  }
  std::string text = absl::StrFormat("%-*s %10s %10s %9s %9s", width, "stage", "elements", "per s",
                                     "busy s", "waiting s");
  const bool with_skipped = skipped() > 0;
  absl::StrAppend(&text, with_skipped ? "  skipped\n" : "\n");
  for (size_t i = 0; i < stages.size(); ++i) {
    const StageStats& stage = stages[i];
    const double rate = seconds > 0 ? static_cast<double>(stage.elements) / seconds : 0;
    absl::StrAppendFormat(&text, "%-*s %10d %10.0f %9.3f %9.3f", width, names[i], stage.elements,
                          rate, stage.busy_seconds, stage.waiting_seconds);
    if (with_skipped) absl::StrAppendFormat(&text, " %8d", stage.skipped);
    text += '\n';
  }
  absl::StrAppendFormat(&text, "The caller waited %.3f of %.3f s for elements.\n",
                        caller_waiting_seconds, seconds);
  return text;
}

}  // namespace nomograph
