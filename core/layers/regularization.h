// Layers that do something in training only, and hand on their input otherwise. Keras:
// keras.layers.Dropout.
#ifndef NOMOGRAPH_CORE_LAYERS_REGULARIZATION_H_
#define NOMOGRAPH_CORE_LAYERS_REGULARIZATION_H_

#include <cstdint>
#include <optional>
#include <string>

#include "nomograph/core/layer.h"

namespace nomograph {

struct DropoutOptions {
  std::optional<int64_t> seed;  // in place of the run's
  std::string name;
};
// Sets a fraction `rate`, in [0, 1), of the elements to 0 and divides the others by 1 - rate.
Layer Dropout(double rate, DropoutOptions options = {});

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_LAYERS_REGULARIZATION_H_
