// How long runs of a model take.
#ifndef NOMOGRAPH_TOOLS_RUN_TIME_RUNS_H_
#define NOMOGRAPH_TOOLS_RUN_TIME_RUNS_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace nomograph {

// Of one run, in seconds.
struct RunTimes {
  int64_t runs = 0;
  double median = 0, least = 0, greatest = 0, mean = 0;
  double p90 = 0, p99 = 0;  // of 100 runs so many were not slower
};

// How often to run: `runs` times, or, where that is 0, until `seconds` have passed; at least once.
// Ahead of that `warmup` runs that do not count.
struct TimingPlan {
  int64_t warmup = 0, runs = 0;
  double seconds = 0;
};
// The first error ends it.
absl::StatusOr<RunTimes> TimeRuns(const TimingPlan& plan, const std::function<absl::Status()>& run);

// "12.3 ms a run (median of 20 runs; 12.0 ms to 15.1 ms, 90 % within 13.0 ms, 99 % within 15.1 ms)"
std::string RunTimesText(const RunTimes& times);

// The most memory that this process has held, in bytes; 0 where the system does not tell.
int64_t PeakMemory();

// "12.3 ms", "0.527 ms"
std::string Milliseconds(double seconds);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_RUN_TIME_RUNS_H_
