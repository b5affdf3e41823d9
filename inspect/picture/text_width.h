// How wide text is, without a font.
#ifndef NOMOGRAPH_INSPECT_PICTURE_TEXT_WIDTH_H_
#define NOMOGRAPH_INSPECT_PICTURE_TEXT_WIDTH_H_

#include <string>

#include "absl/strings/string_view.h"

namespace nomograph::picture {

// In Helvetica and the fonts that are made to its widths (Arial, Liberation Sans), in pixels for
// `size` pixels. `text` is UTF-8.
double TextWidth(absl::string_view text, double size, bool bold = false);

// `text`, escaped, and with "…" for its middle where it is wider than `width`.
std::string FitText(absl::string_view text, double size, double width, bool bold = false);

}  // namespace nomograph::picture

#endif  // NOMOGRAPH_INSPECT_PICTURE_TEXT_WIDTH_H_
