#include "nomograph/inspect/glob.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace nomograph {
namespace {

bool IsWild(absl::string_view pattern, const std::vector<bool>& literal, size_t i) {
  return (pattern[i] == '*' || pattern[i] == '?') && (literal.empty() || !literal[i]);
}

}  // namespace

bool Glob::HasWildcard(absl::string_view pattern, const std::vector<bool>& literal) {
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (IsWild(pattern, literal, i)) return true;
  }
  return false;
}

Glob::Glob(absl::string_view pattern, const std::vector<bool>& literal, bool ignore_case)
    : ignore_case_(ignore_case) {
  const auto is_star = [&](size_t i) {
    return i < pattern.size() && pattern[i] == '*' && IsWild(pattern, literal, i);
  };
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (!IsWild(pattern, literal, i)) {
      const char c = ignore_case ? absl::ascii_tolower(pattern[i]) : pattern[i];
      if (tokens_.size() == prefix_.size()) prefix_ += c;
      tokens_.push_back({Token::kCharacter, c});
    } else if (pattern[i] == '?') {
      tokens_.push_back({Token::kOne});
    } else if (!is_star(i + 1)) {
      tokens_.push_back({Token::kMany});
    } else {
      while (is_star(i + 1)) ++i;
      const bool whole_scopes = (tokens_.empty() || tokens_.back().character == '/') &&
                                i + 1 < pattern.size() && pattern[i + 1] == '/';
      tokens_.push_back({whole_scopes ? Token::kScopes : Token::kAll});
      if (!whole_scopes) continue;
      tokens_.push_back({Token::kInScope});
      ++i;
    }
  }
}

// What can be matched without a character is entered at once.
void Glob::Add(std::vector<int>& states, std::vector<int>& mark, int stamp, int state) const {
  while (mark[state] != stamp) {
    mark[state] = stamp;
    states.push_back(state);
    if (state == static_cast<int>(tokens_.size())) return;
    const Token::Kind kind = tokens_[state].kind;
    if (kind == Token::kScopes) {
      state += 2;
    } else if (kind == Token::kMany || kind == Token::kAll) {
      ++state;
    } else {
      return;
    }
  }
}

bool Glob::Matches(absl::string_view name) const {
  const bool begins =
      ignore_case_ ? absl::StartsWithIgnoreCase(name, prefix_) : absl::StartsWith(name, prefix_);
  if (!begins) return false;
  const int end = static_cast<int>(tokens_.size());
  // The states in which what has been read of the name may leave the pattern.
  std::vector<int> states, next, mark(end + 1, -1);
  int stamp = static_cast<int>(prefix_.size());
  Add(states, mark, stamp, stamp);
  for (const char raw : name.substr(prefix_.size())) {
    const char c = ignore_case_ ? absl::ascii_tolower(raw) : raw;
    next.clear();
    ++stamp;
    for (const int state : states) {
      if (state == end) continue;
      const Token& token = tokens_[state];
      switch (token.kind) {
        case Token::kCharacter:
          if (token.character == c) Add(next, mark, stamp, state + 1);
          break;
        case Token::kOne:
          if (c != '/') Add(next, mark, stamp, state + 1);
          break;
        case Token::kMany:
          if (c != '/') Add(next, mark, stamp, state);
          break;
        case Token::kAll:
          Add(next, mark, stamp, state);
          break;
        case Token::kScopes:
          Add(next, mark, stamp, c == '/' ? state : state + 1);
          break;
        case Token::kInScope:
          Add(next, mark, stamp, c == '/' ? state - 1 : state);
          break;
      }
    }
    if (next.empty()) return false;
    states.swap(next);
  }
  return std::find(states.begin(), states.end(), end) != states.end();
}

}  // namespace nomograph
