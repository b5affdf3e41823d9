#include "nomograph/core/form/form.h"

#include <algorithm>

namespace nomograph {
namespace {

thread_local FormScope* current = nullptr;

}  // namespace

FormScope::FormScope(Wish wish, absl::string_view form)
    : wish_(wish), form_(form), previous_(current) {
  current = this;
}

FormScope::~FormScope() { current = previous_; }

bool FormScope::Answer(absl::string_view form, bool estimate) const {
  switch (wish_) {
    case Wish::kEstimate:
      return estimate;
    case Wish::kNone:
      return false;
    case Wish::kForm:
      break;
  }
  // Kernels that are asked behind the one that is wished are there because it has declined.
  return form == form_ || (!taken_.empty() && estimate);
}

bool TakesForm(absl::string_view form, bool estimate) {
  FormScope* const scope = current;
  if (scope == nullptr) return estimate;
  std::vector<std::string>& offered = scope->offered_;
  if (std::find(offered.begin(), offered.end(), form) == offered.end()) offered.emplace_back(form);
  if (!scope->Answer(form, estimate)) return false;
  scope->taken_ = std::string(form);
  return true;
}

}  // namespace nomograph
