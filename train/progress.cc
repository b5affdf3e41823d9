#include "nomograph/train/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "absl/strings/str_format.h"
#include "nomograph/core/types/escape.h"

namespace nomograph {
namespace {

using Clock = std::chrono::steady_clock;

// " - accuracy: 0.9012 - loss: 0.3456"
std::string LogsText(const Logs& logs) {
  std::string text;
  for (const auto& [name, value] : logs) {
    const double size = std::abs(value);
    const bool plain = value == 0 || (size >= 1e-3 && size < 1e6);
    absl::StrAppend(&text, " - ", Escape(name), ": ",
                    std::isnan(value) ? "nan"  // whatever its sign
                    : plain           ? absl::StrFormat("%.4f", value)
                                      : absl::StrFormat("%.4e", value));
  }
  return text;
}

std::string SecondsText(double seconds) {
  const int64_t whole = static_cast<int64_t>(seconds);
  if (whole >= 3600)
    return absl::StrFormat("%d:%02d:%02d", whole / 3600, whole % 3600 / 60, whole % 60);
  if (whole >= 60) return absl::StrFormat("%d:%02d", whole / 60, whole % 60);
  return absl::StrFormat("%ds", whole);
}

std::string StepText(double seconds) {
  if (seconds >= 1) return absl::StrFormat("%.0fs/step", seconds);
  if (seconds >= 1e-3) return absl::StrFormat("%.0fms/step", seconds * 1e3);
  return absl::StrFormat("%.0fus/step", seconds * 1e6);
}

// Of the terminal; 80 where there is none.
int WidthOf(std::FILE* out) {
  winsize size{};
  return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

// The first `width` characters.
std::string CutTo(const std::string& text, int width) {
  size_t end = 0;
  for (int shown = 0; end < text.size(); ++shown) {
    size_t next = end + 1;
    while (next < text.size() && (text[next] & 0xc0) == 0x80) ++next;
    if (shown == width) break;
    end = next;
  }
  return text.substr(0, end);
}

class Progress : public Callback {
 public:
  Progress(bool bar, std::FILE* out) : bar_(bar), out_(out) {}
  std::string name() const override { return "Progress"; }

  absl::Status OnTrainBegin(Trainer& trainer) override {
    steps_ = trainer.steps_per_epoch();
    return absl::OkStatus();
  }

  absl::Status OnEpochBegin(Trainer& trainer, int64_t epoch) override {
    begun_ = shown_ = Clock::now();
    done_ = 0;
    if (bar_) absl::FPrintF(out_, "Epoch %d/%d\n", epoch + 1, trainer.fit_options()->epochs);
    return absl::OkStatus();
  }

  absl::Status OnBatchEnd(Trainer& /*trainer*/, int64_t /*batch*/, const Logs& logs) override {
    ++done_;
    constexpr auto kInterval = std::chrono::milliseconds(100);
    if (!bar_ || Clock::now() - shown_ < kInterval) return absl::OkStatus();
    shown_ = Clock::now();
    const double each = Seconds() / static_cast<double>(done_);
    const double left = each * static_cast<double>(steps_ > done_ ? steps_ - done_ : 0);
    // What is wider than the terminal could not be written over.
    Show(Line(absl::StrCat(SecondsText(steps_ < 0 ? Seconds() : left), " ", StepText(each),
                           LogsText(logs)),
              /*cut=*/true));
    return absl::OkStatus();
  }

  absl::Status OnEpochEnd(Trainer& trainer, int64_t epoch, Logs& logs) override {
    const double each = Seconds() / static_cast<double>(std::max<int64_t>(done_, 1));
    steps_ = steps_ < 0 ? done_ : steps_;
    if (bar_) {
      Show(Line(absl::StrCat(SecondsText(Seconds()), " ", StepText(each), LogsText(logs)),
                /*cut=*/false));
      absl::FPrintF(out_, "\n");
    } else {
      absl::FPrintF(out_, "Epoch %d/%d - %s - %s%s\n", epoch + 1, trainer.fit_options()->epochs,
                    SecondsText(Seconds()), StepText(each), LogsText(logs));
    }
    std::fflush(out_);
    return absl::OkStatus();
  }

 private:
  double Seconds() const { return std::chrono::duration<double>(Clock::now() - begun_).count(); }

  // " 12/100 ━━━━━━────────" and `rest`; the bar goes where there is no room for it.
  std::string Line(const std::string& rest, bool cut) const {
    if (steps_ < 0) return absl::StrFormat("%d/Unknown %s", done_, rest);
    constexpr int kWidth = 20;
    const std::string total = absl::StrCat(steps_);
    const std::string count =
        absl::StrFormat("%*d/%s ", static_cast<int>(total.size()), done_, total);
    const int64_t full = steps_ == 0 ? kWidth : std::min<int64_t>(kWidth, kWidth * done_ / steps_);
    std::string bar;
    for (int i = 0; i < kWidth; ++i) bar += i < full ? "━" : "─";
    const int room = WidthOf(out_) - 1;
    const std::string line = absl::StrCat(count, bar, " ", rest);
    if (CutTo(line, room) == line) return line;
    return cut ? CutTo(count + rest, room) : count + rest;
  }

  void Show(const std::string& line) {
    absl::FPrintF(out_, "\r%s\x1b[K", line);
    std::fflush(out_);
  }

  const bool bar_;
  std::FILE* const out_;
  int64_t steps_ = -1, done_ = 0;
  Clock::time_point begun_ = Clock::now(), shown_ = begun_;
};

}  // namespace

std::shared_ptr<Callback> MakeProgress(Verbose verbose, std::FILE* out) {
  if (verbose == Verbose::kSilent) return nullptr;
  const bool bar =
      verbose == Verbose::kBar || (verbose == Verbose::kAuto && isatty(fileno(out)) == 1);
  return std::make_shared<Progress>(bar, out);
}

}  // namespace nomograph
