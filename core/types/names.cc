#include "nomograph/core/types/names.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/types/escape.h"

namespace nomograph {

std::string UniqueNames::Take(absl::string_view wish) {
  if (Reserve(wish)) return std::string(wish);
  int& next = next_.try_emplace(wish, 1).first->second;
  for (;; ++next) {
    std::string name = absl::StrCat(wish, "_", next);
    if (!taken_.try_emplace(name, wish, next).second) continue;
    ++next;
    return name;
  }
}

bool UniqueNames::Reserve(absl::string_view name) {
  return taken_.try_emplace(name, name, 0).second;
}

void UniqueNames::Release(absl::string_view name) {
  const auto found = taken_.find(name);
  if (found == taken_.end()) return;
  const auto [wish, number] = std::move(found->second);
  taken_.erase(found);
  if (const auto next = next_.find(wish); number > 0 && next != next_.end()) {
    next->second = std::min(next->second, number);
  }
}

std::string SnakeCase(absl::string_view name) {
  std::string snake;
  for (size_t i = 0; i < name.size(); ++i) {
    const bool after_lower = i > 0 && absl::ascii_islower(name[i - 1]);
    const bool before_lower = i > 0 && i + 1 < name.size() && absl::ascii_islower(name[i + 1]);
    if (absl::ascii_isupper(name[i]) && (after_lower || before_lower)) snake += '_';
    snake += absl::ascii_tolower(name[i]);
  }
  return snake;
}

std::string NodePlace(absl::string_view name, absl::string_view op) {
  return absl::StrCat("node ", Quoted(name), " (", Shown(op), ")");
}

}  // namespace nomograph
