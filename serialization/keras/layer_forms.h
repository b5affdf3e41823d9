// How the configurations of all ages of Keras become those of the layers here: tables of classes
// and fields that have other names, of values that are written otherwise, and of defaults that
// changed.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_LAYER_FORMS_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_LAYER_FORMS_H_

#include <climits>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/layers/layer_config.h"
#include "nomograph/serialization/keras/network.h"

namespace nomograph::keras {

// Which Keras wrote a file, as far as meanings differ. 2 stands for 1 and 2 (and tf.keras), whose
// configurations tell by themselves what else is different. Where the file does not say, the
// newest.
struct Era {
  int major = 2;
  int minor = INT_MAX;
  bool tensorflows = true;      // of 2: tf.keras, and not the Keras of several backends
  bool channels_first = false;  // image_data_format(), as the model's layers have it
};
Era EraOf(absl::string_view keras_version, bool is_archive);

// A layer's configuration as core/layers/layer_registry.h takes it.
struct LayerForm {
  std::string class_name;
  LayerConfig config;
  // An activation that the layer here does not have: to be applied behind it.
  std::optional<ConfigValue> activation;
  bool time_major = false;         // of a recurrent layer: steps are the first axis
  std::vector<std::string> notes;  // fields that were left out although they may matter
};

// The name that a class has here: "Convolution2D" is "Conv2D". Its own where it has no other,
// without a package ahead of it ("Addons>Mish").
std::string ClassHere(absl::string_view class_name);
// Whether the class is one that its author made, whatever its name: what Keras writes beside the
// name tells.
bool IsUsersClass(const LayerEntry& entry);
// Whether it is one of Keras' own that no layer here is like.
bool IsKerasClass(const LayerEntry& entry);
// Whether it is an operation (of keras.ops), and no layer, whatever its name.
bool IsOperation(const LayerEntry& entry);

// REQUIRES: LayerRegistry has ClassHere(entry.class_name). InvalidArgument for values that mean
// what the layer here does not do.
absl::StatusOr<LayerForm> FormOf(const LayerEntry& entry, const Era& era);

// An activation's name as it is here; nothing where it is none that is known. `value` is a name, or
// a function by name.
std::optional<std::string> ActivationHere(const ConfigValue& value, const Era& era);

// For documentation: the other names of classes.
std::vector<std::pair<std::string, std::string>> RenamedClasses();
// And Keras' own classes that no layer here is like.
std::vector<std::string> ClassesNotHere();

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_LAYER_FORMS_H_
