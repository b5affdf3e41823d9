// The layers by their class names. A layer is registered beside its code, by what it is made from:
//
//   struct DenseSpec {
//     int64_t units = 0;
//     DenseOptions options;
//     void VisitFields(FieldVisitor& v) { ... }        // see core/layers/layer_fields.h
//     Layer Make() const { return MakeLayer<DenseLayer>(units, options); }
//   };
//   NOMO_REGISTER_LAYER(DenseSpec, "Dense", {.config = {{"units", 3}}, .inputs = {{kFloat, {2}}}});
//
//   Layer Dense(int64_t units, DenseOptions options) {
//     return Configured(DenseSpec{units, std::move(options)});
//   }
#ifndef NOMOGRAPH_CORE_LAYERS_LAYER_REGISTRY_H_
#define NOMOGRAPH_CORE_LAYERS_LAYER_REGISTRY_H_

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "nomograph/core/layers/layer.h"
#include "nomograph/core/layers/layer_fields.h"

namespace nomograph {

// A layer made from `spec`, which its Config() then writes.
template <typename Spec>
Layer Configured(Spec spec) {
  Layer layer = spec.Make();
  layer.set_config([spec = std::move(spec)]() mutable {
    FieldVisitor fields;
    spec.VisitFields(fields);
    return fields.Write();
  });
  return layer;
}

// A use of a layer, for its documentation and its tests.
struct LayerSample {
  LayerConfig config;
  std::vector<TensorType> inputs;  // batch included
  int num_outputs = 1;
};

// An option of a layer, as documentation shows it.
struct LayerOption {
  std::string name, type, doc;
  std::string default_value;  // as JSON has it; empty where the option is required
  bool required = false;
  bool fixed = false;  // the default is the only value
};

struct LayerClass {
  std::string name;  // "Dense"
  std::function<absl::StatusOr<Layer>(const LayerConfig&)> make;
  std::function<std::vector<LayerOption>()> options;
  std::vector<LayerSample> samples;
};

// Safe to use by several threads.
class LayerRegistry {
 public:
  static LayerRegistry& Default();

  // AlreadyExists when there is a class of that name, which from then on is neither: FromConfig()
  // says so.
  absl::Status Register(LayerClass layer_class);
  // Null where there is none.
  const LayerClass* Find(absl::string_view class_name) const;
  // Ascending.
  std::vector<std::string> Names() const;
  // "Dense: units (int, required), …", one line an option. NotFound lists the nearest names.
  absl::StatusOr<std::string> Describe(absl::string_view class_name) const;

  // A layer of that class with these options. Beside the class's own there are "name", "trainable",
  // "activity_regularizer" and those of weights, and Keras' "dtype", for which only what is the
  // same here is taken. NotFound for an unknown class and InvalidArgument for options that are
  // unknown (with the nearest), missing, of another type or not valid; it has every fault.
  absl::StatusOr<Layer> FromConfig(absl::string_view class_name, const LayerConfig& config) const;

 private:
  // Why there is no layer to be made.
  absl::Status Missing(absl::string_view class_name) const;

  mutable std::mutex mutex_;
  std::map<std::string, LayerClass, std::less<>> classes_;  // whose addresses stay
  std::set<std::string, std::less<>> ambiguous_;
};

// LayerRegistry::Default().FromConfig().
absl::StatusOr<Layer> FromConfig(absl::string_view class_name, const LayerConfig& config);
// {"class_name": …, "config": …}, as Keras nests layers in the configurations of others.
absl::StatusOr<ConfigValue> SerializeLayer(const Layer& layer);
absl::StatusOr<Layer> DeserializeLayer(const ConfigValue& value);

template <>
struct FieldType<std::optional<Layer>> {
  static std::string Name();
  static absl::Status Read(const ConfigValue& from, std::optional<Layer>& to);
  static absl::StatusOr<ConfigValue> Write(const std::optional<Layer>& from);
};

template <typename Spec>
LayerClass LayerClassOf(std::string name, std::vector<LayerSample> samples);

// Registers with the default registry.
class LayerRegistrar {
 public:
  explicit LayerRegistrar(LayerClass layer_class);
};
#define NOMO_REGISTER_LAYER(Spec, class_name, ...)                                    \
  const ::nomograph::LayerRegistrar NOMO_CONCAT_(nomo_layer_registrar_, __COUNTER__)( \
      ::nomograph::LayerClassOf<Spec>(class_name, {__VA_ARGS__}))

namespace internal {
std::vector<LayerOption> OptionsOf(const FieldVisitor& fields);
}  // namespace internal

template <typename Spec>
LayerClass LayerClassOf(std::string name, std::vector<LayerSample> samples) {
  return {.name = std::move(name),
          .make = [](const LayerConfig& config) -> absl::StatusOr<Layer> {
            Spec spec;
            FieldVisitor fields;
            spec.VisitFields(fields);
            NOMO_RETURN_IF_ERROR(fields.Read(config));
            return Configured(std::move(spec));
          },
          .options =
              [] {
                Spec spec;
                FieldVisitor fields;
                spec.VisitFields(fields);
                return internal::OptionsOf(fields);
              },
          .samples = std::move(samples)};
}

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_LAYERS_LAYER_REGISTRY_H_
