// LayerConfig: the options of a layer as data, under Keras' names, as get_config() yields them.
#ifndef NOMOGRAPH_CORE_LAYERS_LAYER_CONFIG_H_
#define NOMOGRAPH_CORE_LAYERS_LAYER_CONFIG_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"

namespace nomograph {

class ConfigValue;

// Values by name, in the order in which they were set.
class LayerConfig {
 public:
  using Fields = std::vector<std::pair<std::string, ConfigValue>>;
  LayerConfig();
  LayerConfig(std::initializer_list<std::pair<std::string, ConfigValue>> fields);
  // REQUIRES: no name occurs twice.
  explicit LayerConfig(Fields fields);
  LayerConfig(const LayerConfig& other);
  LayerConfig(LayerConfig&& other) noexcept;
  LayerConfig& operator=(const LayerConfig& other);
  LayerConfig& operator=(LayerConfig&& other) noexcept;
  ~LayerConfig();

  // Null where there is none of that name.
  const ConfigValue* Find(absl::string_view name) const;
  // Takes the place of the value that has the name, if any.
  void Set(absl::string_view name, ConfigValue value);

  bool empty() const;
  size_t size() const;
  Fields::const_iterator begin() const;
  Fields::const_iterator end() const;
  // {"units": 8, "activation": "relu"}
  std::string ToString() const;
  // Whatever the order.
  bool operator==(const LayerConfig& other) const;

 private:
  Fields fields_;
};

// What Keras' configurations are made of: null, a bool, an integer, a number, a string, a list, or
// an object such as {"class_name": "HeNormal", "config": {"seed": 1}}.
class ConfigValue {
 public:
  using List = std::vector<ConfigValue>;
  using Variant =
      std::variant<std::nullptr_t, bool, int64_t, double, std::string, List, LayerConfig>;

  ConfigValue() : value_(nullptr) {}
  ConfigValue(std::nullptr_t) : value_(nullptr) {}
  ConfigValue(bool v) : value_(v) {}
  template <typename T>
  requires(std::is_integral_v<T> && !std::is_same_v<T, bool>) ConfigValue(T v)
      : value_(static_cast<int64_t>(v)) {}
  ConfigValue(double v) : value_(v) {}
  ConfigValue(const char* v) : value_(std::string(v)) {}
  ConfigValue(std::string v) : value_(std::move(v)) {}
  ConfigValue(List v) : value_(std::move(v)) {}
  ConfigValue(const std::vector<int64_t>& v) : value_(List(v.begin(), v.end())) {}
  ConfigValue(const std::vector<double>& v) : value_(List(v.begin(), v.end())) {}
  ConfigValue(LayerConfig v) : value_(std::move(v)) {}

  bool is_null() const { return std::holds_alternative<std::nullptr_t>(value_); }
  // Null when the value has another type.
  template <typename T>
  const T* As() const {
    return std::get_if<T>(&value_);
  }
  // "null", "bool", "int", "float", "string", "list", "object".
  absl::string_view TypeName() const;
  // As JSON has it.
  std::string ToString() const;
  bool operator==(const ConfigValue& other) const { return value_ == other.value_; }

 private:
  Variant value_;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_LAYERS_LAYER_CONFIG_H_
