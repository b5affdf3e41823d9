#include "nomograph/serialization/onnx/import/free_names.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace nomograph::onnx {

std::string FreeNames::Take(const std::string& wish) {
  if (taken_.try_emplace(wish, wish, 0).second) return wish;
  int& next = next_.try_emplace(wish, 1).first->second;
  for (;; ++next) {
    std::string name = absl::StrCat(wish, "_", next);
    if (!taken_.try_emplace(name, wish, next).second) continue;
    ++next;
    return name;
  }
}

void FreeNames::Release(const std::string& name) {
  const auto found = taken_.find(name);
  if (found == taken_.end()) return;
  const auto [wish, number] = std::move(found->second);
  taken_.erase(found);
  if (const auto next = next_.find(wish); number > 0 && next != next_.end()) {
    next->second = std::min(next->second, number);
  }
}

}  // namespace nomograph::onnx
