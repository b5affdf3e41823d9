#include "nomograph/core/types/escape.h"

#include <cstdint>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace nomograph {
namespace {

// The code point of a UTF-8 sequence.
char32_t CodePoint(absl::string_view sequence) {
  const auto first = static_cast<uint8_t>(sequence[0]);
  if (sequence.size() == 1) return first;
  char32_t code = first & (0x7f >> sequence.size());
  for (const char byte : sequence.substr(1)) code = code << 6 | (static_cast<uint8_t>(byte) & 0x3f);
  return code;
}

bool IsControl(char32_t code) { return code < 0x20 || (code >= 0x7f && code < 0xa0); }

// What ends a line, and what changes the direction of those that follow (Unicode's property
// Bidi_Control).
bool IsMark(char32_t code) {
  return code == 0x2028 || code == 0x2029 || code == 0x061c || code == 0x200e || code == 0x200f ||
         (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

std::string Written(char32_t code, bool json) {
  const auto number = static_cast<uint32_t>(code);
  if (json || code >= 0x80) return absl::StrFormat("\\u%04x", number);
  switch (code) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return absl::StrFormat("\\x%02x", number);
  }
}

// `keeps` tells of a line end, with what follows it, whether it stays.
template <typename Keeps>
std::string EscapeBut(absl::string_view text, bool json, Keeps keeps) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const int length = Utf8Length(text);
    const absl::string_view sequence = text.substr(0, length == 0 ? 1 : length);
    text.remove_prefix(sequence.size());
    if (length == 0) {
      absl::StrAppendFormat(&result, "\\x%02x", static_cast<uint8_t>(sequence[0]));
      continue;
    }
    const char32_t code = CodePoint(sequence);
    const bool stays = code == '\n' ? keeps(text) : !IsControl(code) && !IsMark(code);
    if (stays) {
      result.append(sequence.data(), sequence.size());
    } else {
      result += Written(code, json);
    }
  }
  return result;
}

}  // namespace

int Utf8Length(absl::string_view text) {
  const auto byte = [text](size_t i) {
    return i < text.size() ? static_cast<uint8_t>(text[i]) : 0;
  };
  const auto follows = [&](size_t i, int low = 0x80, int high = 0xbf) {
    return low <= byte(i) && byte(i) <= high;
  };
  if (text.empty()) return 0;
  const int first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const bool second = follows(1, first == 0xe0 ? 0xa0 : 0x80, first == 0xed ? 0x9f : 0xbf);
    return second && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const bool second = follows(1, first == 0xf0 ? 0x90 : 0x80, first == 0xf4 ? 0x8f : 0xbf);
    return second && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

std::string Escape(absl::string_view text) {
  return EscapeBut(text, /*json=*/false, [](absl::string_view) { return false; });
}

std::string EscapeLines(absl::string_view text) {
  return EscapeBut(text, /*json=*/false, [](absl::string_view) { return true; });
}

std::string EscapeMessage(absl::string_view message) {
  return EscapeBut(message, /*json=*/false,
                   [](absl::string_view rest) { return absl::StartsWith(rest, "  "); });
}

std::string EscapeJson(absl::string_view json) {
  return EscapeBut(json, /*json=*/true, [](absl::string_view) { return true; });
}

std::string Shown(absl::string_view name) {
  if (name.size() <= kMaxQuotedBytes) return Escape(name);
  // A cut never goes through a character.
  const auto continues = [name](size_t i) {
    return (static_cast<uint8_t>(name[i]) & 0xc0) == 0x80;
  };
  size_t head = kMaxQuotedBytes / 2, tail = name.size() - kMaxQuotedBytes / 2;
  for (int i = 0; i < 3 && continues(head); ++i) --head;
  for (int i = 0; i < 3 && continues(tail); ++i) ++tail;
  return absl::StrCat(Escape(name.substr(0, head)), "...", Escape(name.substr(tail)));
}

void AppendShown(std::string* out, absl::string_view name) { out->append(Shown(name)); }

std::string QuotedPath(absl::string_view path) { return absl::StrCat("\"", Escape(path), "\""); }

std::string Quoted(absl::string_view name) { return absl::StrCat("\"", Shown(name), "\""); }

}  // namespace nomograph
