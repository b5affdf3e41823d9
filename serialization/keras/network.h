// The wiring of a Keras model: which layers there are, and how each is called, in one form for all
// ages of Keras.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_NETWORK_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_NETWORK_H_

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/layers/layer_config.h"
#include "nomograph/serialization/keras/json.h"

namespace nomograph::keras {

// An output of one call of a layer.
struct TensorRef {
  std::string layer;
  int64_t call = 0, output = 0;
};

// What a layer is called with: a tensor, data, or a list of such.
struct Argument {
  std::variant<ConfigValue, TensorRef, std::vector<Argument>> value;
};

struct LayerCall {
  std::vector<Argument> arguments;
  std::vector<std::pair<std::string, Argument>> keywords;
};

struct LayerEntry {
  std::string name, class_name;
  // Where Keras 3 and 2.13 on say that the class is from; empty where the file does not tell.
  std::string module;
  std::string registered_name;  // "package>Name" of a class that its author registered
  LayerConfig config;
  LayerConfig build_config;  // Keras 2.13 and later: the shapes that it was built for
  std::vector<LayerCall> calls;
};

struct Network {
  std::string name, class_name;
  bool sequential = false;
  std::vector<LayerEntry> layers;
  // Outputs of layers. Empty for a Sequential, whose layers follow each other.
  std::vector<TensorRef> inputs, outputs;
};

// Whether a class is a model of layers: Sequential, Model or Functional, wherever it is from.
bool IsNetwork(absl::string_view class_name, const LayerConfig& config);

// One layer: an object with class_name and config. InvalidArgument where it is none.
absl::StatusOr<LayerEntry> ReadLayerEntry(const ConfigValue& value);

// The network that `model`, an object with class_name and config, describes. InvalidArgument names
// the layer.
absl::StatusOr<Network> ReadNetwork(const LayerEntry& model);

// A layer's name as it can be here: without '/'.
std::string LayerNameHere(absl::string_view name);

// A configuration's value as it is without Keras' wrapping of tuples, shapes and arrays:
// {"class_name": "__tuple__", "items": [1, 2]} is [1, 2].
ConfigValue Unwrapped(const ConfigValue& value);

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_NETWORK_H_
