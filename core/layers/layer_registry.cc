#include "nomograph/core/layers/layer_registry.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "nomograph/core/types/attributes.h"

namespace nomograph {
namespace {

// Options that every layer of Keras has beside its own. Takes them out of `config`.
struct CommonOptions {
  bool trainable = true;
  std::vector<std::pair<std::string, std::string>> rules;  // for weights: arguments and texts

  // `own` are the class's options.
  absl::Status TakeFrom(LayerConfig& config, absl::Span<const LayerOption> own) {
    ErrorList errors;
    LayerConfig rest;
    for (const auto& [name, value] : config) {
      const std::string& field = name;
      const bool is_rule = field == "activity_regularizer" ||
                           std::any_of(own.begin(), own.end(), [&](const LayerOption& option) {
                             return option.name == field && IsRuleType(option.type);
                           });
      if (name == "trainable") {
        errors.Add(FieldType<bool>::Read(value, trainable), name);
      } else if (name == "dtype") {
        errors.Add(CheckDType(value), name);
      } else if (is_rule) {
        const auto text = RuleTextFromConfig(name, value);
        errors.Add(text.status(), name);
        if (text.ok() && !text->empty()) rules.emplace_back(name, *text);
      } else {
        rest.Set(name, value);
      }
    }
    config = std::move(rest);
    return errors.ToStatus("options are wrong");
  }

 private:
  // Layers compute in their inputs' dtype, so that there is nothing to choose.
  static absl::Status CheckDType(const ConfigValue& value) {
    const ConfigValue* name = &value;
    if (const LayerConfig* policy = value.As<LayerConfig>()) {
      const ConfigValue* config = policy->Find("config");
      const LayerConfig* fields = config == nullptr ? nullptr : config->As<LayerConfig>();
      if (fields != nullptr && fields->Find("name") != nullptr) name = fields->Find("name");
    }
    const std::string* text = name->As<std::string>();
    if (value.is_null() || (text != nullptr && *text == "float32")) return absl::OkStatus();
    return InvalidArgument(
        "expected \"float32\" or null, as layers compute in their inputs' dtype; found ",
        value.ToString());
  }
};

absl::Status Ambiguous(absl::string_view class_name) {
  return absl::AlreadyExistsError(absl::StrCat("two layers are registered as ", class_name));
}

}  // namespace

LayerRegistry& LayerRegistry::Default() {
  static LayerRegistry& registry = *new LayerRegistry;
  return registry;
}

absl::Status LayerRegistry::Register(LayerClass layer_class) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const std::string name = layer_class.name;
  if (classes_.emplace(name, std::move(layer_class)).second) return absl::OkStatus();
  ambiguous_.insert(name);
  return Ambiguous(name);
}

const LayerClass* LayerRegistry::Find(absl::string_view class_name) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = classes_.find(class_name);
  return found == classes_.end() || ambiguous_.contains(class_name) ? nullptr : &found->second;
}

std::vector<std::string> LayerRegistry::Names() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, unused] : classes_) names.push_back(name);
  return names;
}

absl::Status LayerRegistry::Missing(absl::string_view class_name) const {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (ambiguous_.contains(class_name)) return Ambiguous(class_name);
  }
  return absl::NotFoundError(
      absl::StrCat("there is no layer ", class_name, DidYouMean(class_name, Names())));
}

absl::StatusOr<std::string> LayerRegistry::Describe(absl::string_view class_name) const {
  const LayerClass* found = Find(class_name);
  if (found == nullptr) return Missing(class_name);
  std::string text = absl::StrCat(found->name, "\n");
  for (const LayerOption& option : found->options()) {
    absl::StrAppend(&text, "  ", option.name, ": ", option.type,
                    option.required ? ", required"
                    : option.fixed  ? ", nothing else"
                                    : absl::StrCat(", default ", option.default_value),
                    option.doc.empty() ? "" : absl::StrCat(". ", option.doc), "\n");
  }
  return text;
}

absl::StatusOr<Layer> LayerRegistry::FromConfig(absl::string_view class_name,
                                                const LayerConfig& config) const {
  const LayerClass* found = Find(class_name);
  if (found == nullptr) return Missing(class_name);
  LayerConfig own = config;
  CommonOptions common;
  ErrorList errors;
  errors.Add(common.TakeFrom(own, found->options()));
  auto layer = found->make(own);
  errors.Add(layer.ok() ? layer->CheckOptions() : layer.status());
  NOMO_RETURN_IF_ERROR(Annotate(errors.ToStatus("options are wrong"), class_name));
  layer->set_trainable(common.trainable);
  for (auto& [argument, text] : common.rules) layer->set_rule(argument, std::move(text));
  return layer;
}

absl::StatusOr<Layer> FromConfig(absl::string_view class_name, const LayerConfig& config) {
  return LayerRegistry::Default().FromConfig(class_name, config);
}

absl::StatusOr<ConfigValue> SerializeLayer(const Layer& layer) {
  NOMO_ASSIGN_OR_RETURN(LayerConfig config, layer.Config());
  return ConfigValue(
      LayerConfig{{"class_name", layer.class_name()}, {"config", std::move(config)}});
}

absl::StatusOr<Layer> DeserializeLayer(const ConfigValue& value) {
  const LayerConfig* object = value.As<LayerConfig>();
  const ConfigValue* name = object == nullptr ? nullptr : object->Find("class_name");
  const ConfigValue* config = object == nullptr ? nullptr : object->Find("config");
  if (name == nullptr || name->As<std::string>() == nullptr || config == nullptr ||
      config->As<LayerConfig>() == nullptr) {
    return WrongFieldType("a layer, an object with class_name and config", value);
  }
  return FromConfig(*name->As<std::string>(), *config->As<LayerConfig>());
}

std::string FieldType<std::optional<Layer>>::Name() { return "layer or null"; }
absl::Status FieldType<std::optional<Layer>>::Read(const ConfigValue& from,
                                                   std::optional<Layer>& to) {
  if (from.is_null()) {
    to.reset();
    return absl::OkStatus();
  }
  NOMO_ASSIGN_OR_RETURN(to, DeserializeLayer(from));
  return absl::OkStatus();
}
absl::StatusOr<ConfigValue> FieldType<std::optional<Layer>>::Write(
    const std::optional<Layer>& from) {
  return from ? SerializeLayer(*from) : ConfigValue();
}

LayerRegistrar::LayerRegistrar(LayerClass layer_class) {
  LayerRegistry::Default().Register(std::move(layer_class)).IgnoreError();  // FromConfig() says it
}

namespace internal {

std::vector<LayerOption> OptionsOf(const FieldVisitor& fields) {
  std::vector<LayerOption> options;
  for (const LayerField& field : fields.fields()) {
    LayerOption option = {.name = field.name,
                          .type = field.type,
                          .doc = field.doc,
                          .required = field.required,
                          .fixed = field.fixed && !IsRuleType(field.type)};
    const auto value = field.required ? ConfigValue() : field.write();
    if (!field.required && value.ok()) option.default_value = value->ToString();
    options.push_back(std::move(option));
  }
  return options;
}

}  // namespace internal
}  // namespace nomograph
