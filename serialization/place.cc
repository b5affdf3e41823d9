#include "nomograph/serialization/place.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace nomograph {
namespace {

constexpr size_t kMaxNameLength = 80;

}  // namespace

std::string Place::ToString() const {
  std::string text = outer_ == nullptr ? "" : absl::StrCat(outer_->ToString(), ": ");
  absl::StrAppend(&text, kind_);
  const std::string name = absl::Utf8SafeCEscape(name_.substr(0, kMaxNameLength));
  if (index_ >= 0) {
    absl::StrAppend(&text, " ", index_);
    if (!name.empty()) absl::StrAppend(&text, " (\"", name, "\")");
  } else if (!name.empty()) {
    absl::StrAppend(&text, " \"", name, "\"");
  }
  return text;
}

void AddFault(const Place& place, const absl::Status& status, ErrorList& faults) {
  if (!status.ok()) faults.Add(status, place.ToString());
}

}  // namespace nomograph
