#include "nomograph/inspect/picture/text_width.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nomograph/core/types/escape.h"

namespace nomograph::picture {
namespace {

// Of the characters from U+0020 to U+007E, in thousandths of the size: Adobe's metrics of
// Helvetica.
constexpr int16_t kWidths[] = {
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333,  278, 278, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667,
    611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667,  611, 722, 667, 944, 667,
    667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278,  556, 556, 222, 222, 500,
    222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500,  500, 334, 260, 334, 584};

constexpr double kBoldFactor = 1.07;

// Of the character at the start of `text`, of `length` bytes.
double CharacterWidth(absl::string_view text, int length) {
  const auto byte = static_cast<unsigned char>(text[0]);
  if (length == 1) return byte >= 0x20 && byte < 0x7f ? kWidths[byte - 0x20] : 600;
  // Latin, Greek and Cyrillic, and general punctuation, against what may be ideographs.
  if (length == 2) return 620;
  return byte == 0xe2 ? 600 : 1000;
}

// Calls visit(begin, length) for each character of escaped text.
template <typename Visit>
void ForEachCharacter(absl::string_view text, Visit visit) {
  for (size_t at = 0; at < text.size();) {
    const int length = std::max(1, Utf8Length(text.substr(at)));
    visit(at, length);
    at += length;
  }
}

}  // namespace

double TextWidth(absl::string_view text, double size, bool bold) {
  double width = 0;
  ForEachCharacter(
      text, [&](size_t at, int length) { width += CharacterWidth(text.substr(at), length); });
  return width * size / 1000 * (bold ? kBoldFactor : 1);
}

std::string FitText(absl::string_view text, double size, double width, bool bold) {
  // What is far too long is cut before anything is measured.
  constexpr size_t kLongest = 1024;
  std::string cut;
  if (text.size() > kLongest) {
    cut = absl::StrCat(text.substr(0, kLongest / 2), "…", text.substr(text.size() - kLongest / 2));
    text = cut;
  }
  std::string escaped = Escape(text);
  if (TextWidth(escaped, size, bold) <= width) return escaped;
  std::vector<size_t> starts;
  std::vector<double> widths;
  const double scale = size / 1000 * (bold ? kBoldFactor : 1);
  ForEachCharacter(escaped, [&](size_t at, int length) {
    starts.push_back(at);
    widths.push_back(CharacterWidth(absl::string_view(escaped).substr(at), length) * scale);
  });
  double room = width - TextWidth("…", size, bold);
  size_t head = 0, tail = starts.size();
  // The end says more than the beginning, which others share.
  for (bool from_head = true; head < tail; from_head = !from_head) {
    const double next = from_head ? widths[head] : widths[tail - 1];
    if (next > room) break;
    room -= next;
    from_head ? ++head : --tail;
  }
  const size_t begin = head < starts.size() ? starts[head] : escaped.size();
  const size_t end = tail < starts.size() ? starts[tail] : escaped.size();
  return absl::StrCat(escaped.substr(0, begin), "…", escaped.substr(end));
}

}  // namespace nomograph::picture
