#include "nomograph/core/layers/layer_config.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/types/attributes.h"

namespace nomograph {
namespace {

std::string Quote(absl::string_view text) {
  return absl::StrCat("\"", absl::Utf8SafeCEscape(text), "\"");
}

struct ToText {
  std::string operator()(std::nullptr_t) const { return "null"; }
  std::string operator()(bool v) const { return v ? "true" : "false"; }
  std::string operator()(int64_t v) const { return absl::StrCat(v); }
  std::string operator()(double v) const { return AttrValue(v).ToString(); }
  std::string operator()(const std::string& v) const { return Quote(v); }
  std::string operator()(const ConfigValue::List& v) const {
    return absl::StrCat("[",
                        absl::StrJoin(v, ", ",
                                      [](std::string* out, const ConfigValue& element) {
                                        out->append(element.ToString());
                                      }),
                        "]");
  }
  std::string operator()(const LayerConfig& v) const { return v.ToString(); }
};

}  // namespace

LayerConfig::LayerConfig() = default;
LayerConfig::LayerConfig(std::initializer_list<std::pair<std::string, ConfigValue>> fields)
    : fields_(fields) {}
LayerConfig::LayerConfig(Fields fields) : fields_(std::move(fields)) {}
LayerConfig::LayerConfig(const LayerConfig& other) = default;
LayerConfig::LayerConfig(LayerConfig&& other) noexcept = default;
LayerConfig& LayerConfig::operator=(const LayerConfig& other) = default;
LayerConfig& LayerConfig::operator=(LayerConfig&& other) noexcept = default;
LayerConfig::~LayerConfig() = default;

const ConfigValue* LayerConfig::Find(absl::string_view name) const {
  for (const auto& [known, value] : fields_) {
    if (known == name) return &value;
  }
  return nullptr;
}

void LayerConfig::Set(absl::string_view name, ConfigValue value) {
  for (auto& [known, old] : fields_) {
    if (known != name) continue;
    old = std::move(value);
    return;
  }
  fields_.emplace_back(std::string(name), std::move(value));
}

bool LayerConfig::empty() const { return fields_.empty(); }
size_t LayerConfig::size() const { return fields_.size(); }
LayerConfig::Fields::const_iterator LayerConfig::begin() const { return fields_.begin(); }
LayerConfig::Fields::const_iterator LayerConfig::end() const { return fields_.end(); }

std::string LayerConfig::ToString() const {
  return absl::StrCat("{",
                      absl::StrJoin(fields_, ", ",
                                    [](std::string* out, const auto& field) {
                                      absl::StrAppend(out, Quote(field.first), ": ",
                                                      field.second.ToString());
                                    }),
                      "}");
}

bool LayerConfig::operator==(const LayerConfig& other) const {
  return size() == other.size() && std::all_of(begin(), end(), [&](const auto& field) {
           const ConfigValue* value = other.Find(field.first);
           return value != nullptr && *value == field.second;
         });
}

absl::string_view ConfigValue::TypeName() const {
  static constexpr absl::string_view kNames[] = {"null",   "bool", "int",   "float",
                                                 "string", "list", "object"};
  return kNames[value_.index()];
}

std::string ConfigValue::ToString() const { return std::visit(ToText{}, value_); }

}  // namespace nomograph
