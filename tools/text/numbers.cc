#include "nomograph/tools/text/numbers.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace nomograph {
std::string WithSeparators(int64_t number) {
  std::string text = absl::StrCat(number);
  const int first_digit = number < 0 ? 1 : 0;
  for (int i = static_cast<int>(text.size()) - 3; i > first_digit; i -= 3) text.insert(i, ",");
  return text;
}

std::string ShortNumber(double value) { return absl::StrFormat("%.6g", value); }

std::string Counted(int64_t count, absl::string_view noun) {
  return absl::StrCat(WithSeparators(count), " ", noun, count == 1 ? "" : "s");
}

}  // namespace nomograph
