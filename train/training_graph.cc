#include "nomograph/train/training_graph.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_join.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/names.h"
#include "nomograph/train/form_writer.h"
#include "nomograph/train/update_writer.h"
#include "nomograph/train/value_math.h"

namespace nomograph {

using namespace train_internal;

namespace {

// Everything of one of the two models but the updates.
class GoalWriter {
 public:
  GoalWriter(const Model& model, const TrainingGoals& goals, const Replicas* replicas,
             TrainingGraphs& result)
      : model_(model), goals_(goals), replicas_(replicas), result_(result) {
    for (const ValueId id : model.graph.inputs) names_.Reserve(model.graph.value(id).name);
    if (replicas_ != nullptr)
      has_rows_ = InputValue({DType::kBool, Shape{}}, names_.Take("has_rows"));
  }

  absl::Status Write(FormWriter& form) {
    inputs = form.inputs;
    std::vector<Value> targets, weights, statistics;
    Value total;
    for (size_t i = 0; i < goals_.outputs.size(); ++i) {
      NOMO_RETURN_IF_ERROR(AddGoalInputs(i, form, targets, weights));
    }
    inputs.insert(inputs.end(), targets.begin(), targets.end());
    inputs.insert(inputs.end(), weights.begin(), weights.end());
    result_.metrics.clear();
    const int first = 1 + static_cast<int>(goals_.outputs.size());
    for (size_t i = 0; i < goals_.outputs.size(); ++i) {
      const OutputGoal& goal = goals_.outputs[i];
      const Value& prediction = form.outputs[result_.goal_outputs[i]];
      const Value& mask = form.masks[result_.goal_outputs[i]];
      const LossParts parts = SumLoss(goal.loss, targets[i], prediction, weights[i], mask);
      NOMO_RETURN_IF_ERROR(CheckDivides(goal.loss, targets[i], prediction));
      const Value loss = Wide(ReduceLoss(replicas_ == nullptr ? parts : OwnPart(goal.loss, parts)));
      losses.push_back(loss);
      const Value weighted = goal.loss_weight == 1 ? loss : loss * goal.loss_weight;
      total = total.valid() ? total + weighted : weighted;
      for (const bool with_weights : {false, true}) {
        for (const Metric& metric : with_weights ? goal.weighted_metrics : goal.metrics) {
          AddMetric(i, metric, targets[i], prediction,
                    Masked(with_weights ? weights[i] : Value(), mask), first, statistics);
        }
      }
    }
    for (const auto& weight : form.weights) {
      for (const WeightRegularizer& rule : goals_.regularizers) {
        if (!weight.trained || !SelectsWeight(rule.weights, weight.name)) continue;
        const Value penalty = Penalty(rule.regularizer, weight.value);
        if (penalty.valid()) total = total + Wide(penalty);
      }
    }
    for (const Value& loss : form.added_losses) total = total + Wide(Sum(loss));
    outputs = {total};
    outputs.insert(outputs.end(), losses.begin(), losses.end());
    outputs.insert(outputs.end(), statistics.begin(), statistics.end());
    return absl::OkStatus();
  }

  Value AddInput(DType dtype, absl::string_view name) {
    inputs.push_back(InputValue({dtype, Shape{}}, names_.Take(name)));
    return inputs.back();
  }

  // The last input of programs that replicas run.
  void AddHasRows() {
    if (replicas_ != nullptr) inputs.push_back(has_rows_);
  }

  std::vector<Value> inputs, outputs, losses;

 private:
  static Value Wide(const Value& x) { return Cast(x, DType::kFloat64); }

  // What a process adds to the mean over processes that is the loss of the whole batch: its sum by
  // the mean of the counts. One without rows of its own was given one, which counts nothing.
  LossParts OwnPart(const Loss& loss, const LossParts& parts) const {
    const auto own = [&](const Value& x) {
      return Call("array.Where", {has_rows_, Wide(x), ConstantLike(0, Wide(x))});
    };
    const Value sum = own(parts.sum);
    if (loss.reduction == Reduction::kSum) return {sum, ConstantLike(1.0 / replicas_->size(), sum)};
    const Value count = Call("core.StopGradient", {own(parts.count)});
    return {sum, replicas_->Mean({count})[0]};
  }

  // Of a loss that is one number the parts of a batch tell nothing of the whole.
  absl::Status CheckDivides(const Loss& loss, const Value& target, const Value& prediction) const {
    if (replicas_ == nullptr) return absl::OkStatus();
    const Value values = loss.function(target, prediction);
    NOMO_RETURN_IF_ERROR(values.status());
    if (!values.shape().has_rank() || values.shape().rank() > 0) return absl::OkStatus();
    return absl::UnimplementedError(
        absl::StrCat("loss ", Quoted(loss.name),
                     ": it is one number for the whole batch, which several processes cannot "
                     "divide among themselves"));
  }

  // What samples count in metrics; absent where all count 1.
  static Value Masked(const Value& weights, const Value& mask) {
    if (!mask.valid()) return weights;
    const Value counts = Wide(mask);
    const int rank = mask.status().ok() && mask.shape().has_rank() ? mask.shape().rank() : 0;
    return weights.valid() ? WithRank(Wide(weights), rank) * counts : counts;
  }

  absl::Status AddGoalInputs(size_t i, const FormWriter& form, std::vector<Value>& targets,
                             std::vector<Value>& weights) {
    const OutputGoal& goal = goals_.outputs[i];
    const int output = result_.goal_outputs[i];
    const std::string name = model_.graph.value(model_.graph.outputs[output]).name;
    const std::string place = absl::StrCat("output ", Quoted(name));
    const Value& prediction = form.outputs[output];
    NOMO_RETURN_IF_ERROR(prediction.status());
    const auto type = goal.loss.TargetType(prediction.type());
    NOMO_RETURN_IF_ERROR(Annotate(type.status(), place));
    targets.push_back(InputValue(*type, names_.Take(absl::StrCat(name, "/target"))));
    PartialShape shape = PartialShape(std::vector<Dim>{Dim()});
    if (goal.temporal_sample_weights) {
      const Value values = goal.loss.function(targets.back(), prediction);
      NOMO_RETURN_IF_ERROR(Annotate(values.status(), place));
      shape = values.shape();
    } else if (type->shape.has_rank() && type->shape.rank() > 0) {
      shape = PartialShape(std::vector<Dim>{type->shape[0]});
    }
    weights.push_back(InputValue({DType::kFloat32, std::move(shape)},
                                 names_.Take(absl::StrCat(name, "/sample_weight"))));
    return absl::OkStatus();
  }

  void AddMetric(size_t goal, const Metric& given, const Value& target, const Value& prediction,
                 const Value& weight, int first, std::vector<Value>& statistics) {
    MetricPlace place{.metric = given};
    if (!place.metric.statistics)
      place.metric = AccuracyFor(goals_.outputs[goal].loss, prediction.type());
    place.metric.name = given.name;
    const std::string& output =
        model_.graph.value(model_.graph.outputs[result_.goal_outputs[goal]]).name;
    place.name = goals_.outputs.size() == 1 ? given.name : absl::StrCat(output, "_", given.name);
    const std::vector<Value> values = place.metric.statistics(target, prediction, weight);
    place.first = first + static_cast<int>(statistics.size());
    place.count = static_cast<int>(values.size());
    statistics.insert(statistics.end(), values.begin(), values.end());
    result_.metrics.push_back(std::move(place));
  }

  const Model& model_;
  const TrainingGoals& goals_;
  const Replicas* const replicas_;
  TrainingGraphs& result_;
  UniqueNames names_;
  Value has_rows_;
};

// The numbers of the outputs that have goals.
absl::Status FindOutputs(const Model& model, const TrainingGoals& goals, TrainingGraphs& result) {
  const Graph& graph = model.graph;
  std::vector<std::string> names;
  for (const ValueId id : graph.outputs) names.push_back(graph.value(id).name);
  if (goals.outputs.empty()) return InvalidArgument("no output has a loss");
  ErrorList errors;
  std::set<int> taken;
  for (const OutputGoal& goal : goals.outputs) {
    const bool only = goal.output.empty() && names.size() == 1;
    const auto found = std::find(names.begin(), names.end(), goal.output);
    if (!only && found == names.end()) {
      errors.Add(InvalidArgument("there is no output ", Quoted(goal.output),
                                 "; the model's outputs are ",
                                 absl::StrJoin(names, ", ", AppendShown)));
      continue;
    }
    result.goal_outputs.push_back(only ? 0 : static_cast<int>(found - names.begin()));
    if (!taken.insert(result.goal_outputs.back()).second)
      errors.Add(InvalidArgument("output ", Quoted(goal.output), " has two losses"));
    if (!goal.loss.function)
      errors.Add(InvalidArgument("output ", Quoted(goal.output), " has no loss"));
  }
  return errors.ToStatus("the losses do not fit the model");
}

absl::Status CheckSelectors(const Model& model, const TrainingGoals& goals) {
  std::vector<std::string> selectors = goals.frozen;
  for (const WeightRegularizer& rule : goals.regularizers) selectors.push_back(rule.weights);
  for (const WeightConstraint& rule : goals.constraints) selectors.push_back(rule.weights);
  std::vector<std::string> names;
  for (const Weight& weight : model.graph.weights)
    names.push_back(model.graph.value(weight.value).name);
  ErrorList errors;
  for (const std::string& selector : selectors) {
    const bool any = std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      return SelectsWeight(selector, name);
    });
    if (!any) {
      errors.Add(InvalidArgument("there is no weight ", Quoted(selector),
                                 ", and none in a layer "
                                 "of that name",
                                 DidYouMean(selector, names)));
    }
  }
  std::set<std::string> with_parents;  // of each layer those around it, too
  for (const Node& node : model.graph.nodes) {
    for (std::string layer = node.layer; !layer.empty() && with_parents.insert(layer).second;) {
      const size_t slash = layer.rfind('/');
      layer.resize(slash == std::string::npos ? 0 : slash);
    }
  }
  const std::vector<std::string> layers(with_parents.begin(), with_parents.end());
  for (const std::string& selector : goals.recompute) {
    const bool any = std::any_of(layers.begin(), layers.end(), [&](const std::string& layer) {
      return SelectsWeight(selector, layer);
    });
    if (!any) {
      errors.Add(
          InvalidArgument("there is no layer ", Quoted(selector), DidYouMean(selector, layers)));
    }
  }
  return errors.ToStatus("weights or layers that are named are not there");
}

}  // namespace

namespace {

// With what the model itself brings along.
absl::StatusOr<TrainingGoals> AllGoals(const Model& model, TrainingGoals goals) {
  if (goals.outputs.empty() && goals.loss.function)
    goals.outputs = {{.loss = goals.loss, .metrics = goals.metrics}};
  NOMO_RETURN_IF_ERROR(VerifyModel(model));
  NOMO_ASSIGN_OR_RETURN(const WeightRules rules, RulesOf(model));
  goals.regularizers.insert(goals.regularizers.end(), rules.regularizers.begin(),
                            rules.regularizers.end());
  goals.constraints.insert(goals.constraints.begin(), rules.constraints.begin(),
                           rules.constraints.end());
  NOMO_RETURN_IF_ERROR(CheckSelectors(model, goals));
  return goals;
}

absl::Status WriteEvaluation(const Model& model, const TrainingGoals& goals, FormUse use,
                             const Replicas* replicas, TrainingGraphs& result) {
  result.goals = goals.outputs;
  NOMO_RETURN_IF_ERROR(FindOutputs(model, goals, result));
  FormWriter form(model, goals, use);
  NOMO_RETURN_IF_ERROR(form.Write());
  GoalWriter goal(model, goals, replicas, result);
  NOMO_RETURN_IF_ERROR(goal.Write(form));
  goal.AddHasRows();
  result.first_prediction = static_cast<int>(goal.outputs.size());
  goal.outputs.insert(goal.outputs.end(), form.outputs.begin(), form.outputs.end());
  NOMO_ASSIGN_OR_RETURN(result.evaluation,
                        BuildModel(goal.inputs, goal.outputs, {.name = "evaluation"}));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TrainingGraphs> BuildEvaluationGraph(const Model& model, const TrainingGoals& given,
                                                    const Replicas* replicas) {
  NOMO_ASSIGN_OR_RETURN(const TrainingGoals goals, AllGoals(model, given));
  TrainingGraphs result;
  NOMO_RETURN_IF_ERROR(WriteEvaluation(model, goals, FormUse::kEvaluation, replicas, result));
  return result;
}

absl::StatusOr<TrainingGraphs> BuildTrainingGraphs(const Model& model, const TrainingGoals& given,
                                                   const Replicas* replicas) {
  NOMO_ASSIGN_OR_RETURN(const TrainingGoals goals, AllGoals(model, given));
  NOMO_RETURN_IF_ERROR(CheckOptimizer(goals.optimizer));
  TrainingGraphs result{.averages_are_model = !goals.optimizer.model_slot.empty()};
  NOMO_RETURN_IF_ERROR(WriteEvaluation(model, goals, FormUse::kValidation, replicas, result));
  FormWriter form(model, goals, FormUse::kTraining, replicas);
  NOMO_RETURN_IF_ERROR(form.Write());
  GoalWriter goal(model, goals, replicas, result);
  NOMO_RETURN_IF_ERROR(goal.Write(form));
  const StepInputs step = {goal.AddInput(DType::kFloat64, "learning_rate"),
                           goal.AddInput(DType::kInt64, "iteration"),
                           goal.AddInput(DType::kBool, "apply")};
  goal.AddHasRows();
  UpdateWriter updates(model, goals, step, replicas, result);
  NOMO_ASSIGN_OR_RETURN(goal.outputs[0], updates.Write(form, goal.outputs[0]));
  NOMO_ASSIGN_OR_RETURN(result.step, BuildModel(goal.inputs, goal.outputs, {.name = "step"}));
  for (Variable& slot : updates.slots()) result.step.variables.push_back(std::move(slot));
  NOMO_RETURN_IF_ERROR(VerifyModel(result.step));
  for (const auto& weight : form.weights) {
    if (weight.variable != nullptr) result.weights.push_back({weight.name, weight.trained});
  }
  return result;
}

}  // namespace nomograph
