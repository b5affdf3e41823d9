#include "nomograph/serialization/keras/calls/known_names.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace nomograph {
namespace {

// At commas outside of braces.
std::vector<absl::string_view> SplitOutside(absl::string_view text) {
  std::vector<absl::string_view> parts;
  int depth = 0;
  size_t begin = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || (text[i] == ',' && depth == 0)) {
      parts.push_back(absl::StripAsciiWhitespace(text.substr(begin, i - begin)));
      begin = i + 1;
    } else {
      depth += (text[i] == '{') - (text[i] == '}');
    }
  }
  return parts;
}

std::vector<std::string> Multiply(absl::string_view text) {
  const size_t open = text.find('{');
  const size_t close = text.find('}', open);
  if (open == absl::string_view::npos || close == absl::string_view::npos) {
    return {std::string(text)};
  }
  std::vector<std::string> names;
  const std::vector<std::string> rest = Multiply(text.substr(close + 1));
  for (const absl::string_view choice :
       absl::StrSplit(text.substr(open + 1, close - open - 1), ',')) {
    for (const std::string& end : rest) {
      names.push_back(absl::StrCat(text.substr(0, open), absl::StripAsciiWhitespace(choice), end));
    }
  }
  return names;
}

}  // namespace

std::vector<std::string> ExpandNames(absl::string_view names) {
  std::vector<std::string> all;
  for (const absl::string_view name : SplitOutside(names.substr(0, names.find('(')))) {
    for (std::string& each : Multiply(name)) all.push_back(std::move(each));
  }
  return all;
}

}  // namespace nomograph
