#include "nomograph/train/update_writer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "nomograph/core/gradient/gradients.h"
#include "nomograph/train/value_math.h"

namespace nomograph::train_internal {

UpdateWriter::UpdateWriter(const Model& model, const TrainingGoals& goals, const StepInputs& inputs,
                           const Replicas* replicas, TrainingGraphs& result)
    : optimizer_(goals.optimizer),
      goals_(goals),
      inputs_(inputs),
      replicas_(replicas),
      result_(result) {
  for (const Weight& weight : model.graph.weights)
    names_.Reserve(model.graph.value(weight.value).name);
  for (const Variable& variable : model.variables) names_.Reserve(variable.name);
}

absl::StatusOr<Value> UpdateWriter::Write(FormWriter& form, const Value& loss) {
  std::vector<const FormWriter::WeightRead*> trained;
  std::vector<Value> values;
  for (const auto& weight : form.weights) {
    if (!weight.trained) continue;
    trained.push_back(&weight);
    values.push_back(weight.value);
  }
  if (trained.empty()) return InvalidArgument("no weight of the model is to be trained");
  GradientOptions options;
  if (!goals_.recompute.empty()) options.recompute = [&](const Node& node) { return PartOf(node); };
  NOMO_ASSIGN_OR_RETURN(std::vector<Value> gradients, Gradients({loss}, values, options));
  if (replicas_ != nullptr) gradients = replicas_->Mean(gradients);
  waits_ = std::move(form.state_updates);
  Accumulate(trained, gradients);
  Clip(gradients);
  for (size_t i = 0; i < trained.size(); ++i) {
    if (gradients[i].valid()) AddUpdate(*trained[i], gradients[i]);
  }
  std::vector<Value> after = {loss};
  after.insert(after.end(), waits_.begin(), waits_.end());
  return Call("core.After", std::move(after));
}

std::string UpdateWriter::PartOf(const Node& node) const {
  for (const std::string& selector : goals_.recompute) {
    // As weights are selected: by the layer, or one around it.
    if (!node.layer.empty() && SelectsWeight(selector, node.layer)) return selector;
  }
  return "";
}

std::string UpdateWriter::SlotName(const std::string& weight, absl::string_view slot) {
  return names_.Take(absl::StrCat("optimizer/", weight, "/", slot));
}

void UpdateWriter::Accumulate(absl::Span<const FormWriter::WeightRead* const> weights,
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
        AssignVariable(sum, Call("array.Where", {inputs_.apply, ConstantLike(0, total), total})));
    gradients[i] = total / static_cast<double>(steps);
  }
}

void UpdateWriter::Clip(std::vector<Value>& gradients) {
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

bool UpdateWriter::IsMatrix(const FormWriter::WeightRead& weight) const {
  const auto& exclude = optimizer_.orthogonal->exclude_layers;
  const int rank = weight.variable->initial.shape().rank();
  if (rank != 2 && rank != 3) return false;
  if (optimizer_.orthogonal->exclude_embeddings &&
      absl::StrContains(absl::AsciiStrToLower(weight.name), "embedding"))
    return false;
  return std::none_of(exclude.begin(), exclude.end(), [&](const std::string& part) {
    return absl::StrContains(weight.name, part);
  });
}

Value UpdateWriter::Orthogonal(const FormWriter::WeightRead& weight, const Value& gradient) {
  const Optimizer::Orthogonal& o = *optimizer_.orthogonal;
  const Tensor& like = weight.variable->initial;
  auto slot = std::make_shared<const VariableSpec>(
      VariableSpec{SlotName(weight.name, "momentum"), Tensor(like.dtype(), like.shape())});
  const Value before = ReadVariable(slot);
  const Value mean = o.momentum * before + gradient;
  waits_.push_back(AssignVariable(slot, Call("array.Where", {inputs_.apply, mean, before})));
  const int rank = like.shape().rank();
  const auto transposed = [&](const Value& x) {
    std::vector<int64_t> perm = {0, 1, 2};
    perm.resize(rank);
    std::swap(perm[rank - 2], perm[rank - 1]);
    return Call("array.Transpose", {x}, {{"perm", perm}});
  };
  const auto product = [](const Value& a, const Value& b) { return Call("math.MatMul", {a, b}); };
  Value x = o.nesterov ? gradient + o.momentum * mean : mean;
  // The smaller side first: its products are the smaller ones.
  const bool tall = like.shape()[rank - 2] > like.shape()[rank - 1];
  if (tall) x = transposed(x);
  const std::vector<int64_t> axes = {-2, -1};
  x = x / (Call("math.Sqrt", {Call("math.ReduceSum", {x * x}, {{"axes", axes}})}) + kEpsilon);
  for (int64_t step = 0; step < o.ns_steps; ++step) {
    const Value square = product(x, transposed(x));
    x = o.a * x + product(o.b * square + o.c * product(square, square), x);
  }
  if (tall) x = transposed(x);
  const double ratio = static_cast<double>(like.shape()[0]) /
                       static_cast<double>(std::max<int64_t>(1, like.shape()[1]));
  return x * std::sqrt(std::max(1.0, ratio));
}

void UpdateWriter::AddSlots(const FormWriter::WeightRead& weight, Attributes& attrs) {
  using Form = Optimizer::Slot::Form;
  const Tensor& like = weight.variable->initial;
  const bool matrix = like.shape().rank() >= 2;
  for (const Optimizer::Slot& slot : optimizer_.slots) {
    std::vector<int64_t> dims(like.shape().dims().begin(), like.shape().dims().end());
    if (slot.form == Form::kRows || slot.form == Form::kColumns) {
      if (!matrix) continue;
      dims.erase(dims.end() - (slot.form == Form::kRows ? 1 : 2));
    }
    if (slot.form == Form::kVector && matrix) continue;
    const std::string name = SlotName(weight.name, slot.attr);
    slots_.push_back({name,
                      slot.form == Form::kScalar ? Tensor::Scalar<double>(slot.initial)
                      : slot.form == Form::kCopy
                          ? like
                          : Tensor::Full(like.dtype(), Shape(dims), slot.initial),
                      "", ""});
    attrs.Set(slot.attr, name);
    if (slot.attr == optimizer_.model_slot) result_.averages.emplace_back(weight.name, name);
  }
}

void UpdateWriter::AddUpdate(const FormWriter::WeightRead& weight, const Value& given) {
  const bool orthogonal = optimizer_.orthogonal && IsMatrix(weight);
  const Value gradient = orthogonal ? Orthogonal(weight, given) : given;
  Attributes attrs = orthogonal ? Attributes() : optimizer_.attrs;
  attrs.Set("variable", weight.name);
  // How many times the learning rate that of this weight is; decay goes by the rate itself.
  const double rate =
      optimizer_.orthogonal && !orthogonal ? optimizer_.orthogonal->adam_lr_ratio : 1;
  const auto& kept = optimizer_.options.exclude_from_weight_decay;
  const bool decays = std::none_of(kept.begin(), kept.end(), [&](const std::string& part) {
    return absl::StrContains(weight.name, part);
  });
  if (decays && optimizer_.options.weight_decay)
    attrs.Set("weight_decay", *optimizer_.options.weight_decay / rate);
  if (!orthogonal) AddSlots(weight, attrs);
  const Value learning_rate = rate == 1 ? inputs_.learning_rate : inputs_.learning_rate * rate;
  const auto constrains = [&](const WeightConstraint& rule) {
    return SelectsWeight(rule.weights, weight.name);
  };
  // What the weight becomes is copied where something asks for it.
  const bool asked = optimizer_.options.use_ema ||
                     std::any_of(goals_.constraints.begin(), goals_.constraints.end(), constrains);
  const std::vector<Value> updated =
      CallMulti(orthogonal ? "train.SgdUpdate" : optimizer_.op,
                {weight.value, gradient, learning_rate, inputs_.iteration, inputs_.apply}, attrs,
                {.num_outputs = asked ? 2 : 1});
  waits_.push_back(updated[0]);
  if (!asked) return;
  Value next = updated[1];
  bool assigned = false;
  for (const WeightConstraint& rule : goals_.constraints) {
    if (!constrains(rule)) continue;
    next = Call("array.Where", {inputs_.apply, rule.constraint(next), next});
    assigned = true;
  }
  if (optimizer_.options.use_ema) next = Average(weight, next, assigned);
  if (assigned) waits_.push_back(AssignVariable(weight.variable, next));
}

Value UpdateWriter::Average(const FormWriter::WeightRead& weight, const Value& next,
                            bool& assigned) {
  const OptimizerOptions& o = optimizer_.options;
  auto mean = std::make_shared<const VariableSpec>(
      VariableSpec{SlotName(weight.name, "average"), weight.variable->initial});
  result_.averages.emplace_back(weight.name, mean->name);
  const Value before = ReadVariable(mean);
  // The first step's weight is the first mean.
  const Value mixed = Call("array.Where", {inputs_.iteration == 0, next,
                                           before * o.ema_momentum + next * (1 - o.ema_momentum)});
  const Value moved = Call("array.Where", {inputs_.apply, mixed, before});
  waits_.push_back(AssignVariable(mean, moved));
  if (!o.ema_overwrite_frequency) return next;
  assigned = true;
  const Value due = ((inputs_.iteration + 1) % *o.ema_overwrite_frequency == 0) && inputs_.apply;
  return Call("array.Where", {due, moved, next});
}

}  // namespace nomograph::train_internal
