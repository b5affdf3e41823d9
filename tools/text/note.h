// What a user should know that is no fault.
#ifndef NOMOGRAPH_TOOLS_TEXT_NOTE_H_
#define NOMOGRAPH_TOOLS_TEXT_NOTE_H_

#include "absl/strings/string_view.h"

namespace nomograph {

// "COMMAND: note: TEXT" on standard error, behind what standard output has had. What a terminal
// would obey is escaped.
void PrintNote(absl::string_view command, absl::string_view text);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_TEXT_NOTE_H_
