#include "nomograph/core/layers/layer_fields.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "nomograph/core/types/attributes.h"

namespace nomograph {
namespace {

// For types that the value holds as they are.
template <typename T>
absl::Status ReadHeld(const ConfigValue& from, T& to) {
  const T* held = from.As<T>();
  if (held == nullptr) return WrongFieldType(FieldType<T>::Name(), from);
  to = *held;
  return absl::OkStatus();
}

constexpr char kRegularizer[] = "regularizer or null", kConstraint[] = "constraint or null";

}  // namespace

absl::Status WrongFieldType(absl::string_view expected, const ConfigValue& found) {
  return InvalidArgument("expected ", expected, ", found ", found.TypeName(),
                         found.is_null() ? "" : absl::StrCat(" ", found.ToString()));
}

std::string FieldType<bool>::Name() { return "bool"; }
absl::Status FieldType<bool>::Read(const ConfigValue& from, bool& to) { return ReadHeld(from, to); }
absl::StatusOr<ConfigValue> FieldType<bool>::Write(const bool& from) { return ConfigValue(from); }

std::string FieldType<int64_t>::Name() { return "int"; }
absl::Status FieldType<int64_t>::Read(const ConfigValue& from, int64_t& to) {
  return ReadHeld(from, to);
}
absl::StatusOr<ConfigValue> FieldType<int64_t>::Write(const int64_t& from) {
  return ConfigValue(from);
}

std::string FieldType<uint64_t>::Name() { return "int"; }
absl::Status FieldType<uint64_t>::Read(const ConfigValue& from, uint64_t& to) {
  int64_t value = 0;
  NOMO_RETURN_IF_ERROR(FieldType<int64_t>::Read(from, value));
  to = static_cast<uint64_t>(value);
  return absl::OkStatus();
}
absl::StatusOr<ConfigValue> FieldType<uint64_t>::Write(const uint64_t& from) {
  return ConfigValue(from);
}

std::string FieldType<double>::Name() { return "float"; }
absl::Status FieldType<double>::Read(const ConfigValue& from, double& to) {
  if (const int64_t* whole = from.As<int64_t>()) {
    to = static_cast<double>(*whole);
    return absl::OkStatus();
  }
  return ReadHeld(from, to);
}
absl::StatusOr<ConfigValue> FieldType<double>::Write(const double& from) {
  return ConfigValue(from);
}

std::string FieldType<std::string>::Name() { return "string"; }
absl::Status FieldType<std::string>::Read(const ConfigValue& from, std::string& to) {
  return ReadHeld(from, to);
}
absl::StatusOr<ConfigValue> FieldType<std::string>::Write(const std::string& from) {
  return ConfigValue(from);
}

std::string FieldType<Initializer>::Name() { return "initializer"; }
absl::Status FieldType<Initializer>::Read(const ConfigValue& from, Initializer& to) {
  NOMO_ASSIGN_OR_RETURN(to, Initializer::FromConfig(from));
  return absl::OkStatus();
}
absl::StatusOr<ConfigValue> FieldType<Initializer>::Write(const Initializer& from) {
  return from.Config();
}

namespace {

// A string for which a configuration may have null.
LayerField NullableString(absl::string_view name, std::string& value) {
  return {.name = std::string(name), .read = [&value](const ConfigValue& from) {
            if (!from.is_null()) return FieldType<std::string>::Read(from, value);
            value.clear();
            return absl::OkStatus();
          }};
}

}  // namespace

void FieldVisitor::Name(std::string& name) {
  LayerField field = NullableString("name", name);
  field.type = "string or null";
  field.doc = "null: the class's in snake case, numbered";
  field.write = [&name]() -> absl::StatusOr<ConfigValue> {
    return name.empty() ? ConfigValue() : ConfigValue(name);
  };
  fields_.push_back(std::move(field));
}

void FieldVisitor::Activation(absl::string_view name, std::string& value) {
  LayerField field = NullableString(name, value);
  field.type = "activation";
  field.doc = "its name; \"linear\" or null: none";
  field.write = [&value]() -> absl::StatusOr<ConfigValue> {
    return ConfigValue(value.empty() ? "linear" : value);
  };
  fields_.push_back(std::move(field));
}

void FieldVisitor::Weight(absl::string_view weight, Initializer& initializer) {
  (*this)(absl::StrCat(weight, "_initializer"), initializer,
          absl::StrCat("what weight ", weight, " holds at first"));
  Only(absl::StrCat(weight, "_regularizer"), nullptr,
       "in training: L1, L2, L1L2 or OrthogonalRegularizer");
  fields_.back().type = kRegularizer;
  Only(absl::StrCat(weight, "_constraint"), nullptr,
       "in training: MaxNorm, MinMaxNorm, NonNeg or UnitNorm");
  fields_.back().type = kConstraint;
}

bool IsRuleType(absl::string_view type) { return type == kRegularizer || type == kConstraint; }

void FieldVisitor::Only(absl::string_view name, ConfigValue value, absl::string_view doc) {
  fields_.push_back({.name = std::string(name),
                     .type = value.ToString(),
                     .doc = std::string(doc),
                     .fixed = true,
                     .read =
                         [value](const ConfigValue& from) {
                           if (from == value) return absl::OkStatus();
                           return WrongFieldType(value.ToString(), from);
                         },
                     .write = [value]() -> absl::StatusOr<ConfigValue> { return value; }});
}

absl::Status FieldVisitor::Read(const LayerConfig& config) const {
  ErrorList errors;
  std::vector<std::string> names;
  for (const LayerField& field : fields_) {
    names.push_back(field.name);
    if (const ConfigValue* value = config.Find(field.name)) {
      errors.Add(field.read(*value), field.name);
    } else if (field.required) {
      errors.Add(InvalidArgument(field.name, " (", field.type, ") is required"));
    }
  }
  for (const auto& [name, value] : config) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    errors.Add(InvalidArgument("there is no field ", name, DidYouMean(name, names)));
  }
  return errors.ToStatus("fields are wrong");
}

absl::StatusOr<LayerConfig> FieldVisitor::Write() const {
  LayerConfig config;
  for (const LayerField& field : fields_) {
    auto value = field.write();
    NOMO_RETURN_IF_ERROR(Annotate(value.status(), field.name));
    if (!field.fixed || !value->is_null()) config.Set(field.name, *std::move(value));
  }
  return config;
}

}  // namespace nomograph
