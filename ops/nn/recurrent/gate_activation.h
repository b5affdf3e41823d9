// The activation functions of recurrent layers' gates.
#ifndef NOMOGRAPH_OPS_NN_RECURRENT_GATE_ACTIVATION_H_
#define NOMOGRAPH_OPS_NN_RECURRENT_GATE_ACTIVATION_H_

#include <string>
#include <vector>

#include "nomograph/core/types/attributes.h"

namespace nomograph::nn {

struct GateActivation {
  enum class Kind {
    kRelu,
    kTanh,
    kSigmoid,
    kAffine,
    kLeakyRelu,
    kThresholdedRelu,
    kScaledTanh,
    kHardSigmoid,
    kElu,
    kSoftsign,
    kSoftplus
  };
  Kind kind = Kind::kTanh;
  double alpha = 0, beta = 0;

  // The same bits on every machine.
  double operator()(double x) const;
  // The slope at x; at a bend, the one on its right.
  double Derivative(double x) const;
  // The same for `count` floats in place, within a few units of their last place.
  void Apply(float* x, int64_t count) const;
};

// Brings every float into [low, high]. NaN stays NaN.
void Clamp(float* x, int64_t count, float low, float high);

// The formulas, for the docs of ops.
extern const char kGateActivationsDoc[];

// The functions that the attributes activations, activation_alpha and activation_beta name, or
// `defaults` in each of `directions` where activations is empty. Those that have an alpha or a beta
// take the given ones in turn, and their own default when there are no more. InvalidArgument unless
// there are as many names as functions are needed, all known in any case of letters, and no more
// numbers than the functions take.
absl::StatusOr<std::vector<GateActivation>> GateActivations(
    const Attributes& attrs, const std::vector<std::string>& defaults, int directions);

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_RECURRENT_GATE_ACTIVATION_H_
