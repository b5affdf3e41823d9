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
  double median = 0, least = 0, greatest = 0;
};

// Calls `run` so many times, at least once. The first error ends it.
absl::StatusOr<RunTimes> TimeRuns(int64_t runs, const std::function<absl::Status()>& run);

// "12.3 ms a run (median of 20 runs; 12.0 ms to 15.1 ms)"
std::string RunTimesText(const RunTimes& times);

// The most memory that this process has held, in bytes; 0 where the system does not tell.
int64_t PeakMemory();

// "12.3 ms", "0.527 ms"
std::string Milliseconds(double seconds);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_RUN_TIME_RUNS_H_
