#include "nomograph/core/build/reopen.h"

#include <utility>

namespace nomograph {
namespace {

class Reopener {
 public:
  Reopener(const Graph& graph, const FunctionLibrary& functions, ReopenLeaves leaves)
      : graph_(graph), functions_(functions), leaves_(std::move(leaves)) {
    leaves_.values.resize(graph.values.size());
  }

  std::vector<Value> Run() {
    for (const Node& node : graph_.nodes) AddNode(node);
    return std::move(leaves_.values);
  }

 private:
  void AddNode(const Node& node) {
    std::vector<Value>& values = leaves_.values;
    auto expr = std::make_shared<Expr>(Expr::Kind::kCall);
    expr->layer = leaves_.layer;
    expr->node = node;
    // What a traced lambda was is named after its function, which has another name in each model.
    if (node.op == node.body) expr->node.op.clear();
    if (!node.body.empty()) expr->body = FunctionNamed(node.body);
    for (const auto& [attr, value] : node.attrs) {
      const auto* function = value.As<FunctionRef>();
      if (function != nullptr) expr->functions.emplace_back(attr, FunctionNamed(function->name));
    }
    if (const std::string* variable = VariableOf(node)) {
      const auto known = leaves_.variables.find(*variable);
      if (known != leaves_.variables.end()) expr->variable = known->second;
    }
    for (const ValueId id : node.inputs)
      expr->inputs.push_back(id == kNoValue ? Value() : values[id]);
    for (const ValueId id : node.outputs)
      expr->outputs.push_back(id == kNoValue ? TensorType{} : graph_.value(id).type);
    if (node.signature) expr->node.signature = SignatureOf(*expr);
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] != kNoValue) values[node.outputs[i]] = Value(expr, static_cast<int>(i));
    }
  }

  static Signature SignatureOf(const Expr& expr) {
    Signature signature{.outputs = expr.outputs};
    for (const Value& input : expr.inputs)
      signature.inputs.push_back(input.valid() ? input.type() : TensorType{});
    return signature;
  }

  // With the functions that it calls.
  std::shared_ptr<const TracedFunction> FunctionNamed(const std::string& name) {
    std::shared_ptr<const TracedFunction>& traced = traced_[name];
    if (traced != nullptr) return traced;
    auto made = std::make_shared<TracedFunction>();
    made->main = name;
    AddFunction(name, *made);
    return traced = std::move(made);
  }

  void AddFunction(const std::string& name, TracedFunction& traced) const {
    const auto found = functions_.find(name);
    if (found == functions_.end() || !traced.functions.insert(*found).second) return;
    for (const Node& node : found->second.graph.nodes) {
      AddFunction(node.body, traced);
      for (const auto& [attr, value] : node.attrs) {
        if (const auto* function = value.As<FunctionRef>()) AddFunction(function->name, traced);
      }
    }
  }

  const Graph& graph_;
  const FunctionLibrary& functions_;
  ReopenLeaves leaves_;
  std::map<std::string, std::shared_ptr<const TracedFunction>> traced_;
};

}  // namespace

const std::string* VariableOf(const Node& node) {
  const AttrValue* variable = node.attrs.Find("variable");
  return variable == nullptr ? nullptr : variable->As<std::string>();
}

std::vector<Value> Reopen(const Graph& graph, const FunctionLibrary& functions,
                          ReopenLeaves leaves) {
  return Reopener(graph, functions, std::move(leaves)).Run();
}

Value ReopenedModel::FindValue(absl::string_view name) const {
  const auto found = values.find(name);
  return found == values.end() ? Value() : found->second;
}

absl::StatusOr<ReopenedModel> Reopen(const Model& model) {
  NOMO_RETURN_IF_ERROR(VerifyModel(model));
  const Graph& graph = model.graph;
  ReopenLeaves leaves;
  leaves.values.resize(graph.values.size());
  ReopenedModel reopened;
  for (const ValueId id : graph.inputs) {
    leaves.values[id] = InputValue(graph.value(id).type, graph.value(id).name);
    reopened.inputs.push_back(leaves.values[id]);
  }
  for (const Weight& weight : graph.weights) {
    const Tensor tensor = weight.tensor;
    leaves.values[weight.value] =
        WeightValue({.name = graph.value(weight.value).name,
                     .type = tensor.type(),
                     .initializer = [tensor](const Shape&, DType, uint64_t) { return tensor; },
                     .trainable = weight.trainable},
                    nullptr);
  }
  for (const Variable& variable : model.variables) {
    leaves.variables[variable.name] =
        std::make_shared<const VariableSpec>(VariableSpec{variable.name, variable.initial});
  }
  const std::vector<Value> values = Reopen(graph, model.functions, std::move(leaves));
  for (const ValueId id : graph.outputs) {
    reopened.outputs.push_back(values[id]);
    reopened.output_names.push_back(graph.value(id).name);
  }
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i].valid()) reopened.values[graph.values[i].name] = values[i];
  }
  return reopened;
}

}  // namespace nomograph
