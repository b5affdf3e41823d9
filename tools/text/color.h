// Colour for terminals.
#ifndef NOMOGRAPH_TOOLS_TEXT_COLOR_H_
#define NOMOGRAPH_TOOLS_TEXT_COLOR_H_

#include <string>

#include "absl/strings/string_view.h"

namespace nomograph {

enum class Color { kNone, kRed, kGreen, kYellow, kCyan, kDim, kBold };

// "auto": where standard output is a terminal that shows colours and NO_COLOR is not set
// (no-color.org); "always"; "never".
bool WantsColor(absl::string_view when);

// Escapes what it is given and, where it is on, colours it.
class Painter {
 public:
  explicit Painter(bool on) : on_(on) {}
  std::string operator()(absl::string_view text, Color color = Color::kNone) const;

 private:
  const bool on_;
};

// The columns of the terminal on standard output; 0 where it is none.
int TerminalColumns();

// Writes to standard output what has been escaped already, as Painter does.
void PrintPainted(absl::string_view text);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_TEXT_COLOR_H_
