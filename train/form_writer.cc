#include "nomograph/train/form_writer.h"

#include <algorithm>
#include <set>
#include <utility>

#include "nomograph/core/gradient/training_form.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/names.h"

namespace nomograph::train_internal {
namespace {

bool Selected(absl::Span<const std::string> selectors, absl::string_view weight) {
  return std::any_of(selectors.begin(), selectors.end(),
                     [&](const std::string& selector) { return SelectsWeight(selector, weight); });
}

const OpDef* TrainingOp(const Node& node) {
  const OpDef* op = OpRegistry::Default().Find(node.op, node.version);
  return op != nullptr && op->in_training && node.op != node.body ? op : nullptr;
}

}  // namespace

absl::Status FormWriter::Write() {
  AddLeaves();
  NOMO_RETURN_IF_ERROR(errors_.ToStatus("the model cannot be trained"));
  std::vector<Value> values = Reopen(model_.graph, model_.functions, leaves_);
  const std::vector<Value> original = values;
  for (const Node& node : model_.graph.nodes) {
    NOMO_RETURN_IF_ERROR(Annotate(Rewrite(node, original, values), NodePlace(node.name, node.op)));
  }
  absl::flat_hash_map<ValueId, Value> mask_of;
  for (const Node& node : model_.graph.nodes) {
    if (node.op == "train.LossMask" && node.inputs.size() == 2)
      mask_of[node.outputs[0]] = values[node.inputs[1]];
  }
  for (const ValueId id : model_.graph.outputs) {
    outputs.push_back(values[id]);
    const auto mask = mask_of.find(id);
    masks.push_back(mask == mask_of.end() ? Value() : mask->second);
  }
  return absl::OkStatus();
}

void FormWriter::AddLeaves() {
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

void FormWriter::AddWeight(const Weight& weight, bool moved) {
  const std::string& name = model_.graph.value(weight.value).name;
  const bool trained =
      weight.trainable && kFloats.Contains(weight.tensor.dtype()) && !Selected(goals_.frozen, name);
  if (use_ == FormUse::kEvaluation || (!trained && !moved)) {
    const Tensor tensor = weight.tensor;
    leaves_.values[weight.value] =
        WeightValue({.name = name,
                     .type = tensor.type(),
                     .initializer = [tensor](const Shape&, DType, uint64_t) { return tensor; },
                     .trainable = weight.trainable},
                    nullptr);
    if (kFloats.Contains(tensor.dtype()))
      weights.push_back({name, trained, leaves_.values[weight.value], nullptr});
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

bool FormWriter::IsFrozen(const Node& node) const {
  bool any = false;
  for (const ValueId id : node.inputs) {
    if (!weight_ids_.contains(id)) continue;
    any = true;
    if (!Selected(goals_.frozen, model_.graph.value(id).name)) return false;
  }
  return any;
}

absl::Status FormWriter::Rewrite(const Node& node, const std::vector<Value>& original,
                                 std::vector<Value>& values) {
  std::vector<Value> in;
  bool changed = false;
  for (const ValueId id : node.inputs) {
    in.push_back(id == kNoValue ? Value() : values[id]);
    changed |= id != kNoValue && values[id].expr() != original[id].expr();
  }
  if (node.op == "train.AddLoss" && in.size() == 2) added_losses.push_back(in[1]);
  const OpDef* op = use_ == FormUse::kTraining ? TrainingOp(node) : nullptr;
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

absl::Status FormWriter::WriteTrainingForm(const Node& node, const OpDef& op,
                                           const std::vector<Value>& in,
                                           std::vector<Value>& values) {
  NOMO_ASSIGN_OR_RETURN(const Attributes attrs, ResolveAttributes(op.attrs, node.attrs));
  const uint64_t first_id = Expr(Expr::Kind::kInput).id;
  NOMO_ASSIGN_OR_RETURN(const TrainingForm form, op.in_training(in, attrs));
  for (const Value& output : form.outputs) {
    if (!output.valid() || output.expr()->id < first_id || !output.expr()->node.name.empty())
      continue;
    // The node has just been made, and is nobody else's: it is named, and computed again where that
    // is asked for, as the one in whose place it is.
    Expr& made = const_cast<Expr&>(*output.expr());
    made.node.name = node.name;
    made.node.layer = node.layer;
  }
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

}  // namespace nomograph::train_internal
