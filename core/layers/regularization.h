// Layers that do something in training only, and hand on their input otherwise. Keras:
// keras.layers.Dropout, SpatialDropout1D, SpatialDropout2D, SpatialDropout3D, GaussianNoise,
// GaussianDropout, AlphaDropout.
#ifndef NOMOGRAPH_CORE_LAYERS_REGULARIZATION_H_
#define NOMOGRAPH_CORE_LAYERS_REGULARIZATION_H_

#include <cstdint>
#include <optional>
#include <string>

#include "nomograph/core/layers/layer.h"

namespace nomograph {

struct DropoutOptions {
  std::optional<int64_t> seed = {};  // in place of the run's
  std::string name = {};
};
// Sets a fraction `rate`, in [0, 1), of the elements to 0 and divides the others by 1 - rate.
Layer Dropout(double rate, DropoutOptions options = {});

struct SpatialDropoutOptions {
  std::string data_format = "channels_last";
  std::optional<int64_t> seed = {};
  std::string name = {};
};
// Dropout of whole channels: one draw for all places (J. Tompson et al., 2015).
Layer SpatialDropout1D(double rate, DropoutOptions options = {});
Layer SpatialDropout2D(double rate, SpatialDropoutOptions options = {});
Layer SpatialDropout3D(double rate, SpatialDropoutOptions options = {});

// Adds numbers of a normal distribution with mean 0 and deviation `stddev`, which is not negative.
Layer GaussianNoise(double stddev, DropoutOptions options = {});
// Multiplies by numbers of a normal distribution with mean 1 and deviation sqrt(rate / (1 - rate)),
// rate in [0, 1) (N. Srivastava et al., 2014).
Layer GaussianDropout(double rate, DropoutOptions options = {});
// Sets a fraction `rate`, in [0, 1), of the elements to the least value of SELU, and scales and
// shifts all so that mean and variance stay (G. Klambauer et al., 2017).
Layer AlphaDropout(double rate, DropoutOptions options = {});

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_LAYERS_REGULARIZATION_H_
