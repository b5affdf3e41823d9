// The weights of TensorFlow.js' layers format: a list of what they are in the model's JSON, and
// their bytes in files beside it.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_TFJS_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_TFJS_H_

#include <string>

#include "absl/status/statusor.h"
#include "nomograph/core/layers/layer_config.h"
#include "nomograph/serialization/keras/stored_weights.h"

namespace nomograph::keras {

// `model` is the model's JSON, which lies at `path`. A quantised weight is float32 q * scale + min,
// or, as float16, its own value. InvalidArgument for files that lie outside of the model's folder,
// for element types other than float32, int32 and bool, and where the files do not have exactly the
// bytes that the list claims.
absl::StatusOr<StoredWeights> ReadTfjsWeights(const LayerConfig& model, const std::string& path);

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_TFJS_H_
