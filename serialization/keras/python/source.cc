#include "nomograph/serialization/keras/python/source.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/serialization/keras/python/decompiler.h"
#include "nomograph/serialization/keras/python/literals.h"
#include "nomograph/serialization/keras/python/opcodes.h"

namespace nomograph::keras {
namespace {

constexpr absl::string_view kIndent = "    ";

std::string Cut(std::string text, size_t limit) {
  if (text.size() <= limit) return text;
  // Not within a character.
  size_t end = limit;
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xc0) == 0x80) --end;
  return absl::StrCat(text.substr(0, end), "…");
}

std::string ParametersText(const Code& code, const std::vector<std::string>& defaults) {
  std::vector<std::string> parts;
  const int named = code.num_args + code.num_keyword_only;
  const int first_default = code.num_args - static_cast<int>(defaults.size());
  const bool rest = (code.flags & Code::kVarArgs) != 0;
  for (int i = 0; i < named; ++i) {
    if (i == code.num_args) {
      parts.push_back(rest ? absl::StrCat("*", Shown(code.variables[named])) : "*");
    }
    std::string text = Shown(code.variables[i]);
    if (i < code.num_args && i >= first_default && i - first_default < code.num_args) {
      absl::StrAppend(&text, "=", defaults[i - first_default]);
    }
    parts.push_back(std::move(text));
  }
  if (rest && code.num_keyword_only == 0) {
    parts.push_back(absl::StrCat("*", Shown(code.variables[named])));
  }
  if ((code.flags & Code::kVarKeywords) != 0) {
    parts.push_back(absl::StrCat("**", Shown(code.variables[named + rest])));
  }
  return absl::StrJoin(parts, ", ");
}

// What is said of code whose course cannot be shown: the names that it uses.
std::string Outline(const Code& code) {
  std::vector<std::string> names;
  for (const std::string& name : code.names) {
    if (names.size() == 20) break;
    names.push_back(Shown(name));
  }
  return absl::StrCat("...  # not shown as source; it uses ",
                      names.empty() ? "no names" : absl::StrJoin(names, ", "));
}

}  // namespace

FunctionText WriteFunction(const Code& code, const std::vector<std::string>& defaults,
                           int64_t limit, int depth) {
  FunctionText text;
  const std::string parameters = ParametersText(code, defaults);
  auto body = Decompile(code, limit, depth);
  const bool shown = body.has_value() && static_cast<int64_t>(body->size_all()) <= limit;
  if (code.name == "<lambda>" && (!shown || body->lines.empty())) {
    text.is_lambda = true;
    text.body = shown ? body->result : Outline(code);
    text.head = parameters.empty() ? "lambda: " : absl::StrCat("lambda ", parameters, ": ");
    return text;
  }
  text.head = absl::StrCat("def ", Shown(code.name), "(", parameters, "):");
  if (!shown) {
    text.lines = {Outline(code)};
    return text;
  }
  text.lines = std::move(body->lines);
  if (!body->result.empty() && (body->result != "None" || text.lines.empty())) {
    text.lines.push_back(absl::StrCat("return ", body->result));
  }
  return text;
}

std::string FunctionText::ToString() const {
  if (is_lambda) return absl::StrCat(head, body);
  std::string text = head;
  for (const std::string& line : lines) absl::StrAppend(&text, "\n", kIndent, line);
  return text;
}

namespace {

FunctionText Write(const Code& code, const ConfigValue& defaults, const PythonLimits& limits) {
  std::vector<std::string> texts;
  if (const auto* list = defaults.As<ConfigValue::List>()) {
    for (const ConfigValue& value : *list) {
      if (static_cast<int>(texts.size()) < code.num_args) texts.push_back(Literal(value, 100));
    }
  }
  return WriteFunction(code, texts, limits.max_text, 0);
}

}  // namespace

std::string SourceText(const Code& code, const ConfigValue& defaults, const PythonLimits& limits) {
  return Cut(Write(code, defaults, limits).ToString(), limits.max_text);
}

std::string BodyText(const Code& code, const ConfigValue& defaults, const PythonLimits& limits) {
  const FunctionText text = Write(code, defaults, limits);
  return Cut(text.is_lambda ? text.body : text.ToString(), limits.max_text);
}

}  // namespace nomograph::keras
