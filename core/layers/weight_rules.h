// Rules for weights in training: penalties on them, and bounds within which they are held. Names
// and formulas are Keras' (keras.regularizers, keras.constraints).
//
// A layer takes them as Keras' layers do, whatever its class:
//
//   Dense(64, {.activation = "relu"})
//       .With({.kernel_regularizer = regularizers::L2(1e-4), .bias_constraint =
//       constraints::NonNeg()})
//
// The model keeps them as metadata, by which a trainer goes (train/weight_rules.h).
#ifndef NOMOGRAPH_CORE_LAYERS_WEIGHT_RULES_H_
#define NOMOGRAPH_CORE_LAYERS_WEIGHT_RULES_H_

#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/layers/layer_config.h"

namespace nomograph {

// A penalty on a weight that is trained, which is added to the loss.
struct Regularizer {
  double l1 = 0;  // times the sum of absolute values
  double l2 = 0;  // times the sum of squares
  // Of a matrix: times the mean of half the absolute cosines between different rows, or columns.
  double orthogonal_rows = 0, orthogonal_columns = 0;

  // "l1=0.01,l2=0.1": what RegularizerFromText() reads; "" where there is no penalty.
  std::string ToString() const;
};

namespace regularizers {

Regularizer L1(double l1 = 0.01);
Regularizer L2(double l2 = 0.01);
Regularizer L1L2(double l1 = 0, double l2 = 0);
// `mode` is "rows" or "columns"; of others there is no penalty.
Regularizer OrthogonalRegularizer(double factor = 0.01, absl::string_view mode = "rows");

}  // namespace regularizers

// What becomes of a weight after each step: one of those below, or a function of one's own.
class Constraint {
 public:
  using Fn = std::function<Value(const Value& weight)>;

  template <typename F>
  requires(!std::same_as<F, Constraint> && std::invocable<F, const Value&>) Constraint(F fn)
      : fn_(std::move(fn)) {}
  // What ConstraintFromText() makes of the text.
  static Constraint Named(std::string text, Fn fn);

  Value operator()(const Value& weight) const { return fn_(weight); }
  // "max_norm:max_value=2"; "" of a function of one's own.
  const std::string& ToString() const { return text_; }

 private:
  Fn fn_;
  std::string text_;
};

namespace constraints {

// Along which a norm is taken: all but the last unless given, so that each output of a dense or
// convolutional layer has a norm. (Keras takes the first unless told, the same for a dense layer.)
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

// "l1=0.01,l2=0.1": the fields of Regularizer. "max_norm:max_value=2,axes=0+1": a constraint's name
// in lower case, and its options, where axes that are not given are those of `constraints` above.
// InvalidArgument lists what there is.
absl::StatusOr<Regularizer> RegularizerFromText(absl::string_view text);
absl::StatusOr<Constraint> ConstraintFromText(absl::string_view text);

// As a layer's configuration has them: null, "l2", {"class_name": "L2", "config": {"l2": 0.01}}.
// Written so, too. Of a constraint "axis": null stands for all axes but the last.
absl::StatusOr<std::string> RuleTextFromConfig(absl::string_view field, const ConfigValue& value);
ConfigValue RuleConfigFromText(absl::string_view field, absl::string_view text);

// The penalty, a scalar; absent where there is none.
Value Penalty(const Regularizer& regularizer, const Value& weight);

// What a layer says of its weights, by the words of Keras' arguments, and of its outputs.
struct LayerRules {
  std::optional<Regularizer> kernel_regularizer, bias_regularizer, recurrent_regularizer,
      depthwise_regularizer, pointwise_regularizer, embeddings_regularizer, alpha_regularizer,
      beta_regularizer, gamma_regularizer;
  std::optional<Constraint> kernel_constraint, bias_constraint, recurrent_constraint,
      depthwise_constraint, pointwise_constraint, embeddings_constraint, alpha_constraint,
      beta_constraint, gamma_constraint;
  // A penalty on what the layer yields: the sum over the batch, as Keras 3 has it.
  std::optional<Regularizer> activity_regularizer = {};

  // By argument, as texts; a function of one's own as "".
  std::vector<std::pair<std::string, std::string>> ToTexts() const;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_LAYERS_WEIGHT_RULES_H_
