#include "nomograph/core/run/run_limits.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "nomograph/core/types/status.h"

namespace nomograph {
namespace {

using Clock = std::chrono::steady_clock;

// About three years: the clock's own numbers end at some hundred.
constexpr double kMaxSeconds = 1e8;

thread_local const RunScope* current_run = nullptr;

}  // namespace

absl::Status RunLimits::Check() const {
  if (memory_bytes < 0) {
    return InvalidArgument("memory limit: expected at least 0 bytes, found ", memory_bytes);
  }
  if (!(seconds >= 0 && seconds <= kMaxSeconds)) {
    return InvalidArgument("time limit: expected 0 to ", kMaxSeconds, " seconds, found ", seconds);
  }
  return absl::OkStatus();
}

RunScope::RunScope(const RunLimits& limits)
    : memory_(std::make_shared<MemoryAccount>(limits.memory_bytes)),
      limits_(limits),
      outer_(current_run) {
  if (limits.seconds > 0) {
    deadline_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                   std::chrono::duration<double>(limits.seconds));
  }
  current_run = this;
}

RunScope::~RunScope() { current_run = outer_; }

absl::Status RunScope::Check() const {
  if (limits_.cancel != nullptr && limits_.cancel->load(std::memory_order_relaxed)) {
    return absl::CancelledError("the run was cancelled");
  }
  if (deadline_ && Clock::now() >= *deadline_) {
    return absl::DeadlineExceededError(
        absl::StrCat("the run takes longer than its limit of ", limits_.seconds, " s"));
  }
  return absl::OkStatus();
}

bool RunIsLimited() {
  for (const RunScope* run = current_run; run != nullptr; run = run->outer_) {
    if (run->limits_.cancel != nullptr || run->deadline_) return true;
  }
  return false;
}

absl::Status CheckRun() {
  for (const RunScope* run = current_run; run != nullptr; run = run->outer_) {
    NOMO_RETURN_IF_ERROR(run->Check());
  }
  return absl::OkStatus();
}

}  // namespace nomograph
