#include "nomograph/serialization/keras/python/literals.h"

#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "nomograph/core/types/escape.h"

namespace nomograph::keras {
namespace {

constexpr absl::string_view kCut = "…";

// Brackets around the items' texts, at most `limit` characters of them.
template <typename Items, typename Text>
std::string Bracketed(absl::string_view open, const Items& items, absl::string_view close,
                      size_t limit, Text text) {
  std::string joined(open);
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) joined.append(", ");
    if (joined.size() > limit) return absl::StrCat(joined, kCut, close);
    joined.append(text(items[i], limit - joined.size()));
  }
  return absl::StrCat(joined, open == "(" && items.size() == 1 ? "," : "", close);
}

// As it stands in a subscript, the only place where Python has constant slices.
std::string SliceLiteral(const Object& object, size_t limit) {
  std::string joined;
  for (size_t i = 0; i < object.items.size(); ++i) {
    const bool none = object.items[i]->kind == Object::Kind::kNone;
    if (i == 1 || (i > 1 && !none)) joined += ":";
    if (!none) joined += Literal(*object.items[i], limit);
  }
  return joined;
}

std::string DictLiteral(const Object& object, size_t limit) {
  std::string joined = "{";
  for (size_t i = 0; i + 1 < object.items.size(); i += 2) {
    if (i > 0) joined.append(", ");
    if (joined.size() > limit) return absl::StrCat(joined, kCut, "}");
    absl::StrAppend(&joined, Literal(*object.items[i], limit - joined.size()), ": ");
    if (joined.size() < limit) joined += Literal(*object.items[i + 1], limit - joined.size());
  }
  return joined + "}";
}

}  // namespace

std::string NumberLiteral(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::string text;
  for (int digits = 1; digits <= 17; ++digits) {
    text = absl::StrFormat("%.*g", digits, value);
    double back = 0;
    if (absl::SimpleAtod(text, &back) && back == value) break;
  }
  // Python writes an exponent from 1e16 on and below 1e-4.
  const double size = std::fabs(value);
  if (size >= 1e-4 && size < 1e16 && text.find('e') != std::string::npos) {
    text = absl::StrFormat("%.0f", value);
  }
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string TextLiteral(absl::string_view text) {
  const std::string marked = absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"'", "\\'"}});
  return absl::StrCat("'", Escape(marked), "'");
}

std::string Literal(const Object& object, size_t limit) {
  using Kind = Object::Kind;
  const auto item = [](const ObjectRef& ref, size_t rest) { return Literal(*ref, rest); };
  switch (object.kind) {
    case Kind::kNone:
      return "None";
    case Kind::kEllipsis:
      return "...";
    case Kind::kStopIteration:
      return "StopIteration";
    case Kind::kBool:
      return object.number != 0 ? "True" : "False";
    case Kind::kInt:
      return absl::StrCat(object.number);
    case Kind::kBigInt:
      return absl::StrCat("<an integer of ", object.number, " bits>");
    case Kind::kFloat:
      return NumberLiteral(object.real);
    case Kind::kComplex:
      return absl::StrCat("(", NumberLiteral(object.real), "+", NumberLiteral(object.imaginary),
                          "j)");
    case Kind::kText:
    case Kind::kBytes: {
      const bool cut = object.text.size() > limit;
      return absl::StrCat(object.kind == Kind::kBytes ? "b" : "",
                          TextLiteral(absl::string_view(object.text).substr(0, limit)),
                          cut ? kCut : "");
    }
    case Kind::kTuple:
      return Bracketed("(", object.items, ")", limit, item);
    case Kind::kList:
      return Bracketed("[", object.items, "]", limit, item);
    case Kind::kSet:
    case Kind::kFrozenSet:
      return Bracketed("{", object.items, "}", limit, item);
    case Kind::kDict:
      return DictLiteral(object, limit);
    case Kind::kSlice:
      return SliceLiteral(object, limit);
    case Kind::kCode:
      return absl::StrCat("<code ", Shown(object.code->name), ">");
  }
  return "";
}

std::string Literal(const ConfigValue& value, size_t limit) {
  if (value.is_null()) return "None";
  if (const auto* v = value.As<bool>()) return *v ? "True" : "False";
  if (const auto* v = value.As<int64_t>()) return absl::StrCat(*v);
  if (const auto* v = value.As<double>()) return NumberLiteral(*v);
  if (const auto* v = value.As<std::string>()) {
    return TextLiteral(absl::string_view(*v).substr(0, limit));
  }
  const auto* list = value.As<ConfigValue::List>();
  if (list == nullptr) return "{…}";
  return Bracketed("[", *list, "]", limit,
                   [](const ConfigValue& item, size_t rest) { return Literal(item, rest); });
}

}  // namespace nomograph::keras
