#include "nomograph/core/types/attributes.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/types/escape.h"

namespace nomograph {
namespace {

// The shortest text that reads back as the same double.
std::string FormatDouble(double value) {
  for (int digits = 6; digits < 17; ++digits) {
    std::string text = absl::StrFormat("%.*g", digits, value);
    if (std::strtod(text.c_str(), nullptr) == value) return text;
  }
  return absl::StrFormat("%.17g", value);
}

template <typename T, typename F>
std::string FormatList(const std::vector<T>& values, F&& format) {
  return absl::StrCat(
      "[",
      absl::StrJoin(values, ", ", [&](std::string* out, const T& v) { out->append(format(v)); }),
      "]");
}

std::string Quote(const std::string& text) { return absl::StrCat("\"", absl::CEscape(text), "\""); }

struct ToText {
  std::string operator()(bool v) const { return v ? "true" : "false"; }
  std::string operator()(int64_t v) const { return absl::StrCat(v); }
  std::string operator()(double v) const { return FormatDouble(v); }
  std::string operator()(const std::string& v) const { return Quote(v); }
  std::string operator()(DType v) const { return std::string(DTypeName(v)); }
  std::string operator()(const std::vector<int64_t>& v) const { return FormatList(v, *this); }
  std::string operator()(const std::vector<double>& v) const { return FormatList(v, *this); }
  std::string operator()(const std::vector<std::string>& v) const { return FormatList(v, *this); }
  std::string operator()(const Tensor& v) const { return v.ToString(4); }
  std::string operator()(const FunctionRef& v) const { return absl::StrCat("@", Escape(v.name)); }
};

// Levenshtein distance, case folded; where it is greater than `most`, some number that is.
int EditDistance(absl::string_view a, absl::string_view b, int most) {
  const int rows = static_cast<int>(a.size()), columns = static_cast<int>(b.size());
  if (std::abs(rows - columns) > most) return most + 1;
  std::vector<int> row(columns + 1);
  std::iota(row.begin(), row.end(), 0);
  for (int i = 1; i <= rows; ++i) {
    // So far from the diagonal it is greater.
    const int first = std::max(1, i - most), last = std::min(columns, i + most);
    int diagonal = row[first - 1];
    int least = row[first - 1] = first == 1 ? i : most + 1;
    for (int j = first; j <= last; ++j) {
      const int substituted =
          diagonal + (absl::ascii_tolower(a[i - 1]) != absl::ascii_tolower(b[j - 1]) ? 1 : 0);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
      least = std::min(least, row[j]);
    }
    if (least > most) return most + 1;
  }
  return row[columns];
}

absl::string_view AfterDot(absl::string_view name) {
  const size_t dot = name.rfind('.');
  return dot == absl::string_view::npos ? name : name.substr(dot + 1);
}

}  // namespace

AttrValue::AttrValue(bool v) : value_(v) {}
AttrValue::AttrValue(Integer v) : value_(v.value) {}
AttrValue::AttrValue(double v) : value_(v) {}
AttrValue::AttrValue(const char* v) : value_(std::string(v)) {}
AttrValue::AttrValue(std::string v) : value_(std::move(v)) {}
AttrValue::AttrValue(absl::string_view v) : value_(std::string(v)) {}
AttrValue::AttrValue(DType v) : value_(v) {}
AttrValue::AttrValue(std::vector<int64_t> v) : value_(std::move(v)) {}
AttrValue::AttrValue(std::vector<double> v) : value_(std::move(v)) {}
AttrValue::AttrValue(std::vector<std::string> v) : value_(std::move(v)) {}
AttrValue::AttrValue(Tensor v) : value_(std::move(v)) {}
AttrValue::AttrValue(FunctionRef v) : value_(std::move(v)) {}
AttrValue::AttrValue(const AttrValue& other) = default;
AttrValue::AttrValue(AttrValue&& other) noexcept = default;
AttrValue& AttrValue::operator=(const AttrValue& other) = default;
AttrValue& AttrValue::operator=(AttrValue&& other) noexcept = default;
AttrValue::~AttrValue() = default;
bool AttrValue::operator==(const AttrValue& other) const { return value_ == other.value_; }

Attributes::Attributes() = default;
Attributes::Attributes(std::initializer_list<std::pair<std::string, AttrValue>> values)
    : values_(values.begin(), values.end()) {}
Attributes::Attributes(const Attributes& other) = default;
Attributes::Attributes(Attributes&& other) noexcept = default;
Attributes& Attributes::operator=(const Attributes& other) = default;
Attributes& Attributes::operator=(Attributes&& other) noexcept = default;
Attributes::~Attributes() = default;
bool Attributes::operator==(const Attributes& other) const { return values_ == other.values_; }

void Attributes::Set(absl::string_view name, AttrValue value) {
  values_.insert_or_assign(std::string(name), std::move(value));
}
void Attributes::Erase(absl::string_view name) { values_.erase(std::string(name)); }

absl::string_view AttrTypeName(AttrType type) {
  static constexpr absl::string_view kNames[] = {"bool", "int",    "float",   "string", "dtype",
                                                 "ints", "floats", "strings", "tensor", "function"};
  return kNames[static_cast<int>(type)];
}

std::string AttrValue::ToString() const { return std::visit(ToText{}, value_); }

const AttrValue* Attributes::Find(absl::string_view name) const {
  auto it = values_.find(name);
  return it == values_.end() ? nullptr : &it->second;
}

std::string Attributes::ToString() const {
  return absl::StrJoin(values_, ", ", [](std::string* out, const auto& entry) {
    absl::StrAppend(out, Escape(entry.first), "=", entry.second.ToString());
  });
}

absl::Status AttrDef::Check(AttrValue& value) const {
  if (const auto* number = value.As<int64_t>()) {
    if (type == AttrType::kFloat) value = AttrValue(static_cast<double>(*number));
    if (type == AttrType::kInts) value = AttrValue(std::vector<int64_t>{*number});
    if (type == AttrType::kFloats)
      value = AttrValue(std::vector<double>{static_cast<double>(*number)});
  } else if (const auto* real = value.As<double>()) {
    if (type == AttrType::kFloats) value = AttrValue(std::vector<double>{*real});
  } else if (const auto* ints = value.As<std::vector<int64_t>>()) {
    if (type == AttrType::kFloats)
      value = AttrValue(std::vector<double>(ints->begin(), ints->end()));
  }
  if (value.type() != type) {
    return InvalidArgument("attribute ", name, ": expected ", AttrTypeName(type), ", found ",
                           AttrTypeName(value.type()), " ", value.ToString());
  }
  const auto in_limits = [this](double v) {
    return !(min && !(v >= *min)) && !(max && !(v <= *max));
  };
  bool allowed = true;
  if (auto* v = value.As<int64_t>()) allowed = in_limits(static_cast<double>(*v));
  if (auto* v = value.As<double>()) allowed = in_limits(*v);
  if (auto* v = value.As<std::vector<int64_t>>()) {
    allowed = std::all_of(v->begin(), v->end(),
                          [&](int64_t e) { return in_limits(static_cast<double>(e)); });
  }
  if (auto* v = value.As<std::vector<double>>())
    allowed = std::all_of(v->begin(), v->end(), in_limits);
  if (!allowed) {
    return InvalidArgument("attribute ", name, ": ", value.ToString(), " is outside of [",
                           min ? FormatDouble(*min) : "-inf", ", ",
                           max ? FormatDouble(*max) : "inf", "]");
  }
  if (auto* v = value.As<std::string>();
      v && !choices.empty() && std::find(choices.begin(), choices.end(), *v) == choices.end()) {
    return InvalidArgument("attribute ", name, ": ", Quoted(*v), " is none of ",
                           absl::StrJoin(choices, ", "));
  }
  return absl::OkStatus();
}

absl::StatusOr<Attributes> ResolveAttributes(const std::vector<AttrDef>& defs,
                                             const Attributes& attrs) {
  ErrorList errors;
  Attributes resolved;
  std::vector<std::string> names;
  for (const AttrDef& def : defs) {
    names.push_back(def.name);
    if (const AttrValue* given = attrs.Find(def.name)) {
      AttrValue value = *given;
      errors.Add(def.Check(value));
      resolved.Set(def.name, std::move(value));
    } else if (def.default_value) {
      resolved.Set(def.name, *def.default_value);
    } else if (!def.optional) {
      errors.Add(
          InvalidArgument("attribute ", def.name, " (", AttrTypeName(def.type), ") is required"));
    }
  }
  for (const auto& [name, value] : attrs) {
    if (!resolved.Has(name)) {
      errors.Add(InvalidArgument("there is no attribute ", Shown(name), DidYouMean(name, names)));
    }
  }
  NOMO_RETURN_IF_ERROR(errors.ToStatus("attributes are wrong"));
  return resolved;
}

std::vector<std::string> NearestNames(absl::string_view name, const std::vector<std::string>& names,
                                      int limit) {
  // A name that is longer than any that people write is no slip of theirs, and comparing it would
  // take long; nor are many names.
  constexpr size_t kMaxLength = 256;
  constexpr size_t kMaxCandidates = 10'000;
  std::vector<std::pair<int, std::string>> ranked;
  if (name.size() > kMaxLength) return {};
  const size_t count = std::min(names.size(), kMaxCandidates);
  const int most = 1 + static_cast<int>(AfterDot(name).size()) / 3;
  for (const std::string& candidate : absl::MakeConstSpan(names).first(count)) {
    if (candidate.size() > kMaxLength) continue;
    // A name under another domain ("nn.Softplus" for "keras.softplus") is as near as the part after
    // the dot.
    const int distance = std::min(EditDistance(name, candidate, most),
                                  1 + EditDistance(AfterDot(name), AfterDot(candidate), most - 1));
    if (distance <= most) ranked.emplace_back(distance, candidate);
  }
  std::sort(ranked.begin(), ranked.end());
  std::vector<std::string> nearest;
  for (auto& [distance, candidate] : ranked) {
    if (static_cast<int>(nearest.size()) == limit) break;
    nearest.push_back(std::move(candidate));
  }
  return nearest;
}

std::string DidYouMean(absl::string_view name, const std::vector<std::string>& names) {
  const std::vector<std::string> nearest = NearestNames(name, names);
  return nearest.empty()
             ? ""
             : absl::StrCat(" (did you mean ", absl::StrJoin(nearest, ", ", AppendShown), "?)");
}

}  // namespace nomograph
