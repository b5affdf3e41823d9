#include "nomograph/serialization/place.h"

#include "absl/strings/str_cat.h"
#include "nomograph/core/types/escape.h"

namespace nomograph {

std::string Place::ToString() const {
  std::string text = outer_ == nullptr ? "" : absl::StrCat(outer_->ToString(), ": ");
  absl::StrAppend(&text, kind_);
  if (index_ >= 0) {
    absl::StrAppend(&text, " ", index_);
    if (!name_.empty()) absl::StrAppend(&text, " (", Quoted(name_), ")");
  } else if (!name_.empty()) {
    absl::StrAppend(&text, " ", Quoted(name_));
  }
  return text;
}

void AddFault(const Place& place, const absl::Status& status, ErrorList& faults) {
  if (!status.ok()) faults.Add(status, place.ToString());
}

}  // namespace nomograph
