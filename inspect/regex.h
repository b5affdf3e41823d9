// Regular expressions for names, matched in time linear in the name whatever the pattern.
#ifndef NOMOGRAPH_INSPECT_REGEX_H_
#define NOMOGRAPH_INSPECT_REGEX_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace nomograph {

// The common part of POSIX's extended and Perl's expressions, over the characters of UTF-8 (a byte
// that is none is a character of its own):
//
//   .  [a-z_]  [^/]  [[:alpha:]]   a character, one of a class, one that is in none of it
//   \d \w \s  \D \W \S             digits, letters with digits and '_', white space (ASCII); others
//   \. \n \t \r \xHH \b \B         that character; the edge of a word, and what is no edge
//   ab  a|b  (a)  (?:a)            one behind the other, either, a group
//   a*  a+  a?  a{2}  a{2,}  a{2,5}  repeats; a further '?' makes no difference
//   ^  $                           where the name begins and ends
//   (?i) at the very beginning     ASCII letters match either case
//
// What needs backtracking (\1, (?=a), (?<=a)) is not there.
class Regex {
 public:
  // Of a compiled pattern. A search visits each once for each character, at the most.
  static constexpr int kMaxStates = 4000;
  static constexpr size_t kMaxBytes = 1000;  // of a pattern

  // InvalidArgument, with the column, for what is no pattern or makes too many states.
  static absl::StatusOr<Regex> Compile(absl::string_view pattern);

  // Whether the pattern fits some part of `text`. Thompson's simulation: |text| * |states| steps.
  bool Search(absl::string_view text) const;

 private:
  friend class RegexCompiler;
  using Ranges = std::vector<std::pair<uint32_t, uint32_t>>;  // of characters, ends included
  struct State {
    enum Kind : uint8_t { kClass, kSplit, kBegin, kEnd, kWordEdge, kNoWordEdge, kFound } kind;
    int next = -1, other = -1;  // `other` of a split only
    int ranges = -1;            // of a class, into ranges_
  };
  struct Reached;
  void Enter(int state, const Reached& at, std::vector<int>& list, std::vector<int>& mark,
             std::vector<int>& stack) const;

  std::vector<State> states_;
  std::vector<Ranges> ranges_;
  int start_ = 0;
  bool ignore_case_ = false;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_REGEX_H_
