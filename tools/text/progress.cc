#include "nomograph/tools/text/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "absl/strings/str_format.h"

namespace nomograph {
namespace {

constexpr std::chrono::milliseconds kQuietTime(500), kRedrawTime(100);
constexpr int kWidth = 30;

}  // namespace

ProgressBar::ProgressBar(std::string what)
    : what_(std::move(what)),
      on_terminal_(isatty(STDERR_FILENO) != 0),
      start_(Clock::now()),
      last_drawn_(start_) {}

ProgressBar::~ProgressBar() {
  if (drawn_) absl::FPrintF(stderr, "\r\033[K");  // erases the line
}

void ProgressBar::Update(int64_t done, int64_t total) {
  if (!on_terminal_) return;
  const Clock::time_point now = Clock::now();
  if (now - start_ < kQuietTime || now - last_drawn_ < kRedrawTime) return;
  last_drawn_ = now;
  drawn_ = true;
  const double part = static_cast<double>(done) / static_cast<double>(std::max<int64_t>(total, 1));
  const int filled = std::clamp(static_cast<int>(part * kWidth), 0, kWidth);
  absl::FPrintF(stderr, "\r%s [%s%s] %3.0f %%", what_, std::string(filled, '='),
                std::string(kWidth - filled, ' '), 100 * part);
  std::fflush(stderr);
}

std::function<void(int64_t, int64_t)> ProgressBar::callback() {
  return [this](int64_t done, int64_t total) { Update(done, total); };
}

}  // namespace nomograph
