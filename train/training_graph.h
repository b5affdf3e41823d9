// The programs of training as models: a step, which changes variables, and an evaluation, which
// does not. Both are ordinary graphs: the model's nodes, the losses, the gradients and the updates.
#ifndef NOMOGRAPH_TRAIN_TRAINING_GRAPH_H_
#define NOMOGRAPH_TRAIN_TRAINING_GRAPH_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/train/loss.h"
#include "nomograph/train/metric.h"
#include "nomograph/train/optimizer.h"
#include "nomograph/train/replicas.h"
#include "nomograph/train/weight_rules.h"

namespace nomograph {

// What is asked of one output of the model.
struct OutputGoal {
  std::string output = {};  // its name; may be empty where the model has one
  Loss loss;
  double loss_weight = 1;
  std::vector<Metric> metrics = {};           // without sample weights, as Keras has it
  std::vector<Metric> weighted_metrics = {};  // with them
  // Sample weights have the shape of the losses, [batch, steps], rather than [batch].
  bool temporal_sample_weights = false;
};

struct TrainingGoals {
  Optimizer optimizer = optimizers::RMSprop();
  // For a model with one output; for others, and for more options, `outputs` stands in their place.
  Loss loss = {};
  std::vector<Metric> metrics = {};
  std::vector<OutputGoal> outputs = {};
  // Selectors of weights that are not trained, beside those that the model says are not. Nodes all
  // of whose weights are frozen act as in inference: Keras' frozen BatchNormalization.
  std::vector<std::string> frozen = {};
  // Selectors of layers, each of which, or all of which where it selects several ("encoder"), are
  // computed a second time on the way back, so that a step needs less memory and more time.
  std::vector<std::string> recompute = {};
  // Beside those that the model brings along (RulesOf()).
  std::vector<WeightRegularizer> regularizers = {};
  std::vector<WeightConstraint> constraints = {};
};

// One metric of one output, and where its statistics are among a model's outputs.
struct MetricPlace {
  Metric metric;
  std::string name;  // for logs: "accuracy", or "OUTPUT_accuracy" where there are several outputs
  int first = 0, count = 0;
};

// A variable of the step whose first value is that of a weight of the model.
struct TrainedWeight {
  std::string name;  // of both
  bool trainable = false;
};

struct TrainingGraphs {
  // Inputs: the model's; for each goal the targets, and for each the sample weights; then of the
  // step alone the learning rate (float64), the iteration (int64) and whether the optimizer makes a
  // step (bool); and where there are replicas whether this process has rows of its own in the batch
  // (bool): their mean of the losses is then that of the batch. Outputs: the loss, float64; the
  // loss of each goal; the metrics' statistics; and of the evaluation the model's outputs.
  Model step, evaluation;
  std::vector<int> goal_outputs;  // by goal: the number of the model's output
  std::vector<MetricPlace> metrics;
  int first_prediction = 0;  // among the evaluation's outputs
  std::vector<TrainedWeight> weights;
  // By weight: the variable of its mean. Empty where the optimizer keeps none.
  std::vector<std::pair<std::string, std::string>> averages;
  // Whether the means are the model's weights wherever it is used (Optimizer::model_slot).
  bool averages_are_model = false;
  std::vector<OutputGoal> goals;
};

// InvalidArgument lists what is wrong: outputs and selectors that there are not, losses that do not
// fit, nodes without a gradient, weights that are not float32 or float64. Weights inside functions
// (of loops and branches) stay as they are.
// `replicas`, if any, take the mean of the gradients, and of the statistics that training moves.
absl::StatusOr<TrainingGraphs> BuildTrainingGraphs(const Model& model, const TrainingGoals& goals,
                                                   const Replicas* replicas = nullptr);

// The evaluation alone, in which weights are constants: faster, and for any model that runs, e.g. a
// quantised one. There is no step.
absl::StatusOr<TrainingGraphs> BuildEvaluationGraph(const Model& model, const TrainingGoals& goals,
                                                    const Replicas* replicas = nullptr);

}  // namespace nomograph

#endif  // NOMOGRAPH_TRAIN_TRAINING_GRAPH_H_
