#include "nomograph/inspect/selector_words.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/glob.h"
#include "nomograph/inspect/selector.h"

namespace nomograph {
namespace {

// Reads a selector from left to right.
class WordReader {
 public:
  explicit WordReader(absl::string_view selector) : selector_(selector) {}

  absl::StatusOr<SelectorWords> Read() {
    while (at_ < selector_.size()) {
      const char c = selector_[at_];
      if (BehindRegexKey()) {
        NOMO_RETURN_IF_ERROR(ReadRegex());
      } else if (c == ',' && brackets_.empty()) {
        EndWord();
        if (words_.back().empty()) return Fault(at_, "nothing stands ahead of this comma");
        words_.emplace_back();
        ++at_;
      } else if (absl::ascii_isspace(c) && brackets_.empty()) {
        EndWord();
        ++at_;
      } else if (c == '"' || c == '\'') {
        NOMO_RETURN_IF_ERROR(ReadQuoted(c));
      } else {
        if (c == '[') brackets_.push_back(at_);
        if (c == ']' && !brackets_.empty()) brackets_.pop_back();
        Append(c, /*quoted=*/false);
        ++at_;
      }
    }
    if (!brackets_.empty()) return Fault(brackets_.back(), "this bracket is not closed");
    EndWord();
    if (words_.size() == 1 && words_[0].empty()) return Fault(0, "it is empty");
    if (words_.back().empty())
      return Fault(selector_.size() - 1, "nothing stands behind this comma");
    return std::move(words_);
  }

 private:
  absl::Status Fault(size_t at, absl::string_view what) const {
    return AtSelector(selector_, at, InvalidArgument(what));
  }

  void Append(char c, bool quoted) {
    if (!in_word_) word_ = {.at = at_};
    in_word_ = true;
    word_.text += c;
    word_.quoted.push_back(quoted);
  }

  void EndWord() {
    if (in_word_) words_.back().push_back(std::move(word_));
    in_word_ = false;
  }

  // "re:" at the beginning of a term.
  bool BehindRegexKey() const {
    if (!in_word_ || !absl::EndsWith(word_.text, kRegexKey)) return false;
    const size_t begin = word_.text.size() - kRegexKey.size();
    if (std::find(word_.quoted.begin() + begin, word_.quoted.end(), true) != word_.quoted.end()) {
      return false;
    }
    const absl::string_view ahead = absl::string_view(word_.text).substr(0, begin);
    return ahead.empty() || absl::EndsWith(ahead, "->") || absl::EndsWith(ahead, "..");
  }

  // What the expression is made of has no meaning here, backslashes included. Without quotes it
  // ends at a space, or at a comma that is in none of its brackets and braces.
  absl::Status ReadRegex() {
    const size_t begin = at_;
    const char quote = selector_[at_] == '"' || selector_[at_] == '\'' ? selector_[at_++] : '\0';
    int open = 0;
    for (; at_ < selector_.size(); ++at_) {
      const char c = selector_[at_];
      const bool escaped = c == '\\' && at_ + 1 < selector_.size();
      if (quote != '\0' ? c == quote : absl::ascii_isspace(c) || (c == ',' && open == 0)) break;
      if (escaped) {
        if (selector_[at_ + 1] != quote) Append(c, /*quoted=*/true);
        Append(selector_[++at_], /*quoted=*/true);
        continue;
      }
      if (absl::StrContains("([{", c)) ++open;
      if (absl::StrContains(")]}", c) && open > 0) --open;
      Append(c, /*quoted=*/true);
    }
    if (quote == '\0') return absl::OkStatus();
    if (at_ == selector_.size()) return Fault(begin, "this quote is not closed");
    ++at_;
    return absl::OkStatus();
  }

  absl::Status ReadQuoted(char quote) {
    const size_t begin = at_++;
    for (; at_ < selector_.size(); ++at_) {
      if (selector_[at_] == quote) {
        if (at_ == begin + 1) return Fault(begin, "nothing stands between these quotes");
        ++at_;
        return absl::OkStatus();
      }
      Append(selector_[at_] == '\\' ? ReadEscape(quote) : selector_[at_], /*quoted=*/true);
    }
    return Fault(begin, "this quote is not closed");
  }

  // At a backslash; leaves at_ at the last character that belongs to it.
  char ReadEscape(char quote) {
    const char next = at_ + 1 < selector_.size() ? selector_[at_ + 1] : '\0';
    static constexpr std::pair<char, char> kEscapes[] = {{'n', '\n'}, {'t', '\t'}, {'r', '\r'}};
    for (const auto& [letter, meaning] : kEscapes) {
      if (next == letter) return ++at_, meaning;
    }
    if (next == quote || next == '\\') return ++at_, next;
    if (next == 'x' && at_ + 3 < selector_.size() && absl::ascii_isxdigit(selector_[at_ + 2]) &&
        absl::ascii_isxdigit(selector_[at_ + 3])) {
      const std::string byte = absl::HexStringToBytes(selector_.substr(at_ + 2, 2));
      at_ += 3;
      return byte[0];
    }
    return '\\';
  }

  const absl::string_view selector_;
  size_t at_ = 0;
  SelectorWord word_;
  bool in_word_ = false;
  std::vector<size_t> brackets_;  // those that are open
  SelectorWords words_ = {{}};
};

}  // namespace

SelectorWord SelectorWord::Part(size_t begin, size_t count) const {
  SelectorWord part{.text = text.substr(begin, count), .at = at + begin};
  part.quoted.assign(quoted.begin() + begin, quoted.begin() + begin + part.text.size());
  return part;
}

size_t SelectorWord::Find(absl::string_view mark) const {
  const absl::string_view all = text;
  for (size_t i = all.find(mark); i != all.npos; i = all.find(mark, i + 1)) {
    const auto begin = quoted.begin() + i, end = begin + mark.size();
    if (std::find(begin, end, true) == end) return i;
  }
  return std::string::npos;
}

bool SelectorWord::HasWildcard() const { return Glob::HasWildcard(text, quoted); }

absl::StatusOr<SelectorWords> ParseSelectorWords(absl::string_view selector) {
  if (selector.size() > kMaxSelectorBytes) {
    return InvalidArgument("a selector of ", selector.size(), " bytes is longer than the ",
                           kMaxSelectorBytes, " that are allowed");
  }
  return WordReader(selector).Read();
}

std::optional<std::pair<SelectorWord, SelectorWord>> SplitPath(const SelectorWord& word) {
  // Three dots and more, as in "shape:[64,...]", are no path.
  size_t dots = word.Find("..");
  while (dots != std::string::npos && word.text.compare(dots, 3, "...") == 0) {
    const size_t behind = std::min(word.text.find_first_not_of('.', dots), word.text.size());
    const size_t next = word.Part(behind).Find("..");
    dots = next == std::string::npos ? next : behind + next;
  }
  if (dots == std::string::npos) return std::nullopt;
  return std::pair(word.Part(0, dots), word.Part(dots + 2));
}

std::optional<std::pair<SelectorWord, int64_t>> SplitSteps(const SelectorWord& word) {
  const std::string& text = word.text;
  size_t sign = text.size();
  while (sign > 0 && !word.quoted[sign - 1] && absl::ascii_isdigit(text[sign - 1])) --sign;
  if (sign < 2 || sign == text.size() || word.quoted[sign - 1]) return std::nullopt;
  --sign;
  if (text[sign] != '+' && text[sign] != '-') return std::nullopt;
  if (absl::StrContains("=<>", text[sign - 1])) return std::nullopt;
  int64_t steps = 0;
  // More steps than a number can say are all steps.
  if (!absl::SimpleAtoi(text.substr(sign + 1), &steps)) steps = INT64_MAX;
  return std::pair(word.Part(0, sign), text[sign] == '-' ? -steps : steps);
}

std::vector<SelectorWord> SplitChain(const SelectorWord& word) {
  constexpr absl::string_view kArrow = "->";
  std::vector<SelectorWord> parts = {word};
  for (size_t arrow = word.Find(kArrow); arrow != std::string::npos;
       arrow = parts.back().Find(kArrow)) {
    const SelectorWord rest = std::move(parts.back());
    parts.back() = rest.Part(0, arrow);
    parts.push_back(rest.Part(arrow + kArrow.size()));
  }
  return parts;
}

absl::Status AtSelector(absl::string_view selector, size_t at, const absl::Status& status) {
  return Annotate(status, absl::StrCat("selector ", Quoted(selector), ": column ", at + 1));
}

std::string SelectorFor(absl::string_view name) {
  const auto is_plain = [](char c) {
    return absl::ascii_isalnum(c) || absl::StrContains("_/.:#", c) ||
           static_cast<unsigned char>(c) >= 0x80;
  };
  // Without a comma and a space it is a name as it stands, but for what a part of it could mean.
  const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), is_plain) &&
                     !absl::StrContains(name, "..") && Escape(name) == name;
  if (plain) return std::string(name);
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (absl::ascii_iscntrl(c)) {
      absl::StrAppend(&quoted, "\\x", absl::Hex(static_cast<uint8_t>(c), absl::kZeroPad2));
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

}  // namespace nomograph
