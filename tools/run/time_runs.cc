#include "nomograph/tools/run/time_runs.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "nomograph/core/types/status.h"
#include "nomograph/tools/text/numbers.h"

namespace nomograph {

absl::StatusOr<RunTimes> TimeRuns(int64_t runs, const std::function<absl::Status()>& run) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> seconds;
  do {
    const Clock::time_point start = Clock::now();
    NOMO_RETURN_IF_ERROR(run());
    seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
  } while (static_cast<int64_t>(seconds.size()) < runs);
  std::sort(seconds.begin(), seconds.end());
  const size_t count = seconds.size();
  const double median = (seconds[(count - 1) / 2] + seconds[count / 2]) / 2;
  return RunTimes{static_cast<int64_t>(count), median, seconds.front(), seconds.back()};
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
                      "; ", Milliseconds(times.least), " to ", Milliseconds(times.greatest), ")");
}

std::string Milliseconds(double seconds) {
  return absl::StrFormat("%.*f ms", seconds < 0.01 ? 3 : 1, seconds * 1e3);
}

}  // namespace nomograph
