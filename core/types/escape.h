// Text that comes from files and users, made fit to be shown. A name may hold anything: a terminal
// obeys the control characters in what is printed to it, a line end makes one line two, of which
// the second may claim anything, and marks of direction make a line read as another.
#ifndef NOMOGRAPH_CORE_TYPES_ESCAPE_H_
#define NOMOGRAPH_CORE_TYPES_ESCAPE_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace nomograph {

// How many bytes the UTF-8 sequence at the start of `text` has, 0 when there is none. Unicode 15,
// table 3-7.
int Utf8Length(absl::string_view text);

// `text` with these written as \n, \t, \r, \x1b, \u009b: control characters (U+0000 to U+001F and
// U+007F to U+009F), line and paragraph separators, marks of direction, and bytes that are no
// UTF-8. All else stays, so that what has been escaped can be escaped again.
std::string Escape(absl::string_view text);
// The same for text of several lines, whose line ends stay. The names in it are to be escaped
// before they are put there.
std::string EscapeLines(absl::string_view text);
// The same for an error. What is beneath another fault is indented, so a line end ahead of anything
// else is part of a name, and becomes \n.
std::string EscapeMessage(absl::string_view message);
// The same for JSON, line ends between its parts included; characters are written as \u009b, which
// JSON knows. REQUIRES: JSON in UTF-8.
std::string EscapeJson(absl::string_view json);

// Of a name so many bytes are shown in an error.
inline constexpr size_t kMaxQuotedBytes = 200;

// `"name"`, escaped, and without the middle of a name that is longer than kMaxQuotedBytes. For
// every name in an error.
std::string Quoted(absl::string_view name);
// The same without a cut: the middle of a path matters.
std::string QuotedPath(absl::string_view path);
// As Quoted() without the quotes, for the names of ops and functions: `nn.Softmax`, `@body`.
std::string Shown(absl::string_view name);
// For absl::StrJoin().
void AppendShown(std::string* out, absl::string_view name);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_TYPES_ESCAPE_H_
