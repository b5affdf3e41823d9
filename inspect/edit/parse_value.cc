#include "nomograph/inspect/edit/parse_value.h"

#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"

namespace nomograph {

absl::StatusOr<TensorType> ParseType(absl::string_view text, DType dtype) {
  const size_t bracket = text.find('[');
  if (bracket == text.npos || !absl::EndsWith(text, "]")) {
    return InvalidArgument(Quoted(text),
                           " is no type: write [batch,3,224,224], with the dtype "
                           "ahead where it changes");
  }
  TensorType type{.dtype = dtype, .shape = PartialShape::OfRank(0)};
  if (bracket > 0) type.dtype = DTypeFromName(text.substr(0, bracket));
  if (type.dtype == DType::kInvalid) {
    return InvalidArgument("there is no dtype ", Quoted(text.substr(0, bracket)));
  }
  const absl::string_view inside = text.substr(bracket + 1, text.size() - bracket - 2);
  if (absl::StripAsciiWhitespace(inside).empty()) return type;
  for (absl::string_view part : absl::StrSplit(inside, ',')) {
    part = absl::StripAsciiWhitespace(part);
    int64_t size = 0;
    if (type.shape.rank() == kMaxRank) return InvalidArgument(Quoted(text), " has too many axes");
    if (part == "?") {
      type.shape.Append(Dim());
    } else if (absl::SimpleAtoi(part, &size) && size >= 0) {
      type.shape.Append(size);
    } else if (!part.empty() && absl::ascii_isalpha(part[0])) {
      type.shape.Append(Dim::Symbol(std::string(part)));
    } else {
      return InvalidArgument(Quoted(part), " is no size: write a number, a name, or ?");
    }
  }
  return type;
}

absl::StatusOr<AttrValue> ParseAttrValue(AttrType type, const std::string& text) {
  const auto fault = [&] { return InvalidArgument(Quoted(text), " is no ", AttrTypeName(type)); };
  absl::string_view inside = text;
  const bool is_list = absl::ConsumePrefix(&inside, "[") && absl::ConsumeSuffix(&inside, "]");
  std::vector<std::string> parts;
  if (is_list && !absl::StripAsciiWhitespace(inside).empty()) {
    for (const absl::string_view part : absl::StrSplit(inside, ',')) {
      parts.emplace_back(absl::StripAsciiWhitespace(part));
    }
  }
  int64_t integer = 0;
  double number = 0;
  switch (type) {
    case AttrType::kBool:
      if (text != "true" && text != "false") return fault();
      return AttrValue(text == "true");
    case AttrType::kInt:
      if (!absl::SimpleAtoi(text, &integer)) return fault();
      return AttrValue(integer);
    case AttrType::kFloat:
      if (!absl::SimpleAtod(text, &number)) return fault();
      return AttrValue(number);
    case AttrType::kString:
      return AttrValue(text);
    case AttrType::kDType:
      if (DTypeFromName(text) == DType::kInvalid) return fault();
      return AttrValue(DTypeFromName(text));
    case AttrType::kInts: {
      std::vector<int64_t> list;
      for (const std::string& part : parts) {
        if (!absl::SimpleAtoi(part, &integer)) return fault();
        list.push_back(integer);
      }
      if (!is_list) return fault();
      return AttrValue(std::move(list));
    }
    case AttrType::kFloats: {
      std::vector<double> list;
      for (const std::string& part : parts) {
        if (!absl::SimpleAtod(part, &number)) return fault();
        list.push_back(number);
      }
      if (!is_list) return fault();
      return AttrValue(std::move(list));
    }
    case AttrType::kStrings:
      if (!is_list) return fault();
      return AttrValue(std::move(parts));
    case AttrType::kFunction:
      return AttrValue(FunctionRef{std::string(absl::StripPrefix(text, "@"))});
    case AttrType::kTensor:
      break;
  }
  return InvalidArgument("an attribute of type ", AttrTypeName(type), " cannot be written here");
}

}  // namespace nomograph
