#include "nomograph/train/training_graph.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/expr.h"
#include "nomograph/core/build/reopen.h"
#include "nomograph/core/gradient/gradients.h"
#include "nomograph/core/gradient/training_form.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/names.h"
#include "nomograph/train/value_math.h"

namespace nomograph {

using namespace train_internal;

namespace {

bool Selected(absl::Span<const std::string> selectors, absl::string_view weight) {
  return std::any_of(selectors.begin(), selectors.end(),
                     [&](const std::string& selector) { return SelectsWeight(selector, weight); });
}

const OpDef* TrainingOp(const Node& node) {
  const OpDef* op = OpRegistry::Default().Find(node.op, node.version);
  return op != nullptr && op->in_training && node.op != node.body ? op : nullptr;
}

// The model's values in one of its two forms.
class FormWriter {
 public:
  FormWriter(const Model& model, const TrainingGoals& goals, bool training,
             const Replicas* replicas = nullptr)
      : model_(model), goals_(goals), training_(training), replicas_(replicas) {}

  absl::Status Write() {
    AddLeaves();
    NOMO_RETURN_IF_ERROR(errors_.ToStatus("the model cannot be trained"));
    std::vector<Value> values = Reopen(model_.graph, model_.functions, leaves_);
    const std::vector<Value> original = values;
    for (const Node& node : model_.graph.nodes) {
      NOMO_RETURN_IF_ERROR(
          Annotate(Rewrite(node, original, values), NodePlace(node.name, node.op)));
    }
    for (const ValueId id : model_.graph.outputs) outputs.push_back(values[id]);
    return absl::OkStatus();
  }

  std::vector<Value> inputs, outputs;
  std::vector<Value> added_losses;
  // Of float weights: whether they are trained, their value and their variable.
  struct WeightRead {
    std::string name;
    bool trained;
    Value value;
    std::shared_ptr<const VariableSpec> variable;
  };
  std::vector<WeightRead> weights;
  std::vector<Value> state_updates;

 private:
  // Weights are variables where something may change them.
  void AddLeaves() {
    const Graph& graph = model_.graph;
    leaves_.values.resize(graph.values.size());
    for (const ValueId id : graph.inputs) {
      leaves_.values[id] = InputValue(graph.value(id).type, graph.value(id).name);
      inputs.push_back(leaves_.values[id]);
    }
    for (const Variable& variable : model_.variables) {
      leaves_.variables[variable.name] =
          std::make_shared<const VariableSpec>(VariableSpec{variable.name, variable.initial});
    }
    std::set<ValueId> moved;  // by a node's training form
    for (const Node& node : graph.nodes) {
      if (TrainingOp(node) == nullptr || IsFrozen(node)) continue;
      moved.insert(node.inputs.begin(), node.inputs.end());
    }
    for (const Weight& weight : graph.weights) AddWeight(weight, moved.contains(weight.value));
  }

  void AddWeight(const Weight& weight, bool moved) {
    const std::string& name = model_.graph.value(weight.value).name;
    const bool trained = weight.trainable && kFloats.Contains(weight.tensor.dtype()) &&
                         !Selected(goals_.frozen, name);
    if (!trained && !moved) {
      const Tensor tensor = weight.tensor;
      leaves_.values[weight.value] =
          WeightValue({.name = name,
                       .type = tensor.type(),
                       .initializer = [tensor](const Shape&, DType, uint64_t) { return tensor; },
                       .trainable = weight.trainable},
                      nullptr);
      if (kFloats.Contains(tensor.dtype()))
        weights.push_back({name, false, leaves_.values[weight.value], nullptr});
      return;
    }
    if (trained && weight.tensor.dtype() != DType::kFloat32 &&
        weight.tensor.dtype() != DType::kFloat64) {
      errors_.Add(InvalidArgument("weight ", Quoted(name), ": expected float32 or float64, found ",
                                  DTypeName(weight.tensor.dtype()), "; freeze it or convert it"));
    }
    if (leaves_.variables.contains(name)) {
      errors_.Add(InvalidArgument("a weight and a variable are both named ", Quoted(name)));
    }
    auto variable = std::make_shared<const VariableSpec>(VariableSpec{name, weight.tensor});
    leaves_.values[weight.value] = ReadVariable(variable);
    weights.push_back({name, trained, leaves_.values[weight.value], variable});
    read_[leaves_.values[weight.value].expr().get()] = variable;
  }

  bool IsFrozen(const Node& node) const {
    bool any = false;
    for (const ValueId id : node.inputs) {
      if (id == kNoValue || model_.graph.FindWeight(id) == nullptr) continue;
      any = true;
      if (!Selected(goals_.frozen, model_.graph.value(id).name)) return false;
    }
    return any;
  }

  absl::Status Rewrite(const Node& node, const std::vector<Value>& original,
                       std::vector<Value>& values) {
    std::vector<Value> in;
    bool changed = false;
    for (const ValueId id : node.inputs) {
      in.push_back(id == kNoValue ? Value() : values[id]);
      changed |= id != kNoValue && values[id].expr() != original[id].expr();
    }
    if (node.op == "train.AddLoss" && in.size() == 2) added_losses.push_back(in[1]);
    const OpDef* op = training_ ? TrainingOp(node) : nullptr;
    if (op != nullptr && !IsFrozen(node)) return WriteTrainingForm(node, *op, in, values);
    if (!changed) return absl::OkStatus();
    const auto first = std::find_if(node.outputs.begin(), node.outputs.end(),
                                    [](ValueId id) { return id != kNoValue; });
    if (first == node.outputs.end()) return absl::OkStatus();
    auto copy = std::make_shared<Expr>(*original[*first].expr());
    copy->id = Expr(Expr::Kind::kCall).id;
    copy->inputs = std::move(in);
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] != kNoValue) values[node.outputs[i]] = Value(copy, static_cast<int>(i));
    }
    return absl::OkStatus();
  }

  absl::Status WriteTrainingForm(const Node& node, const OpDef& op, const std::vector<Value>& in,
                                 std::vector<Value>& values) {
    NOMO_ASSIGN_OR_RETURN(const Attributes attrs, ResolveAttributes(op.attrs, node.attrs));
    NOMO_ASSIGN_OR_RETURN(const TrainingForm form, op.in_training(in, attrs));
    if (form.outputs.size() < node.outputs.size())
      return absl::InternalError("its form in training has too few outputs");
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] != kNoValue) values[node.outputs[i]] = form.outputs[i];
    }
    for (const auto& [input, value] : form.updates) {
      const auto variable = read_.find(in[input].expr().get());
      if (variable == read_.end()) {
        return InvalidArgument("input ", input,
                               ", which training moves, is computed: expected a "
                               "weight");
      }
      const Value mean = replicas_ == nullptr ? value : replicas_->Mean({value})[0];
      state_updates.push_back(AssignVariable(variable->second, mean));
    }
    return absl::OkStatus();
  }

  const Model& model_;
  const TrainingGoals& goals_;
  const bool training_;
  const Replicas* const replicas_;
  ReopenLeaves leaves_;
  absl::flat_hash_map<const Expr*, std::shared_ptr<const VariableSpec>> read_;
  ErrorList errors_;
};

// Everything of one of the two models but the updates.
class GoalWriter {
 public:
  GoalWriter(const Model& model, const TrainingGoals& goals, TrainingGraphs& result)
      : model_(model), goals_(goals), result_(result) {
    for (const ValueId id : model.graph.inputs) names_.Reserve(model.graph.value(id).name);
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
      const Value loss = Wide(ReduceLoss(goal.loss, targets[i], prediction, weights[i]));
      losses.push_back(loss);
      const Value weighted = goal.loss_weight == 1 ? loss : loss * goal.loss_weight;
      total = total.valid() ? total + weighted : weighted;
      for (const bool with_weights : {false, true}) {
        for (const Metric& metric : with_weights ? goal.weighted_metrics : goal.metrics) {
          AddMetric(i, metric, targets[i], prediction, with_weights ? weights[i] : Value(), first,
                    statistics);
        }
      }
    }
    data_loss = total;
    for (const auto& weight : form.weights) {
      for (const WeightRegularizer& rule : goals_.regularizers) {
        if (!SelectsWeight(rule.weights, weight.name)) continue;
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

  std::vector<Value> inputs, outputs, losses;
  Value data_loss;  // the loss without penalties

 private:
  static Value Wide(const Value& x) { return Cast(x, DType::kFloat64); }

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
  TrainingGraphs& result_;
  UniqueNames names_;
};

// The optimizer's part of the step.
class UpdateWriter {
 public:
  UpdateWriter(const Model& model, const TrainingGoals& goals, const Replicas* replicas,
               TrainingGraphs& result)
      : optimizer_(goals.optimizer), goals_(goals), replicas_(replicas), result_(result) {
    for (const Weight& weight : model.graph.weights)
      names_.Reserve(model.graph.value(weight.value).name);
    for (const Variable& variable : model.variables) names_.Reserve(variable.name);
  }

  // Adds the updates to what the loss waits for.
  absl::Status Write(FormWriter& form, GoalWriter& goal) {
    learning_rate_ = goal.AddInput(DType::kFloat64, "learning_rate");
    iteration_ = goal.AddInput(DType::kInt64, "iteration");
    apply_ = goal.AddInput(DType::kBool, "apply");
    std::vector<const FormWriter::WeightRead*> trained;
    std::vector<Value> values;
    for (const auto& weight : form.weights) {
      if (!weight.trained) continue;
      trained.push_back(&weight);
      values.push_back(weight.value);
    }
    if (trained.empty()) return InvalidArgument("no weight of the model is to be trained");
    Value loss = goal.outputs[0];
    // The mean over processes of what each one's share counts is the loss of the whole batch.
    if (replicas_ != nullptr)
      loss = loss + goal.data_loss * (goal.AddInput(DType::kFloat64, "share") - 1);
    NOMO_ASSIGN_OR_RETURN(std::vector<Value> gradients, Gradients({loss}, values));
    if (replicas_ != nullptr) gradients = replicas_->Mean(gradients);
    waits_ = std::move(form.state_updates);
    Accumulate(trained, gradients);
    Clip(gradients);
    for (size_t i = 0; i < trained.size(); ++i) {
      if (gradients[i].valid()) AddUpdate(*trained[i], gradients[i]);
    }
    std::vector<Value> after = {goal.outputs[0]};
    after.insert(after.end(), waits_.begin(), waits_.end());
    goal.outputs[0] = Call("core.After", std::move(after));
    return absl::OkStatus();
  }

  // The variables that only the attributes of nodes name.
  std::vector<Variable>& slots() { return slots_; }

 private:
  // A variable of the optimizer for a weight.
  std::string SlotName(const std::string& weight, absl::string_view slot) {
    return names_.Take(absl::StrCat("optimizer/", weight, "/", slot));
  }

  void Accumulate(absl::Span<const FormWriter::WeightRead* const> weights,
                  std::vector<Value>& gradients) {
    const int64_t steps = optimizer_.options.gradient_accumulation_steps;
    if (steps == 1) return;
    for (size_t i = 0; i < gradients.size(); ++i) {
      if (!gradients[i].valid()) continue;
      const Tensor& like = weights[i]->variable->initial;
      auto sum = std::make_shared<const VariableSpec>(VariableSpec{
          SlotName(weights[i]->name, "gradient_sum"), Tensor(like.dtype(), like.shape())});
      const Value total = ReadVariable(sum) + gradients[i];
      waits_.push_back(
          AssignVariable(sum, Call("array.Where", {apply_, ConstantLike(0, total), total})));
      gradients[i] = total / static_cast<double>(steps);
    }
  }

  void Clip(std::vector<Value>& gradients) {
    const OptimizerOptions& o = optimizer_.options;
    const auto scale = [](const Value& gradient, const Value& norm, double limit) {
      return gradient * Cast(limit / Maximum(norm, limit), gradient.dtype());
    };
    const auto square_sum = [](const Value& gradient) {
      return Cast(Sum(Square(gradient)), DType::kFloat64);
    };
    std::vector<Value> squares;
    for (Value& gradient : gradients) {
      if (!gradient.valid()) continue;
      if (o.clipvalue) gradient = train_internal::Clip(gradient, -*o.clipvalue, *o.clipvalue);
      if (o.clipnorm)
        gradient = scale(gradient, Call("math.Sqrt", {square_sum(gradient)}), *o.clipnorm);
      if (o.global_clipnorm) squares.push_back(square_sum(gradient));
    }
    if (squares.empty()) return;
    const Value norm = Call("math.Sqrt", {Call("math.Sum", std::move(squares))});
    for (Value& gradient : gradients) {
      if (gradient.valid()) gradient = scale(gradient, norm, *o.global_clipnorm);
    }
  }

  void AddUpdate(const FormWriter::WeightRead& weight, const Value& gradient) {
    Attributes attrs = optimizer_.attrs;
    attrs.Set("variable", weight.name);
    const auto& kept = optimizer_.options.exclude_from_weight_decay;
    const bool decays = std::none_of(kept.begin(), kept.end(), [&](const std::string& part) {
      return absl::StrContains(weight.name, part);
    });
    if (decays && optimizer_.options.weight_decay)
      attrs.Set("weight_decay", *optimizer_.options.weight_decay);
    const TensorType type = weight.variable->initial.type();
    for (const Optimizer::Slot& slot : optimizer_.slots) {
      const std::string name = SlotName(weight.name, slot.attr);
      slots_.push_back({name,
                        slot.scalar ? Tensor::Scalar<double>(slot.initial)
                                    : Tensor::Full(type.dtype, type.shape.ToShape(), slot.initial),
                        "", ""});
      attrs.Set(slot.attr, name);
    }
    const auto constrains = [&](const WeightConstraint& rule) {
      return SelectsWeight(rule.weights, weight.name);
    };
    // What the weight becomes is copied where something asks for it.
    const bool asked =
        optimizer_.options.use_ema ||
        std::any_of(goals_.constraints.begin(), goals_.constraints.end(), constrains);
    const std::vector<Value> updated =
        CallMulti(optimizer_.op, {weight.value, gradient, learning_rate_, iteration_, apply_},
                  attrs, {.num_outputs = asked ? 2 : 1});
    waits_.push_back(updated[0]);
    if (!asked) return;
    Value next = updated[1];
    bool assigned = false;
    for (const WeightConstraint& rule : goals_.constraints) {
      if (!constrains(rule)) continue;
      next = Call("array.Where", {apply_, rule.constraint(next), next});
      assigned = true;
    }
    if (optimizer_.options.use_ema) next = Average(weight, next, assigned);
    if (assigned) waits_.push_back(AssignVariable(weight.variable, next));
  }

  // Moves the mean; the weight's next value, which is the mean where it is time.
  Value Average(const FormWriter::WeightRead& weight, const Value& next, bool& assigned) {
    const OptimizerOptions& o = optimizer_.options;
    auto mean = std::make_shared<const VariableSpec>(
        VariableSpec{SlotName(weight.name, "average"), weight.variable->initial});
    result_.averages.emplace_back(weight.name, mean->name);
    const Value before = ReadVariable(mean);
    // The first step's weight is the first mean.
    const Value mixed =
        Call("array.Where",
             {iteration_ == 0, next, before * o.ema_momentum + next * (1 - o.ema_momentum)});
    const Value moved = Call("array.Where", {apply_, mixed, before});
    waits_.push_back(AssignVariable(mean, moved));
    if (!o.ema_overwrite_frequency) return next;
    assigned = true;
    const Value due = ((iteration_ + 1) % *o.ema_overwrite_frequency == 0) && apply_;
    return Call("array.Where", {due, moved, next});
  }

  const Optimizer& optimizer_;
  const TrainingGoals& goals_;
  const Replicas* const replicas_;
  TrainingGraphs& result_;
  UniqueNames names_;
  Value learning_rate_, iteration_, apply_;
  std::vector<Value> waits_;
  std::vector<Variable> slots_;
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

// What a part of the batch says of the whole.
absl::Status CheckReductions(const TrainingGoals& goals) {
  ErrorList errors;
  for (const OutputGoal& goal : goals.outputs) {
    if (goal.loss.reduction == Reduction::kSumOverBatchSize && !goal.loss.mask) continue;
    errors.Add(absl::UnimplementedError(absl::StrCat(
        "loss ", Quoted(goal.loss.name),
        ": in several processes only the mean over the batch is there, without a mask")));
  }
  return errors.ToStatus("the losses cannot be divided among processes");
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
  return errors.ToStatus("weights that are named are not there");
}

}  // namespace

absl::StatusOr<TrainingGraphs> BuildTrainingGraphs(const Model& model, const TrainingGoals& given,
                                                   const Replicas* replicas) {
  TrainingGoals goals = given;
  if (goals.outputs.empty() && goals.loss.function)
    goals.outputs = {{.loss = goals.loss, .metrics = goals.metrics}};
  NOMO_RETURN_IF_ERROR(VerifyModel(model));
  NOMO_RETURN_IF_ERROR(CheckOptimizer(goals.optimizer));
  NOMO_RETURN_IF_ERROR(CheckSelectors(model, goals));
  TrainingGraphs result{.goals = goals.outputs};
  NOMO_RETURN_IF_ERROR(FindOutputs(model, goals, result));
  if (replicas != nullptr) NOMO_RETURN_IF_ERROR(CheckReductions(goals));
  {
    FormWriter form(model, goals, /*training=*/false);
    NOMO_RETURN_IF_ERROR(form.Write());
    GoalWriter goal(model, goals, result);
    NOMO_RETURN_IF_ERROR(goal.Write(form));
    result.first_prediction = static_cast<int>(goal.outputs.size());
    goal.outputs.insert(goal.outputs.end(), form.outputs.begin(), form.outputs.end());
    NOMO_ASSIGN_OR_RETURN(result.evaluation,
                          BuildModel(goal.inputs, goal.outputs, {.name = "evaluation"}));
  }
  FormWriter form(model, goals, /*training=*/true, replicas);
  NOMO_RETURN_IF_ERROR(form.Write());
  GoalWriter goal(model, goals, result);
  NOMO_RETURN_IF_ERROR(goal.Write(form));
  UpdateWriter updates(model, goals, replicas, result);
  NOMO_RETURN_IF_ERROR(updates.Write(form, goal));
  NOMO_ASSIGN_OR_RETURN(result.step, BuildModel(goal.inputs, goal.outputs, {.name = "step"}));
  for (Variable& slot : updates.slots()) result.step.variables.push_back(std::move(slot));
  NOMO_RETURN_IF_ERROR(VerifyModel(result.step));
  for (const auto& weight : form.weights) {
    if (weight.variable != nullptr) result.weights.push_back({weight.name, weight.trained});
  }
  return result;
}

}  // namespace nomograph
