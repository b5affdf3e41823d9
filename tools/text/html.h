// Text for a terminal as a page for a browser.
#ifndef NOMOGRAPH_TOOLS_TEXT_HTML_H_
#define NOMOGRAPH_TOOLS_TEXT_HTML_H_

#include <string>

#include "absl/strings/string_view.h"

namespace nomograph {

// A page of HTML that loads nothing and runs nothing (its content security policy forbids it),
// light or dark as its reader's system is. `title` is any text; `styled` is text as PrintStyled()
// (command.h) takes it, whose colours become those of the page.
std::string HtmlPage(absl::string_view title, absl::string_view styled);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_TEXT_HTML_H_
