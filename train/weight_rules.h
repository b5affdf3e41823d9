// Rules for the weights of a model, by their names: which of them are frozen, regularised or held
// within bounds. Names and formulas are Keras' (keras.regularizers, keras.constraints).
#ifndef NOMOGRAPH_TRAIN_WEIGHT_RULES_H_
#define NOMOGRAPH_TRAIN_WEIGHT_RULES_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "nomograph/core/build/value.h"

namespace nomograph {

// Whether a weight is of that name, or in the layer of that name: "encoder" selects
// "encoder/dense/kernel" and PyTorch's "encoder.weight", and "" all weights.
bool SelectsWeight(absl::string_view selector, absl::string_view weight);

// A penalty on a weight, which is added to the loss.
struct Regularizer {
  double l1 = 0;  // times the sum of absolute values
  double l2 = 0;  // times the sum of squares
};

// What becomes of a weight after each step. `axes` are those along which a norm is taken: all but
// the last unless given, so that each output of a dense or convolutional layer has a norm.
using Constraint = std::function<Value(const Value& weight)>;

namespace constraints {

using Axes = std::vector<int64_t>;

// Norms above the limit are scaled down to it.
Constraint MaxNorm(double max_value = 2, Axes axes = {});
// Negative elements become 0.
Constraint NonNeg();
// Norms become 1.
Constraint UnitNorm(Axes axes = {});
struct MinMaxNormOptions {
  double min_value = 0, max_value = 1;
  double rate = 1;  // how much of the way is gone in one step
  Axes axes = {};
};
Constraint MinMaxNorm(const MinMaxNormOptions& options = {});

}  // namespace constraints

// By weight selector.
struct WeightRegularizer {
  std::string weights;
  Regularizer regularizer;
};
struct WeightConstraint {
  std::string weights;
  Constraint constraint;
};

// The penalty, a scalar; absent where there is none.
Value Penalty(const Regularizer& regularizer, const Value& weight);

}  // namespace nomograph

#endif  // NOMOGRAPH_TRAIN_WEIGHT_RULES_H_
