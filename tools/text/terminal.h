// How results are shown: fitted to a terminal, or plain for a pipe.
#ifndef NOMOGRAPH_TOOLS_TEXT_TERMINAL_H_
#define NOMOGRAPH_TOOLS_TEXT_TERMINAL_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace nomograph {

struct TextStyle {
  // Columns that a line may have; 0: any number.
  size_t width = 0;
  // Whether columns of tables stand below each other. In a pipe they do not: programs read fields,
  // and a long cell would widen every line.
  bool aligned = true;
  bool color = false;
};

// The style of standard output: on a terminal its width (or $COLUMNS), else plain. Colour on
// terminals only, and not where $NO_COLOR is set (no-color.org) or $TERM is "dumb".
const TextStyle& OutputStyle();
// --wide: aligned and as wide as it needs to be, wherever it goes.
void UseWideOutput();

enum class Color { kRed, kGreen, kYellow, kBlue, kBold, kDim };
// `text`, which must have been escaped, in that colour where the style has colours. Only
// PrintStyled() (command.h) lets colours through.
std::string Colored(absl::string_view text, Color color, const TextStyle& style = OutputStyle());

// Characters of UTF-8 text: every byte but those that continue one.
size_t TextWidth(absl::string_view text);
// `text` in at most `width` characters: the middle becomes "…", and the end keeps more than the
// beginning, as names tell more there. REQUIRES: width > 0.
std::string CutMiddle(absl::string_view text, size_t width);
// `text` in lines of at most `width` characters, broken at spaces, and where there is none, where
// it must be. A width of 0 breaks nothing.
std::vector<std::string> WrappedLines(absl::string_view text, size_t width);
// `text`, indented, in as many lines as it takes where the style has a width; those behind the
// first are indented by four more.
std::string Paragraph(absl::string_view text, int indent, const TextStyle& style = OutputStyle());

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_TEXT_TERMINAL_H_
