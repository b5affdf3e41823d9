// Rules for the weights of a model, by their names: which of them are frozen, regularised or held
// within bounds. Names and formulas are Keras' (keras.regularizers, keras.constraints).
#ifndef NOMOGRAPH_TRAIN_WEIGHT_RULES_H_
#define NOMOGRAPH_TRAIN_WEIGHT_RULES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/core/layers/weight_rules.h"

namespace nomograph {

// Whether a weight is of that name, or in the layer of that name: "encoder" selects
// "encoder/dense/kernel" and PyTorch's "encoder.weight", and "" all weights.
bool SelectsWeight(absl::string_view selector, absl::string_view weight);

// By weight selector.
struct WeightRegularizer {
  std::string weights = {};
  Regularizer regularizer;
};
struct WeightConstraint {
  std::string weights = {};
  Constraint constraint;
};

// The rules that a model brings along, as metadata: "regularizer/dense/kernel" and
// "constraint/dense/kernel" with texts (core/layers/weight_rules.h). Layers' rules, and those of
// Keras' files, come so.
struct WeightRules {
  std::vector<WeightRegularizer> regularizers = {};
  std::vector<WeightConstraint> constraints = {};
};
absl::StatusOr<WeightRules> RulesOf(const Model& model);

}  // namespace nomograph

#endif  // NOMOGRAPH_TRAIN_WEIGHT_RULES_H_
