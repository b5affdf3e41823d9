// Patterns for names that are paths: `/layer1/**`, `*.weight`.
#ifndef NOMOGRAPH_INSPECT_GLOB_H_
#define NOMOGRAPH_INSPECT_GLOB_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace nomograph {

// `*` stands for any characters but '/', `?` for one of them, `**` for any characters at all, and
// `**/` also for nothing. Everything else stands for itself.
class Glob {
 public:
  // Where `literal` is given, characters at which it is true stand for themselves. With
  // `ignore_case`, ASCII letters match either case.
  explicit Glob(absl::string_view pattern, const std::vector<bool>& literal = {},
                bool ignore_case = false);

  // Of the whole name, in time |name| * |pattern| at the most, whatever the pattern.
  bool Matches(absl::string_view name) const;
  // Whether `pattern` has anything that does not stand for itself.
  static bool HasWildcard(absl::string_view pattern, const std::vector<bool>& literal = {});

 private:
  struct Token {
    enum Kind { kCharacter, kOne, kMany, kAll, kScopes, kInScope } kind;
    char character = 0;
  };
  void Add(std::vector<int>& states, std::vector<int>& mark, int stamp, int state) const;

  std::vector<Token> tokens_;
  std::string prefix_;  // what every match begins with
  bool ignore_case_;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_GLOB_H_
