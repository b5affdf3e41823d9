// Layers that do something in training only, and hand on their input otherwise. Keras: keras.layers.Dropout,
// SpatialDropout1D, SpatialDropout2D, SpatialDropout3D, GaussianNoise.
#ifndef NOMOGRAPH_CORE_LAYERS_REGULARIZATION_H_
#define NOMOGRAPH_CORE_LAYERS_REGULARIZATION_H_

#include <cstdint>
#include <optional>
#include <string>

#include "nomograph/core/layer.h"

namespace nomograph {

struct DropoutOptions {
  std::optional<int64_t> seed;  // beside that of the run
  std::string name;
};
// Sets a fraction `rate`, in [0, 1), of the elements to 0 and divides the others by 1 - rate.
Layer Dropout(double rate, DropoutOptions options = {});

struct SpatialDropoutOptions {
  std::string data_format = "channels_last";
  std::optional<int64_t> seed;
  std::string name;
};
// The same with whole channels.
Layer SpatialDropout1D(double rate, SpatialDropoutOptions options = {});
Layer SpatialDropout2D(double rate, SpatialDropoutOptions options = {});
Layer SpatialDropout3D(double rate, SpatialDropoutOptions options = {});

// Adds normally distributed numbers of mean 0.
Layer GaussianNoise(double stddev, DropoutOptions options = {});

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_LAYERS_REGULARIZATION_H_
