#include "nomograph/tools/run/time_runs.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <numeric>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "nomograph/core/types/status.h"
#include "nomograph/tools/text/numbers.h"

namespace nomograph {

namespace {

// The least time within which so many hundredths of the runs lay (the nearest-rank method).
double Percentile(const std::vector<double>& sorted, size_t percent) {
  return sorted[(sorted.size() * percent + 99) / 100 - 1];
}

}  // namespace

absl::StatusOr<RunTimes> TimeRuns(const TimingPlan& plan,
                                  const std::function<absl::Status()>& run) {
  using Clock = std::chrono::steady_clock;
  using Seconds = std::chrono::duration<double>;
  for (int64_t i = 0; i < plan.warmup; ++i) NOMO_RETURN_IF_ERROR(run());
  std::vector<double> seconds;
  const Clock::time_point begin = Clock::now();
  bool more = true;
  while (more) {
    const Clock::time_point start = Clock::now();
    NOMO_RETURN_IF_ERROR(run());
    const Clock::time_point end = Clock::now();
    seconds.push_back(Seconds(end - start).count());
    more = plan.runs > 0 ? static_cast<int64_t>(seconds.size()) < plan.runs
                         : Seconds(end - begin).count() < plan.seconds;
  }
  std::sort(seconds.begin(), seconds.end());
  const size_t count = seconds.size();
  const double sum = std::accumulate(seconds.begin(), seconds.end(), 0.0);
  return RunTimes{.runs = static_cast<int64_t>(count),
                  .median = (seconds[(count - 1) / 2] + seconds[count / 2]) / 2,
                  .least = seconds.front(),
                  .greatest = seconds.back(),
                  .mean = sum / static_cast<double>(count),
                  .p90 = Percentile(seconds, 90),
                  .p99 = Percentile(seconds, 99)};
}

int64_t PeakMemory() {
  // Not getrusage(): what it tells may be of the program that started this one.
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    absl::string_view number = line;
    int64_t kilobytes;
    if (absl::ConsumePrefix(&number, "VmHWM:") && absl::ConsumeSuffix(&number, "kB") &&
        absl::SimpleAtoi(number, &kilobytes)) {
      return kilobytes * 1024;
    }
  }
  return 0;
}

std::string RunTimesText(const RunTimes& times) {
  return absl::StrCat(Milliseconds(times.median), " a run (median of ", Counted(times.runs, "run"),
                      "; ", Milliseconds(times.least), " to ", Milliseconds(times.greatest),
                      ", 90 % within ", Milliseconds(times.p90), ", 99 % within ",
                      Milliseconds(times.p99), ")");
}

std::string Milliseconds(double seconds) {
  return absl::StrFormat("%.*f ms", seconds < 0.01 ? 3 : 1, seconds * 1e3);
}

}  // namespace nomograph
