// Normalisations over activations. Keras: keras.layers.BatchNormalization, LayerNormalization,
// GroupNormalization, UnitNormalization. Inputs are floating-point.
#ifndef NOMOGRAPH_CORE_LAYERS_NORMALIZATION_H_
#define NOMOGRAPH_CORE_LAYERS_NORMALIZATION_H_

#include <string>
#include <vector>

#include "nomograph/core/layers/layer.h"

namespace nomograph {

struct BatchNormalizationOptions {
  int64_t axis = -1;       // the channels'
  double momentum = 0.99;  // how much of the moving averages stays at each step of training
  double epsilon = 1e-3;
  bool center = true;  // beta is added
  bool scale = true;   // gamma is a factor
  Initializer beta_initializer = "zeros";
  Initializer gamma_initializer = "ones";
  Initializer moving_mean_initializer = "zeros";
  Initializer moving_variance_initializer = "ones";
  std::string name = {};
};
// (x - moving_mean) / sqrt(moving_variance + epsilon) * gamma + beta (S. Ioffe & C. Szegedy, 2015).
// Weights, each [channels]: gamma, beta; not trainable: moving_mean, moving_variance.
Layer BatchNormalization(BatchNormalizationOptions options = {});

struct LayerNormalizationOptions {
  std::vector<int64_t> axis = {-1};
  double epsilon = 1e-3;
  bool center = true;
  bool scale = true;
  Initializer beta_initializer = "zeros";
  Initializer gamma_initializer = "ones";
  std::string name = {};
};
// Mean 0 and variance 1 over the axes, by itself for each place along the others; then * gamma +
// beta (J. Ba et al., 2016). Weights, of the shape of the axes: gamma, beta.
Layer LayerNormalization(LayerNormalizationOptions options = {});

struct GroupNormalizationOptions {
  int64_t groups =
      32;             // divides the channels; -1: each channel is a group (instance normalisation)
  int64_t axis = -1;  // the channels': -1 or 1
  double epsilon = 1e-3;
  bool center = true;
  bool scale = true;
  Initializer beta_initializer = "zeros";
  Initializer gamma_initializer = "ones";
  std::string name = {};
};
// Mean 0 and variance 1 over the places and the channels of a group; then * gamma + beta (Y. Wu &
// K. He, 2018). Weights, each [channels]: gamma, beta.
Layer GroupNormalization(GroupNormalizationOptions options = {});

struct UnitNormalizationOptions {
  std::vector<int64_t> axis = {-1};
  std::string name = {};
};
// x divided by the square root of the sum of its squares over the axes; zeros stay.
Layer UnitNormalization(UnitNormalizationOptions options = {});

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_LAYERS_NORMALIZATION_H_
