// A Keras model file of any container, taken apart: the configuration as data, the weights by where
// they are stored. Nothing of it is interpreted here.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_KERAS_FILE_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_KERAS_FILE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/layers/layer_config.h"
#include "nomograph/serialization/keras/stored_weights.h"

namespace nomograph::keras {

enum class Container { kHdf5, kArchive, kJson, kTfjs };
// "HDF5", ".keras", "JSON", "tfjs".
const char* ContainerName(Container container);

struct KerasFile {
  Container container = Container::kHdf5;
  LayerConfig model;          // {"class_name": …, "config": …}
  LayerConfig training;       // of compile(); empty where the file has none
  std::string keras_version;  // "2.2.4-tf"; empty where the file does not say
  std::string backend;        // "tensorflow", "theano", …; likewise
  std::string weights_from;   // the file beside it that has the weights; empty: itself, or none
  StoredWeights weights;
};

// What a file's bytes are, if they are a Keras model's: by content alone.
bool LooksLikeKeras(absl::string_view bytes);

// Reads a file, whatever its name says. Weights that lie beside it (of tfjs, or of a model whose
// configuration is in JSON: the same name with .h5, .hdf5, .keras or .weights.h5, or `weights`)
// are read too. NotFound and PermissionDenied; InvalidArgument for what is no Keras model.
absl::StatusOr<KerasFile> ReadKerasFile(const std::string& path, const std::string& weights = "");

// The same of a file in memory, which `owner` keeps there as long as the result lives. `path` is
// where it is from, beside which weights may lie; empty where there is no such place.
absl::StatusOr<KerasFile> ReadKerasBytes(absl::string_view bytes, std::shared_ptr<const void> owner,
                                         const std::string& path = "",
                                         const std::string& weights = "");

// A configuration in JSON by itself, without a file of weights.
absl::StatusOr<KerasFile> ReadKerasJson(absl::string_view json);

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_KERAS_FILE_H_
