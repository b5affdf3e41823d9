#include "nomograph/serialization/keras/json.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"

namespace nomograph::keras {
namespace {

void AppendUtf8(uint32_t code, std::string& out) {
  if (code < 0x80) {
    out.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out.push_back(static_cast<char>(0xC0 | code >> 6));
    out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  } else if (code < 0x10000) {
    out.push_back(static_cast<char>(0xE0 | code >> 12));
    out.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  } else {
    out.push_back(static_cast<char>(0xF0 | code >> 18));
    out.push_back(static_cast<char>(0x80 | (code >> 12 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  }
}

bool IsHighSurrogate(uint32_t code) { return code >= 0xD800 && code < 0xDC00; }
bool IsLowSurrogate(uint32_t code) { return code >= 0xDC00 && code < 0xE000; }

class Parser {
 public:
  Parser(absl::string_view text, const JsonLimits& limits) : text_(text), limits_(limits) {}

  absl::StatusOr<ConfigValue> ParseAll() {
    NOMO_ASSIGN_OR_RETURN(ConfigValue value, ParseValue(0));
    SkipSpace();
    if (at_ != text_.size()) return Fault("expected the end");
    return value;
  }

 private:
  absl::Status Fault(absl::string_view expected) const {
    return InvalidArgument("it is no valid JSON: byte ", at_, ": ", expected,
                           at_ < text_.size()
                               ? absl::StrCat(", found ", Quoted(text_.substr(at_, 1)))
                               : std::string(", found the end"));
  }

  void SkipSpace() {
    while (at_ < text_.size() && absl::StrContains(" \t\r\n", text_[at_])) ++at_;
  }
  bool Take(absl::string_view token) {
    if (!absl::StartsWith(text_.substr(at_), token)) return false;
    at_ += token.size();
    return true;
  }

  absl::StatusOr<ConfigValue> ParseValue(int depth) {
    if (depth > limits_.max_depth) {
      return InvalidArgument("byte ", at_, ": lists and objects are nested more than ",
                             limits_.max_depth, " deep");
    }
    NOMO_RETURN_IF_ERROR(CountValue());
    SkipSpace();
    if (Take("null")) return ConfigValue();
    if (Take("true")) return ConfigValue(true);
    if (Take("false")) return ConfigValue(false);
    if (Take("NaN")) return ConfigValue(std::nan(""));
    if (Take("Infinity")) return ConfigValue(std::numeric_limits<double>::infinity());
    if (Take("-Infinity")) return ConfigValue(-std::numeric_limits<double>::infinity());
    if (at_ < text_.size() && text_[at_] == '"') {
      NOMO_ASSIGN_OR_RETURN(std::string text, ParseString());
      return ConfigValue(std::move(text));
    }
    if (Take("[")) return ParseList(depth);
    if (Take("{")) return ParseObject(depth);
    return ParseNumber();
  }

  absl::Status CountValue() {
    if (++values_ <= limits_.max_values) return absl::OkStatus();
    return absl::ResourceExhaustedError(
        absl::StrCat("byte ", at_, ": there are more than ", limits_.max_values, " values"));
  }

  absl::StatusOr<ConfigValue> ParseList(int depth) {
    ConfigValue::List list;
    SkipSpace();
    if (Take("]")) return ConfigValue(std::move(list));
    do {
      NOMO_ASSIGN_OR_RETURN(ConfigValue element, ParseValue(depth + 1));
      list.push_back(std::move(element));
      SkipSpace();
    } while (Take(","));
    if (!Take("]")) return Fault("expected ',' or ']'");
    return ConfigValue(std::move(list));
  }

  absl::StatusOr<ConfigValue> ParseObject(int depth) {
    LayerConfig::Fields fields;
    std::set<std::string, std::less<>> names;
    SkipSpace();
    if (Take("}")) return ConfigValue(LayerConfig());
    do {
      NOMO_RETURN_IF_ERROR(CountValue());
      SkipSpace();
      NOMO_ASSIGN_OR_RETURN(std::string name, ParseString());
      if (!names.insert(name).second) {
        return InvalidArgument("byte ", at_, ": field ", Quoted(name),
                               " occurs twice in its object");
      }
      SkipSpace();
      if (!Take(":")) return Fault("expected ':'");
      NOMO_ASSIGN_OR_RETURN(ConfigValue value, ParseValue(depth + 1));
      fields.emplace_back(std::move(name), std::move(value));
      SkipSpace();
    } while (Take(","));
    if (!Take("}")) return Fault("expected ',' or '}'");
    return ConfigValue(LayerConfig(std::move(fields)));
  }

  absl::StatusOr<ConfigValue> ParseNumber() {
    size_t end = at_;
    while (end < text_.size() && absl::StrContains("+-.0123456789eE", text_[end])) ++end;
    const absl::string_view number = text_.substr(at_, end - at_);
    int64_t whole = 0;
    double value = 0;
    // A sign ahead of the digits is all that SimpleAtoi() and SimpleAtod() know and JSON does not.
    if (number.empty() || number[0] == '+') return Fault("expected a value");
    if (number.find_first_of(".eE") == number.npos && absl::SimpleAtoi(number, &whole)) {
      at_ = end;
      return ConfigValue(whole);
    }
    if (!absl::SimpleAtod(number, &value)) return Fault("expected a value");
    at_ = end;
    return ConfigValue(value);
  }

  absl::StatusOr<std::string> ParseString() {
    if (!Take("\"")) return Fault("expected '\"'");
    std::string out;
    while (true) {
      const size_t end = text_.find_first_of("\"\\", at_);
      if (end == text_.npos) {
        at_ = text_.size();
        return Fault("expected '\"'");
      }
      absl::StrAppend(&out, text_.substr(at_, end - at_));
      at_ = end + 1;
      if (text_[end] == '"') return out;
      NOMO_RETURN_IF_ERROR(ParseEscape(out));
    }
  }

  absl::Status ParseEscape(std::string& out) {
    static constexpr absl::string_view kNames = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
    if (at_ < text_.size() && kNames.find(text_[at_]) != kNames.npos) {
      out.push_back(kMeanings[kNames.find(text_[at_++])]);
      return absl::OkStatus();
    }
    if (!Take("u")) return Fault("expected an escape");
    NOMO_ASSIGN_OR_RETURN(uint32_t code, ParseHex());
    const size_t after = at_;
    if (IsHighSurrogate(code) && Take("\\u")) {
      NOMO_ASSIGN_OR_RETURN(const uint32_t low, ParseHex());
      if (IsLowSurrogate(low)) {
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
      } else {
        at_ = after;
      }
    }
    AppendUtf8(IsHighSurrogate(code) || IsLowSurrogate(code) ? 0xFFFD : code, out);
    return absl::OkStatus();
  }

  absl::StatusOr<uint32_t> ParseHex() {
    uint32_t code = 0;
    const absl::string_view digits = text_.substr(std::min(at_, text_.size()), 4);
    if (digits.size() != 4 || !absl::SimpleHexAtoi(digits, &code) ||
        !absl::ascii_isxdigit(digits[0]) || !absl::ascii_isxdigit(digits[1])) {
      return Fault("expected four hexadecimal digits");
    }
    at_ += 4;
    return code;
  }

  const absl::string_view text_;
  const JsonLimits limits_;
  size_t at_ = 0;
  int64_t values_ = 0;
};

}  // namespace

absl::StatusOr<ConfigValue> ParseJson(absl::string_view text, const JsonLimits& limits) {
  return Parser(text, limits).ParseAll();
}

std::string TextField(const LayerConfig& config, absl::string_view name) {
  const std::string* text = FieldOf<std::string>(config, name);
  return text == nullptr ? "" : *text;
}

}  // namespace nomograph::keras
