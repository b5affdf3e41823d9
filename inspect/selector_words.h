// The words that selectors (inspect/selector.h) are made of.
#ifndef NOMOGRAPH_INSPECT_SELECTOR_WORDS_H_
#define NOMOGRAPH_INSPECT_SELECTOR_WORDS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace nomograph {

// What stands between spaces and commas, without its quotes.
struct SelectorWord {
  std::string text;
  std::vector<bool> quoted;  // by character of `text`
  size_t at = 0;             // where it begins in the selector

  SelectorWord Part(size_t begin, size_t count = std::string::npos) const;
  // As string::find(), of what is not quoted.
  size_t Find(absl::string_view mark) const;
  bool HasWildcard() const;
};

// Behind it stands a regular expression, which ends as the word does, or with its quotes.
inline constexpr absl::string_view kRegexKey = "re:";

// Words that must all fit; one list of them for each alternative.
using SelectorWords = std::vector<std::vector<SelectorWord>>;
absl::StatusOr<SelectorWords> ParseSelectorWords(absl::string_view selector);

// "A..B" in its two parts, either of which may be empty.
std::optional<std::pair<SelectorWord, SelectorWord>> SplitPath(const SelectorWord& word);
// "A+2" as A and 2, "A-2" as A and -2. A sign behind a comparison is a number's ("attr:axis=-1").
std::optional<std::pair<SelectorWord, int64_t>> SplitSteps(const SelectorWord& word);

// "A->B->C" in its parts, which may be empty; one part where there is no arrow.
std::vector<SelectorWord> SplitChain(const SelectorWord& word);

// `selector "...": column 7: MESSAGE`, with `at` counted from 0.
absl::Status AtSelector(absl::string_view selector, size_t at, const absl::Status& status);

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_SELECTOR_WORDS_H_
