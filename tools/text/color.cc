#include "nomograph/tools/text/color.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "nomograph/core/types/escape.h"

namespace nomograph {
namespace {

// ECMA-48, select graphic rendition.
const char* Code(Color color) {
  switch (color) {
    case Color::kNone:
      return "";
    case Color::kRed:
      return "31";
    case Color::kGreen:
      return "32";
    case Color::kYellow:
      return "33";
    case Color::kCyan:
      return "36";
    case Color::kDim:
      return "2";
    case Color::kBold:
      return "1";
  }
  return "";
}

}  // namespace

bool WantsColor(absl::string_view when) {
  if (when != "auto") return when == "always";
  const char* refused = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return (refused == nullptr || *refused == '\0') && terminal != nullptr &&
         absl::string_view(terminal) != "dumb" && isatty(STDOUT_FILENO) == 1;
}

std::string Painter::operator()(absl::string_view text, Color color) const {
  const std::string escaped = Escape(text);
  if (!on_ || color == Color::kNone || escaped.empty()) return escaped;
  return absl::StrCat("\x1b[", Code(color), "m", escaped, "\x1b[0m");
}

int TerminalColumns() {
  winsize size{};
  if (isatty(STDOUT_FILENO) != 1 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

void PrintPainted(absl::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

}  // namespace nomograph
