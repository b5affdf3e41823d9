// Activations. Keras: keras.layers.Activation, ReLU, LeakyReLU, PReLU, ELU, Softmax; of Keras 2
// ThresholdedReLU.
#ifndef NOMOGRAPH_CORE_LAYERS_ACTIVATION_H_
#define NOMOGRAPH_CORE_LAYERS_ACTIVATION_H_

#include <optional>
#include <string>
#include <vector>

#include "nomograph/core/layers/layer.h"

namespace nomograph {

// Of layers that have no other options.
struct LayerOptions {
  std::string name = {};
};

// The activation of that name, elementwise but for softmax, log_softmax and sparsemax, which are
// along the last axis, and glu, which halves it. The names are Keras': "relu", "gelu" (exact),
// "silu" or "swish", "linear", …; ActivationNames() has all of them.
Layer Activation(std::string activation, LayerOptions options = {});
std::vector<std::string> ActivationNames();

struct ReLUOptions {
  std::optional<double> max_value = {};  // none unless given; not negative
  double negative_slope = 0;             // not negative
  double threshold = 0;                  // not negative
  std::string name = {};
};
// max_value where x >= max_value, else x where x > threshold, else negative_slope * (x -
// threshold).
Layer ReLU(ReLUOptions options = {});

struct LeakyReLUOptions {
  double negative_slope = 0.3;  // not negative
  std::string name = {};
};
// x where x >= 0, negative_slope * x elsewhere.
Layer LeakyReLU(LeakyReLUOptions options = {});

struct ELUOptions {
  double alpha = 1;
  std::string name = {};
};
// x where x > 0, alpha * (exp(x) - 1) elsewhere.
Layer ELU(ELUOptions options = {});

struct PReLUOptions {
  Initializer alpha_initializer = "zeros";
  std::vector<int64_t>
      shared_axes;  // along which there is one slope; 1 is the first axis behind the batch
  std::string name = {};
};
// x where x >= 0, alpha * x elsewhere. Weight: alpha, of the input's shape without the batch, 1
// along shared axes.
Layer PReLU(PReLUOptions options = {});

struct ThresholdedReLUOptions {
  double theta = 1;  // not negative
  std::string name = {};
};
// x where x > theta, 0 elsewhere.
Layer ThresholdedReLU(ThresholdedReLUOptions options = {});

struct SoftmaxOptions {
  int64_t axis = -1;
  std::string name = {};
};
// exp(x) divided by its sum along the axis.
Layer Softmax(SoftmaxOptions options = {});

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_LAYERS_ACTIVATION_H_
