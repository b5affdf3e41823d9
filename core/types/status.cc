#include "nomograph/core/types/status.h"

#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_replace.h"
#include "nomograph/core/types/escape.h"

namespace nomograph {
namespace {

// A file from a stranger may have a fault at every byte.
constexpr int kMaxLines = 50;

}  // namespace

absl::Status Annotate(const absl::Status& status, absl::string_view where) {
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      absl::StrCat(Escape(where), ": ", EscapeMessage(status.message())));
}

void ErrorList::Add(const absl::Status& status) {
  if (status.ok()) return;
  // What a fault says in further lines stands further in.
  if (++count_ <= kMaxLines) {
    const std::string message = EscapeMessage(status.message());
    if (count_ == 1) first_ = absl::Status(status.code(), message);
    absl::StrAppend(&lines_, "\n  ", absl::StrReplaceAll(message, {{"\n", "\n  "}}));
  }
}

absl::Status ErrorList::ToStatus(absl::string_view headline) const {
  if (count_ <= 1) return first_;
  const std::string more =
      count_ > kMaxLines ? absl::StrCat("\n  and ", count_ - kMaxLines, " more") : "";
  return absl::Status(first_.code(), absl::StrCat(headline, ":", lines_, more));
}

namespace internal {

void CheckFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: internal error: %s does not hold\n", file, line, condition);
  std::abort();
}

}  // namespace internal
}  // namespace nomograph
