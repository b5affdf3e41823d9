// Keras: keras.layers.Dense.
#ifndef NOMOGRAPH_CORE_LAYERS_DENSE_H_
#define NOMOGRAPH_CORE_LAYERS_DENSE_H_

#include <string>

#include "nomograph/core/layers/layer.h"

namespace nomograph {

struct DenseOptions {
  std::string activation = {};  // see Activation()
  bool use_bias = true;
  Initializer kernel_initializer = "glorot_uniform";
  Initializer bias_initializer = "zeros";
  std::string name = {};
};

// activation(x · kernel + bias) along the last axis: [batch, ..., n] to [batch, ..., units].
// Weights: kernel [n, units], bias [units].
Layer Dense(int64_t units, DenseOptions options = {});

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_LAYERS_DENSE_H_
