// Rules for the weights of a model, by their names: which of them are frozen, regularised or held
// within bounds. Names and formulas are Keras' (keras.regularizers, keras.constraints).
#ifndef NOMOGRAPH_TRAIN_WEIGHT_RULES_H_
#define NOMOGRAPH_TRAIN_WEIGHT_RULES_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/graph/model.h"

namespace nomograph {

// Whether a weight is of that name, or in the layer of that name: "encoder" selects
// "encoder/dense/kernel" and PyTorch's "encoder.weight", and "" all weights.
bool SelectsWeight(absl::string_view selector, absl::string_view weight);

// A penalty on a weight that is trained, which is added to the loss.
struct Regularizer {
  double l1 = 0;  // times the sum of absolute values
  double l2 = 0;  // times the sum of squares
  // Of a matrix: times the mean of half the absolute cosines between different rows, or columns.
  double orthogonal_rows = 0, orthogonal_columns = 0;
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

// "l1=0.01,l2=0.1": the fields of Regularizer. "max_norm:max_value=2,axes=0+1": a constraint's name
// in lower case, and its options, where axes that are not given are those of `constraints` above.
// InvalidArgument lists what there is.
absl::StatusOr<Regularizer> RegularizerFromText(absl::string_view text);
absl::StatusOr<Constraint> ConstraintFromText(absl::string_view text);

// The rules that a model brings along, as metadata: "regularizer/dense/kernel" and
// "constraint/dense/kernel" with such texts. The importer of Keras models writes them.
inline constexpr absl::string_view kRegularizerKey = "regularizer/";
inline constexpr absl::string_view kConstraintKey = "constraint/";
struct WeightRules {
  std::vector<WeightRegularizer> regularizers;
  std::vector<WeightConstraint> constraints;
};
absl::StatusOr<WeightRules> RulesOf(const Model& model);

// The penalty, a scalar; absent where there is none.
Value Penalty(const Regularizer& regularizer, const Value& weight);

}  // namespace nomograph

#endif  // NOMOGRAPH_TRAIN_WEIGHT_RULES_H_
