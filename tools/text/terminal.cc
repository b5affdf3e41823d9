#include "nomograph/tools/text/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace nomograph {
namespace {

constexpr size_t kNarrowest = 40;  // a terminal that says less is not believed

size_t TerminalWidth() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    return std::max<size_t>(size.ws_col, kNarrowest);
  }
  const char* columns = std::getenv("COLUMNS");
  uint32_t width = 0;
  if (columns != nullptr && absl::SimpleAtoi(columns, &width) && width > 0) {
    return std::max<size_t>(width, kNarrowest);
  }
  return 80;
}

bool IsSet(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && value[0] != '\0';
}

TextStyle Find() {
  if (isatty(STDOUT_FILENO) == 0) return {.width = 0, .aligned = false};
  const char* terminal = std::getenv("TERM");
  const bool dumb = terminal == nullptr || absl::string_view(terminal) == "dumb";
  return {.width = TerminalWidth(), .aligned = true, .color = !dumb && !IsSet("NO_COLOR")};
}

TextStyle& Style() {
  static TextStyle style = Find();
  return style;
}

// The byte at which character number `count` begins.
size_t ByteOf(absl::string_view text, size_t count) {
  size_t at = 0;
  while (at < text.size() && count > 0) {
    ++at;
    while (at < text.size() && (text[at] & 0xc0) == 0x80) ++at;
    --count;
  }
  return at;
}

}  // namespace

const TextStyle& OutputStyle() { return Style(); }

void UseWideOutput() {
  Style().width = 0;
  Style().aligned = true;
}

std::string Colored(absl::string_view text, Color color, const TextStyle& style) {
  if (!style.color || text.empty()) return std::string(text);
  static constexpr const char* kCodes[] = {"31", "32", "33", "34", "1", "2"};
  return absl::StrCat("\033[", kCodes[static_cast<int>(color)], "m", text, "\033[0m");
}

size_t TextWidth(absl::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; });
}

std::string CutMiddle(absl::string_view text, size_t width) {
  const size_t size = TextWidth(text);
  if (size <= width) return std::string(text);
  const size_t head = (width - 1) * 2 / 5;
  const size_t tail = width - 1 - head;
  return absl::StrCat(text.substr(0, ByteOf(text, head)), "…",
                      text.substr(ByteOf(text, size - tail)));
}

std::vector<std::string> WrappedLines(absl::string_view text, size_t width) {
  std::vector<std::string> lines;
  while (width > 0 && TextWidth(text) > width) {
    const size_t end = ByteOf(text, width);
    // A line may end where a space follows it.
    const size_t space = text.substr(0, end + 1).rfind(' ');
    const bool at_space = space != text.npos && space > 0;
    lines.emplace_back(text.substr(0, at_space ? space : end));
    text.remove_prefix(at_space ? space + 1 : end);
  }
  lines.emplace_back(text);
  return lines;
}

std::string Paragraph(absl::string_view text, int indent, const TextStyle& style) {
  constexpr size_t kFurther = 4, kMinRoom = 20;
  const size_t ahead = indent + kFurther;
  const size_t room = style.width == 0 ? 0 : std::max(style.width, ahead + kMinRoom) - ahead;
  std::string paragraph;
  size_t spaces = indent;
  for (const std::string& line : WrappedLines(text, room)) {
    absl::StrAppend(&paragraph, std::string(spaces, ' '), absl::StripTrailingAsciiWhitespace(line),
                    "\n");
    spaces = ahead;
  }
  return paragraph;
}

}  // namespace nomograph
