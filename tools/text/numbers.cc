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

std::string ReadableCount(int64_t number) {
  static constexpr const char* kUnits[] = {"", " K", " M", " G", " T", " P", " E"};
  double value = static_cast<double>(number);
  int unit = 0;
  for (; value >= 999.5 && unit < 6; ++unit) value /= 1000;
  if (unit == 0) return absl::StrCat(number);
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return absl::StrFormat("%.*f%s", decimals, value, kUnits[unit]);
}

}  // namespace nomograph
