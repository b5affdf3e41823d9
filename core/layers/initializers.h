// Initializers: what a weight holds before it is set or trained. Names, formulas and defaults are
// Keras' (keras.initializers).
#ifndef NOMOGRAPH_CORE_LAYERS_INITIALIZERS_H_
#define NOMOGRAPH_CORE_LAYERS_INITIALIZERS_H_

#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "nomograph/core/layers/layer_config.h"
#include "nomograph/core/types/tensor.h"

namespace nomograph {

// Yields a weight's first value. It is a function of one's own, one of those below, or the Keras
// name of one of them: "he_normal" or "HeNormal".
class Initializer {
 public:
  // `key` differs for every weight of a model and follows from the model's seed.
  using Fn = std::function<absl::StatusOr<Tensor>(const Shape& shape, DType dtype, uint64_t key)>;

  Initializer(const char* name) : Initializer(std::string(name)) {}
  // An unknown name is a fault that arises when the model is built; it lists the nearest names.
  Initializer(const std::string& name);
  template <typename F>
  requires(!std::same_as<F, Initializer> && std::invocable<F, const Shape&, DType, uint64_t>)
      Initializer(F fn)
      : fn_(std::move(fn)) {}
  // What FromConfig() makes of {"class_name": class_name, "config": config}. For the initializers
  // of this file.
  static Initializer Named(absl::string_view class_name, LayerConfig config, Fn fn);
  // A name, or {"class_name": "HeNormal", "config": {"seed": 1}}. InvalidArgument for an unknown
  // name, and for fields that the initializer does not have.
  static absl::StatusOr<Initializer> FromConfig(const ConfigValue& config);

  // What FromConfig() makes the same initializer of. FailedPrecondition for a function of one's
  // own.
  absl::StatusOr<ConfigValue> Config() const;

  absl::StatusOr<Tensor> operator()(const Shape& shape, DType dtype, uint64_t key) const {
    return fn_(shape, dtype, key);
  }

 private:
  Fn fn_;
  LayerConfig config_;  // class_name and config; empty for a function of one's own
};

struct InitializerOptions {
  // Two weights of one shape that have the same seed start equal; without one, each weight has its
  // own values.
  std::optional<uint64_t> seed = {};
};

// For every dtype.
Initializer Zeros();
Initializer Ones();
Initializer Constant(double value);

// These, and all below, are for floating-point weights.
Initializer RandomUniform(double low = -0.05, double high = 0.05, InitializerOptions options = {});
Initializer RandomNormal(double mean = 0, double stddev = 0.05, InitializerOptions options = {});
// A normal distribution without what is more than two standard deviations from its mean.
Initializer TruncatedNormal(double mean = 0, double stddev = 0.05, InitializerOptions options = {});

// Uniform within, or (truncated) normal with the deviation, that keeps the variance of what flows
// through the layer: by the number of its inputs and outputs (X. Glorot & Y. Bengio, 2010), or by
// its inputs for relu (K. He et al., 2015) and for selu (Y. LeCun et al., 1998).
Initializer GlorotUniform(InitializerOptions options = {});
Initializer GlorotNormal(InitializerOptions options = {});
Initializer HeUniform(InitializerOptions options = {});
Initializer HeNormal(InitializerOptions options = {});
Initializer LecunUniform(InitializerOptions options = {});
Initializer LecunNormal(InitializerOptions options = {});

struct VarianceScalingOptions {
  double scale = 1;
  std::string mode = "fan_in";                    // or "fan_out", "fan_avg"
  std::string distribution = "truncated_normal";  // or "untruncated_normal", "uniform"
  std::optional<uint64_t> seed = {};
};
// What those six are cases of: a variance of scale / fan.
Initializer VarianceScaling(VarianceScalingOptions options = {});

// A matrix with orthonormal rows or columns, whichever are fewer, times `gain`; of a weight with
// more axes, all but the last one are the rows. It needs two axes (A. Saxe et al., 2013).
Initializer Orthogonal(double gain = 1, InitializerOptions options = {});
// The identity matrix times `gain`, for weights of two axes.
Initializer Identity(double gain = 1);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_LAYERS_INITIALIZERS_H_
