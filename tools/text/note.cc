#include "nomograph/tools/text/note.h"

#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "nomograph/core/types/escape.h"

namespace nomograph {

void PrintNote(absl::string_view command, absl::string_view text) {
  std::fflush(stdout);
  const std::string line = absl::StrCat(command, ": note: ", EscapeMessage(text), "\n");
  std::fputs(line.c_str(), stderr);
}

}  // namespace nomograph
