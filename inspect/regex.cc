#include "nomograph/inspect/regex.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"

namespace nomograph {
namespace {

constexpr uint32_t kMaxCharacter = 0x10ffff;
// Bytes that are no UTF-8 are characters from here on, which no text has.
constexpr uint32_t kFirstByte = kMaxCharacter + 1, kLast = kFirstByte + 0xff;

// The character at `at`, which moves behind it.
uint32_t NextCharacter(absl::string_view text, size_t& at) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint32_t first = byte(at++);
  if (first < 0x80) return first;
  const int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
  constexpr std::array<uint32_t, 4> kLeast = {0, 0x80, 0x800, 0x10000};
  if (first < 0xc2 || first > 0xf4 || at + more > text.size()) return kFirstByte + first;
  uint32_t character = first & (0x3f >> more);
  for (int i = 0; i < more; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return kFirstByte + first;
    character = character << 6 | (byte(at + i) & 0x3f);
  }
  if (character < kLeast[more] || character > kMaxCharacter) return kFirstByte + first;
  at += more;
  return character;
}

bool IsWord(uint32_t c) { return c == '_' || (c < 0x80 && absl::ascii_isalnum(c)); }

}  // namespace

// Reads a pattern by recursive descent, one level for each group that is open, and writes states
// from the last to the first: each part is told what follows it. A repeated part is read again for
// each copy, so that there is no tree in between.
class RegexCompiler {
 public:
  using State = Regex::State;
  using Ranges = Regex::Ranges;

  explicit RegexCompiler(absl::string_view pattern) : pattern_(pattern) {}

  absl::StatusOr<Regex> Compile() {
    if (pattern_.size() > Regex::kMaxBytes) {
      return InvalidArgument("a regular expression of ", pattern_.size(),
                             " bytes is longer than the ", Regex::kMaxBytes, " that are allowed");
    }
    absl::string_view rest = pattern_;
    if (absl::ConsumePrefix(&rest, "(?i)")) regex_.ignore_case_ = true;
    const size_t begin = pattern_.size() - rest.size();
    NOMO_ASSIGN_OR_RETURN(const size_t end, FindEnd(begin, 0));
    if (end < pattern_.size()) return Fault(end, "no group is open here");
    NOMO_ASSIGN_OR_RETURN(const int found, Add({.kind = State::kFound}));
    NOMO_ASSIGN_OR_RETURN(regex_.start_, AlternativesOf(begin, end, found));
    return std::move(regex_);
  }

 private:
  static constexpr int kMaxDepth = 50;      // of groups
  static constexpr int kMaxRepeats = 1000;  // in braces

  // One character, class, group or edge, with what is said of how often it stands there.
  struct Piece {
    size_t begin, end;        // without the repeats
    size_t behind;            // where the next begins
    int least = 1, most = 1;  // most -1: any number
  };

  absl::Status Fault(size_t at, absl::string_view what) const {
    return InvalidArgument("regular expression ", Quoted(pattern_), ": column ", at + 1, ": ",
                           what);
  }
  char At(size_t i) const { return i < pattern_.size() ? pattern_[i] : '\0'; }

  absl::StatusOr<int> Add(State state) {
    if (regex_.states_.size() >= Regex::kMaxStates) {
      return InvalidArgument("regular expression ", Quoted(pattern_), ": it makes more than the ",
                             Regex::kMaxStates, " states that are allowed");
    }
    regex_.states_.push_back(state);
    return static_cast<int>(regex_.states_.size()) - 1;
  }

  // Where the group that is open at `at` ends: its ')', or the end of the pattern. Checks every
  // piece on the way.
  absl::StatusOr<size_t> FindEnd(size_t at, int depth) {
    while (at < pattern_.size() && pattern_[at] != ')') {
      if (pattern_[at] == '|') {
        ++at;
        continue;
      }
      NOMO_ASSIGN_OR_RETURN(const Piece piece, ReadPiece(at, depth));
      at = piece.behind;
    }
    if (depth > 0 && at == pattern_.size()) return Fault(at, "a group is not closed");
    return at;
  }

  absl::StatusOr<Piece> ReadPiece(size_t at, int depth) {
    Piece piece{.begin = at};
    const char c = pattern_[at];
    if (c == '(') {
      if (depth >= kMaxDepth) return Fault(at, "groups are nested too deep");
      NOMO_ASSIGN_OR_RETURN(const size_t inside, GroupBegin(at));
      NOMO_ASSIGN_OR_RETURN(piece.end, FindEnd(inside, depth + 1));
      ++piece.end;
    } else if (c == '[') {
      Ranges unused;
      NOMO_ASSIGN_OR_RETURN(piece.end, ReadClass(at, unused));
    } else if (c == '\\') {
      Ranges unused;
      NOMO_ASSIGN_OR_RETURN(piece.end, ReadEscape(at, unused));
    } else if (c == '*' || c == '+' || c == '?' || (c == '{' && ReadBraces(at).has_value())) {
      return Fault(at, "nothing stands ahead that could be repeated");
    } else {
      piece.end = at;
      NextCharacter(pattern_, piece.end);
    }
    piece.behind = piece.end;
    NOMO_RETURN_IF_ERROR(ReadRepeats(piece));
    return piece;
  }

  // Behind "(" or "(?:".
  absl::StatusOr<size_t> GroupBegin(size_t at) const {
    if (At(at + 1) != '?') return at + 1;
    if (At(at + 2) == ':') return at + 3;
    return Fault(at, "of groups with '?' there is (?:...) only, and (?i) at the very beginning");
  }

  absl::Status ReadRepeats(Piece& piece) const {
    const size_t at = piece.behind;
    const auto braces = At(at) == '{' ? ReadBraces(at) : std::nullopt;
    switch (At(at)) {
      case '*':
        piece.least = 0, piece.most = -1;
        break;
      case '+':
        piece.most = -1;
        break;
      case '?':
        piece.least = 0;
        break;
      default:
        if (!braces) return absl::OkStatus();
        piece.least = braces->least, piece.most = braces->most;
    }
    piece.behind = braces ? braces->behind : at + 1;
    if (piece.least > kMaxRepeats || piece.most > kMaxRepeats) {
      return Fault(at, "more repeats than 1000");
    }
    if (piece.most >= 0 && piece.most < piece.least)
      return Fault(at, "fewer at most than at least");
    if (At(piece.behind) == '?') ++piece.behind;  // asks for the shortest: the same names fit
    const char next = At(piece.behind);
    if (next == '*' || next == '+' || next == '?' ||
        (next == '{' && ReadBraces(piece.behind).has_value())) {
      return Fault(piece.behind, "repeats of repeats need a group");
    }
    return absl::OkStatus();
  }

  struct Braces {
    int least, most;
    size_t behind;
  };
  // "{2}", "{2,}", "{2,5}"; nothing where the brace stands for itself.
  std::optional<Braces> ReadBraces(size_t at) const {
    const size_t close = pattern_.find('}', at);
    if (close == absl::string_view::npos || close - at > 16) return std::nullopt;
    const absl::string_view inside = pattern_.substr(at + 1, close - at - 1);
    const size_t comma = inside.find(',');
    const auto number = [](absl::string_view text, int& value) {
      return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit) &&
             absl::SimpleAtoi(text, &value);
    };
    Braces braces{.least = 0, .most = -1, .behind = close + 1};
    if (!number(inside.substr(0, comma), braces.least)) return std::nullopt;
    if (comma == absl::string_view::npos) {
      braces.most = braces.least;
    } else if (comma + 1 < inside.size() && !number(inside.substr(comma + 1), braces.most)) {
      return std::nullopt;
    }
    return braces;
  }

  // The parts that '|' separates in [begin, end), which has been checked.
  absl::StatusOr<int> AlternativesOf(size_t begin, size_t end, int next) {
    std::vector<std::vector<Piece>> alternatives(1);
    for (size_t at = begin; at < end;) {
      if (pattern_[at] == '|') {
        alternatives.emplace_back();
        ++at;
        continue;
      }
      NOMO_ASSIGN_OR_RETURN(const Piece piece, ReadPiece(at, 0));
      alternatives.back().push_back(piece);
      at = piece.behind;
    }
    int first = -1;
    for (const std::vector<Piece>& pieces : alternatives) {
      int start = next;
      for (size_t i = pieces.size(); i-- > 0;) {
        NOMO_ASSIGN_OR_RETURN(start, Repeated(pieces[i], start));
      }
      if (first < 0) {
        first = start;
        continue;
      }
      NOMO_ASSIGN_OR_RETURN(first, Add({.kind = State::kSplit, .next = first, .other = start}));
    }
    return first;
  }

  absl::StatusOr<int> Repeated(const Piece& piece, int next) {
    int start = next;
    if (piece.most < 0) {
      NOMO_ASSIGN_OR_RETURN(const int loop, Add({.kind = State::kSplit, .next = next}));
      NOMO_ASSIGN_OR_RETURN(const int body, One(piece, loop));
      regex_.states_[loop].other = body;
      start = loop;
    }
    for (int i = piece.least; i < piece.most; ++i) {
      NOMO_ASSIGN_OR_RETURN(const int body, One(piece, start));
      NOMO_ASSIGN_OR_RETURN(start, Add({.kind = State::kSplit, .next = next, .other = body}));
    }
    for (int i = 0; i < piece.least; ++i) {
      const size_t states = regex_.states_.size();
      NOMO_ASSIGN_OR_RETURN(start, One(piece, start));
      // Of nothing no number of copies is more: it would take time without reaching a limit.
      if (regex_.states_.size() == states) break;
    }
    return start;
  }

  absl::StatusOr<int> One(const Piece& piece, int next) {
    const char c = pattern_[piece.begin];
    if (c == '(') {
      NOMO_ASSIGN_OR_RETURN(const size_t inside, GroupBegin(piece.begin));
      return AlternativesOf(inside, piece.end - 1, next);
    }
    if (c == '^') return Add({.kind = State::kBegin, .next = next});
    if (c == '$') return Add({.kind = State::kEnd, .next = next});
    if (c == '\\' && At(piece.begin + 1) == 'b') {
      return Add({.kind = State::kWordEdge, .next = next});
    }
    if (c == '\\' && At(piece.begin + 1) == 'B') {
      return Add({.kind = State::kNoWordEdge, .next = next});
    }
    Ranges ranges;
    if (c == '[') {
      NOMO_RETURN_IF_ERROR(ReadClass(piece.begin, ranges).status());
    } else if (c == '.') {
      ranges = {{0, kLast}};
    } else {
      Ranges as_written;
      NOMO_RETURN_IF_ERROR(ReadInClass(piece.begin, as_written).status());
      for (const auto& [from, to] : as_written) AddRange(from, to, ranges);
    }
    return AddClass(std::move(ranges), next);
  }

  absl::StatusOr<int> AddClass(Ranges ranges, int next) {
    NOMO_ASSIGN_OR_RETURN(const int state,
                          Add({.kind = State::kClass,
                               .next = next,
                               .ranges = static_cast<int>(regex_.ranges_.size())}));
    regex_.ranges_.push_back(Sorted(std::move(ranges)));
    return state;
  }

  static Ranges Sorted(Ranges ranges) {
    std::sort(ranges.begin(), ranges.end());
    Ranges merged;
    for (const auto& range : ranges) {
      if (!merged.empty() && range.first <= merged.back().second + 1) {
        merged.back().second = std::max(merged.back().second, range.second);
      } else {
        merged.push_back(range);
      }
    }
    return merged;
  }

  static Ranges Others(Ranges ranges) {
    Ranges others;
    uint32_t begin = 0;
    for (const auto& [first, last] : Sorted(std::move(ranges))) {
      if (first > begin) others.emplace_back(begin, first - 1);
      begin = last + 1;
    }
    if (begin <= kLast) others.emplace_back(begin, kLast);
    return others;
  }

  // In either case where case is ignored: of a class before it is turned round.
  void AddRange(uint32_t first, uint32_t last, Ranges& ranges) const {
    ranges.emplace_back(first, last);
    if (!regex_.ignore_case_) return;
    for (const auto& [from, to] : {std::pair<uint32_t, uint32_t>{'A', 'a'}, {'a', 'A'}}) {
      const uint32_t begin = std::max(first, from), end = std::min(last, from + 25);
      if (begin <= end) ranges.emplace_back(begin - from + to, end - from + to);
    }
  }

  // Behind a class, "[...]".
  absl::StatusOr<size_t> ReadClass(size_t begin, Ranges& ranges) const {
    size_t at = begin + 1;
    const bool others = At(at) == '^';
    if (others) ++at;
    for (bool first = true;; first = false) {
      if (at >= pattern_.size()) return Fault(begin, "this bracket is not closed");
      if (pattern_[at] == ']' && !first) break;
      if (pattern_.substr(at, 2) == "[:") {
        NOMO_ASSIGN_OR_RETURN(at, ReadNamedClass(at, ranges));
        continue;
      }
      Ranges one;
      const size_t from_at = at;
      NOMO_ASSIGN_OR_RETURN(at, ReadInClass(at, one));
      const bool is_range = At(at) == '-' && at + 1 < pattern_.size() && pattern_[at + 1] != ']';
      if (!is_range) {
        for (const auto& [from, to] : one) AddRange(from, to, ranges);
        continue;
      }
      Ranges end;
      NOMO_ASSIGN_OR_RETURN(at, ReadInClass(at + 1, end));
      const bool single = one.size() == 1 && one[0].first == one[0].second && end.size() == 1 &&
                          end[0].first == end[0].second;
      if (!single || one[0].first > end[0].first) return Fault(from_at, "this is no range");
      AddRange(one[0].first, end[0].first, ranges);
    }
    if (others) ranges = Others(std::move(ranges));
    return at + 1;
  }

  absl::StatusOr<size_t> ReadInClass(size_t at, Ranges& ranges) const {
    if (pattern_[at] == '\\') {
      const char next = At(at + 1);
      if (next == 'b' || next == 'B') return Fault(at, "an edge is no character");
      return ReadEscape(at, ranges);
    }
    const uint32_t character = NextCharacter(pattern_, at);
    ranges.emplace_back(character, character);
    return at;
  }

  absl::StatusOr<size_t> ReadNamedClass(size_t at, Ranges& ranges) const {
    static const std::pair<absl::string_view, Ranges> kNamed[] = {
        {"alpha", {{'A', 'Z'}, {'a', 'z'}}},
        {"digit", {{'0', '9'}}},
        {"alnum", {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}},
        {"lower", {{'a', 'z'}}},
        {"upper", {{'A', 'Z'}}},
        {"space", {{'\t', '\r'}, {' ', ' '}}},
        {"punct", {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}},
        {"xdigit", {{'0', '9'}, {'A', 'F'}, {'a', 'f'}}}};
    const size_t close = pattern_.find(":]", at + 2);
    for (const auto& [name, members] : kNamed) {
      if (close == absl::string_view::npos || pattern_.substr(at + 2, close - at - 2) != name) {
        continue;
      }
      for (const auto& [from, to] : members) AddRange(from, to, ranges);
      return close + 2;
    }
    return Fault(at,
                 "there is no such class; there are alpha, digit, alnum, lower, upper, space, "
                 "punct and xdigit");
  }

  // Behind what begins with a backslash; edges have no ranges.
  absl::StatusOr<size_t> ReadEscape(size_t at, Ranges& ranges) const {
    const char c = At(at + 1);
    const Ranges digits = {{'0', '9'}}, space = {{'\t', '\r'}, {' ', ' '}},
                 word = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
    const auto add = [&](const Ranges& more) {
      ranges.insert(ranges.end(), more.begin(), more.end());
      return at + 2;
    };
    const auto one = [&](uint32_t character) { return add({{character, character}}); };
    switch (c) {
      case 'd':
        return add(digits);
      case 'D':
        return add(Others(digits));
      case 'w':
        return add(word);
      case 'W':
        return add(Others(word));
      case 's':
        return add(space);
      case 'S':
        return add(Others(space));
      case 'n':
        return one('\n');
      case 't':
        return one('\t');
      case 'r':
        return one('\r');
      case 'b':
      case 'B':
        return at + 2;
      case 'x': {
        uint32_t byte = 0;
        if (pattern_.size() < at + 4 || !absl::SimpleHexAtoi(pattern_.substr(at + 2, 2), &byte) ||
            !absl::ascii_isxdigit(pattern_[at + 2])) {
          return Fault(at, "\\x stands ahead of two hexadecimal digits");
        }
        one(byte);
        return at + 4;
      }
      default:
        break;
    }
    if (at + 1 >= pattern_.size()) return Fault(at, "nothing stands behind this backslash");
    if (absl::ascii_isalnum(c)) {
      return Fault(at, absl::ascii_isdigit(c) ? "there are no references to groups"
                                              : "this letter has no meaning behind a backslash");
    }
    size_t behind = at + 1;
    one(NextCharacter(pattern_, behind));
    return behind;
  }

  const absl::string_view pattern_;
  Regex regex_;
};

absl::StatusOr<Regex> Regex::Compile(absl::string_view pattern) {
  return RegexCompiler(pattern).Compile();
}

// Between two characters of a text.
struct Regex::Reached {
  bool begin, end, word_edge;
  int stamp;
};

// Enters what is reached from `state` without a character.
void Regex::Enter(int state, const Reached& at, std::vector<int>& list, std::vector<int>& mark,
                  std::vector<int>& stack) const {
  stack.assign(1, state);
  while (!stack.empty()) {
    const int id = stack.back();
    stack.pop_back();
    if (mark[id] == at.stamp) continue;
    mark[id] = at.stamp;
    const State& s = states_[id];
    switch (s.kind) {
      case State::kClass:
      case State::kFound:
        list.push_back(id);
        continue;
      case State::kSplit:
        stack.push_back(s.other);
        break;
      case State::kBegin:
        if (!at.begin) continue;
        break;
      case State::kEnd:
        if (!at.end) continue;
        break;
      case State::kWordEdge:
        if (!at.word_edge) continue;
        break;
      case State::kNoWordEdge:
        if (at.word_edge) continue;
        break;
    }
    stack.push_back(s.next);
  }
}

bool Regex::Search(absl::string_view text) const {
  std::vector<int> now, next, stack, mark(states_.size(), -1);
  bool was_word = false;
  size_t at = 0;
  for (int stamp = 0;; ++stamp) {
    const bool end = at == text.size();
    size_t behind = at;
    const uint32_t character = end ? 0 : NextCharacter(text, behind);
    const bool is_word = !end && IsWord(character);
    const Reached here{
        .begin = at == 0, .end = end, .word_edge = was_word != is_word, .stamp = stamp};
    // What has been reached by the last character, and a new beginning.
    now.clear();
    for (const int state : next) Enter(state, here, now, mark, stack);
    Enter(start_, here, now, mark, stack);
    next.clear();
    for (const int id : now) {
      const State& state = states_[id];
      if (state.kind == State::kFound) return true;
      const Ranges& ranges = ranges_[state.ranges];
      const auto range = std::upper_bound(
          ranges.begin(), ranges.end(), character,
          [](uint32_t c, const std::pair<uint32_t, uint32_t>& r) { return c < r.first; });
      if (!end && range != ranges.begin() && character <= std::prev(range)->second) {
        next.push_back(state.next);
      }
    }
    if (end) return false;
    was_word = is_word;
    at = behind;
  }
}

}  // namespace nomograph
