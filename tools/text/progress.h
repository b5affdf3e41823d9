// A progress bar for work that takes long.
#ifndef NOMOGRAPH_TOOLS_TEXT_PROGRESS_H_
#define NOMOGRAPH_TOOLS_TEXT_PROGRESS_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace nomograph {

// Draws one line on standard error, only where that is a terminal, only after the work has taken
// half a second, and removes it at the end.
class ProgressBar {
 public:
  // `what` is being done: "checking payloads".
  explicit ProgressBar(std::string what);
  ProgressBar(const ProgressBar&) = delete;
  ~ProgressBar();

  // Cheap: draws ten times a second at most.
  void Update(int64_t done, int64_t total);
  // Update() as a function that libraries take. It must not outlive the bar.
  std::function<void(int64_t, int64_t)> callback();

 private:
  using Clock = std::chrono::steady_clock;

  const std::string what_;
  const bool on_terminal_;
  const Clock::time_point start_;
  Clock::time_point last_drawn_;
  bool drawn_ = false;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_TEXT_PROGRESS_H_
