#include "nomograph/core/types/names.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/types/escape.h"

namespace nomograph {

std::string UniqueNames::Take(absl::string_view wish) {
  if (Reserve(wish)) return std::string(wish);
  int& next = plain_.try_emplace(wish, -1).first->second;
  const int sign = next < 0 ? -1 : 1;
  for (int number = next * sign;; ++number) {
    std::string name = absl::StrCat(wish, "_", number);
    if (IsPlain(name) || !numbered_.try_emplace(name, wish, number).second) continue;
    next = sign * (number + 1);
    return name;
  }
}

bool UniqueNames::IsPlain(absl::string_view name) const {
  const auto found = plain_.find(name);
  return found != plain_.end() && found->second > 0;
}

bool UniqueNames::Reserve(absl::string_view name) {
  if (numbered_.contains(name)) return false;
  const auto [entry, added] = plain_.try_emplace(name, 1);
  if (!added && entry->second > 0) return false;
  if (!added) entry->second = -entry->second;
  return true;
}

void UniqueNames::Release(absl::string_view name) {
  if (const auto plain = plain_.find(name); plain != plain_.end() && plain->second > 0) {
    if (plain->second == 1) {
      plain_.erase(plain);
    } else {
      plain->second = -plain->second;
    }
    return;
  }
  const auto found = numbered_.find(name);
  if (found == numbered_.end()) return;
  const auto [wish, number] = std::move(found->second);
  numbered_.erase(found);
  const auto next = plain_.find(wish);
  if (next == plain_.end()) return;
  const int least = std::min(std::abs(next->second), number);
  next->second = next->second < 0 ? -least : least;
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
