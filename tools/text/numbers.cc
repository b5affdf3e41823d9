#include "nomograph/tools/text/numbers.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace nomograph {
namespace {

// Also the control characters from U+0080 to U+009F, which UTF-8 writes as two bytes.
int ControlBytes(absl::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x20 || first == 0x7f) return 1;
  if (first == 0xc2 && text.size() > 1) {
    const auto second = static_cast<unsigned char>(text[1]);
    if (second >= 0x80 && second < 0xa0) return 2;
  }
  return 0;
}

}  // namespace

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

std::string Printable(absl::string_view text, bool keep_lines) {
  std::string result;
  while (!text.empty()) {
    const int control = keep_lines && text[0] == '\n' ? 0 : ControlBytes(text);
    if (control == 0) {
      result.push_back(text[0]);
    } else if (text[0] == '\n' || text[0] == '\t' || text[0] == '\r') {
      result += absl::CEscape(text.substr(0, 1));
    } else {
      result += absl::CHexEscape(text.substr(0, control));
    }
    text.remove_prefix(control == 0 ? 1 : control);
  }
  return result;
}

}  // namespace nomograph
