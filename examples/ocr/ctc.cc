#include "nomograph/examples/ocr/ctc.h"

#include <algorithm>

#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/types/status.h"

namespace nomograph::ocr {

std::vector<std::string> ParseCharacters(absl::string_view lines) {
  std::vector<std::string> characters = {""};
  // The last line may have an end or not.
  for (absl::string_view line : absl::StrSplit(absl::StripSuffix(lines, "\n"), '\n')) {
    characters.emplace_back(absl::StripSuffix(line, "\r"));
  }
  characters.push_back(" ");
  return characters;
}

absl::StatusOr<std::vector<std::string>> ReadCharacters(const std::string& path) {
  NOMO_ASSIGN_OR_RETURN(const std::string lines, ReadFile(path));
  if (lines.empty()) return InvalidArgument(path, ": expected a character a line, found none");
  return ParseCharacters(lines);
}

Text DecodeCtc(absl::Span<const float> probabilities, absl::Span<const std::string> characters) {
  const size_t classes = characters.size();
  NOMO_CHECK(classes > 0 && probabilities.size() % classes == 0);
  Text result;
  int64_t count = 0;
  size_t previous = 0;
  for (size_t step = 0; step < probabilities.size(); step += classes) {
    const auto row = probabilities.subspan(step, classes);
    const auto best = std::max_element(row.begin(), row.end());
    const size_t index = best - row.begin();
    if (index != 0 && index != previous) {
      result.text += characters[index];
      result.confidence += *best;
      ++count;
    }
    previous = index;
  }
  if (count > 0) result.confidence /= static_cast<double>(count);
  return result;
}

}  // namespace nomograph::ocr
