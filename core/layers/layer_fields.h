// The fields of a layer's options. They are visited in one place, and that serves making a layer
// from a configuration, writing the configuration back, and the documentation:
//
//   void VisitFields(FieldVisitor& v) {
//     v.Required("units", units, "the size of the result's last axis");
//     v.Activation("activation", options.activation);
//     v("use_bias", options.use_bias, "whether bias is added");
//     v.Weight("kernel", options.kernel_initializer);
//   }
#ifndef NOMOGRAPH_CORE_LAYERS_LAYER_FIELDS_H_
#define NOMOGRAPH_CORE_LAYERS_LAYER_FIELDS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "nomograph/core/layers/initializers.h"
#include "nomograph/core/layers/layer_config.h"
#include "nomograph/core/types/status.h"

namespace nomograph {

// How a type of option is written in a configuration. Specialisations have
//   static std::string Name();                                   // as errors and documentation say
//   static absl::Status Read(const ConfigValue& from, T& to);    // leaves `to` alone on errors
//   static absl::StatusOr<ConfigValue> Write(const T& from);
template <typename T>
struct FieldType;

// "expected int, found string \"3\"".
absl::Status WrongFieldType(absl::string_view expected, const ConfigValue& found);

#define NOMO_DECLARE_FIELD_TYPE(T)                      \
  template <>                                           \
  struct FieldType<T> {                                 \
    static std::string Name();                          \
    static absl::Status Read(const ConfigValue&, T&);   \
    static absl::StatusOr<ConfigValue> Write(const T&); \
  }
NOMO_DECLARE_FIELD_TYPE(bool);
NOMO_DECLARE_FIELD_TYPE(int64_t);
NOMO_DECLARE_FIELD_TYPE(uint64_t);  // from 2^63 on as negative numbers of the same bits
NOMO_DECLARE_FIELD_TYPE(double);
NOMO_DECLARE_FIELD_TYPE(std::string);
NOMO_DECLARE_FIELD_TYPE(Initializer);

template <typename T>
struct FieldType<std::optional<T>> {
  static std::string Name() { return FieldType<T>::Name() + " or null"; }
  static absl::Status Read(const ConfigValue& from, std::optional<T>& to) {
    if (from.is_null()) {
      to.reset();
      return absl::OkStatus();
    }
    T value = to.value_or(T{});
    NOMO_RETURN_IF_ERROR(FieldType<T>::Read(from, value));
    to = std::move(value);
    return absl::OkStatus();
  }
  static absl::StatusOr<ConfigValue> Write(const std::optional<T>& from) {
    return from ? FieldType<T>::Write(*from) : ConfigValue();
  }
};

// A list; of one element also the element alone.
template <typename T>
struct FieldType<std::vector<T>> {
  static std::string Name() {
    return "list of " + FieldType<T>::Name() + ", or one " + FieldType<T>::Name();
  }
  static absl::Status Read(const ConfigValue& from, std::vector<T>& to) {
    const ConfigValue::List one = {from};
    const auto* list = from.As<ConfigValue::List>();
    std::vector<T> values;
    for (const ConfigValue& element : list != nullptr ? *list : one) {
      T value{};
      if (!FieldType<T>::Read(element, value).ok()) return WrongFieldType(Name(), from);
      values.push_back(std::move(value));
    }
    to = std::move(values);
    return absl::OkStatus();
  }
  static absl::StatusOr<ConfigValue> Write(const std::vector<T>& from) {
    ConfigValue::List list;
    for (const T& element : from) {
      NOMO_ASSIGN_OR_RETURN(ConfigValue value, FieldType<T>::Write(element));
      list.push_back(std::move(value));
    }
    return ConfigValue(std::move(list));
  }
};

// Whether that is the type of an option that a layer's rules for weights are.
bool IsRuleType(absl::string_view type);

// One field of an options struct that lives at least as long.
struct LayerField {
  std::string name, type, doc;
  bool required = false;
  // The one value that is taken: what else Keras knows there has no meaning here. Such a field is
  // written only where that is no null.
  bool fixed = false;
  std::function<absl::Status(const ConfigValue&)> read;
  std::function<absl::StatusOr<ConfigValue>()> write;
};

class FieldVisitor {
 public:
  // A field that has a default: the value that it holds when it is visited.
  template <typename T>
  void operator()(absl::string_view name, T& value, absl::string_view doc) {
    Add(name, value, doc, /*required=*/false);
  }
  template <typename T>
  void Required(absl::string_view name, T& value, absl::string_view doc) {
    Add(name, value, doc, /*required=*/true);
  }
  // The layer's name; null where a model names the layer after its class.
  void Name(std::string& name);
  // The name of an activation. Keras writes none as "linear".
  void Activation(absl::string_view name, std::string& value);
  // The initializer of weight "kernel", and Keras' regularizer and constraint of it, which are the
  // layer's, not its options' (Layer::With()).
  void Weight(absl::string_view weight, Initializer& initializer);
  // A field of Keras' for which there is one value only.
  void Only(absl::string_view name, ConfigValue value, absl::string_view doc);

  const std::vector<LayerField>& fields() const { return fields_; }
  // InvalidArgument has every fault: fields that are unknown (with the nearest), missing or of
  // another type.
  absl::Status Read(const LayerConfig& config) const;
  absl::StatusOr<LayerConfig> Write() const;

 private:
  template <typename T>
  void Add(absl::string_view name, T& value, absl::string_view doc, bool required) {
    fields_.push_back(
        {.name = std::string(name),
         .type = FieldType<T>::Name(),
         .doc = std::string(doc),
         .required = required,
         .read = [&value](const ConfigValue& from) { return FieldType<T>::Read(from, value); },
         .write = [&value] { return FieldType<T>::Write(value); }});
  }

  std::vector<LayerField> fields_;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_LAYERS_LAYER_FIELDS_H_
