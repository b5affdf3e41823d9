// What ends a run early: its memory limit, its time limit, and being cancelled.
#ifndef NOMOGRAPH_CORE_RUN_RUN_LIMITS_H_
#define NOMOGRAPH_CORE_RUN_RUN_LIMITS_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "nomograph/core/types/memory.h"

namespace nomograph {

struct RunLimits {
  int64_t memory_bytes = 0;                   // 0: what the machine has
  double seconds = 0;                         // 0: none
  const std::atomic<bool>* cancel = nullptr;  // becomes true when the run is to end

  // InvalidArgument for what is no limit.
  absl::Status Check() const;
};

// While it lives, this thread is in a run with these limits; in a run within a run, those of both
// times and cancellings hold.
class RunScope {
 public:
  // REQUIRES: limits.Check() is OK.
  explicit RunScope(const RunLimits& limits);
  ~RunScope();
  RunScope(const RunScope&) = delete;
  RunScope& operator=(const RunScope&) = delete;

 private:
  friend absl::Status CheckRun();
  friend bool RunIsLimited();
  absl::Status Check() const;

  const MemoryScope memory_;
  const RunLimits limits_;
  std::optional<std::chrono::steady_clock::time_point> deadline_;
  const RunScope* const outer_;
};

// DeadlineExceeded or Cancelled when this thread's run is to end. It is asked before every step of
// a program; a kernel that runs for seconds may ask as well.
absl::Status CheckRun();
// Whether CheckRun() may say so, now or later in this thread's run.
bool RunIsLimited();

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_RUN_RUN_LIMITS_H_
