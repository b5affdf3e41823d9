#include "nomograph/core/layers/model_layer.h"

#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "nomograph/core/escape.h"
#include "nomograph/core/expr.h"
#include "nomograph/core/expr_writer.h"
#include "nomograph/core/infer.h"

namespace nomograph {
namespace {

// The attribute by which state ops name their variable.
const std::string* VariableOf(const Node& node) {
  const AttrValue* variable = node.attrs.Find("variable");
  return variable == nullptr ? nullptr : variable->As<std::string>();
}

class CalledModel : public LayerBase {
 public:
  CalledModel(Model model, ModelLayerOptions options)
      : LayerBase("Model", std::move(options.name)),
        model_(std::move(model)),
        trainable_(options.trainable),
        stored_(model_.graph.values.size()) {}

  absl::Status CheckOptions() const override {
    NOMO_RETURN_IF_ERROR(VerifyModel(model_));
    for (const auto& [name, function] : model_.functions) {
      for (const Node& node : function.graph.nodes) {
        if (VariableOf(node) == nullptr) continue;
        return InvalidArgument("function @", Shown(name), ": node ", Quoted(node.name),
                               " uses a state variable, which a model that is a layer cannot do");
      }
    }
    return absl::OkStatus();
  }

  absl::Status Build(absl::Span<const TensorType>) override {
    for (const Weight& weight : model_.graph.weights) {
      stored_[weight.value] = AsValue(weight);
    }
    for (const Variable& variable : model_.variables) {
      variables_[variable.name] = AddVariable(variable.name, variable.initial);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<Value>> Call(absl::Span<const Value> inputs) override {
    Graph graph = model_.graph;
    NOMO_RETURN_IF_ERROR(SetInputTypes(inputs, graph));
    NOMO_RETURN_IF_ERROR(TypeInferrer(model_.functions, OpRegistry::Default()).InferGraph(graph));
    std::vector<Value> values = stored_;
    for (size_t i = 0; i < inputs.size(); ++i) values[graph.inputs[i]] = inputs[i];
    std::vector<std::shared_ptr<const Expr>> exprs;
    for (const Node& node : graph.nodes) exprs.push_back(AddNode(node, graph, values));
    std::vector<Value> outputs;
    for (const ValueId id : graph.outputs) {
      outputs.push_back(values[id]);
      if (outputs.back().dtype() != DType::kInvalid) continue;
      return InvalidArgument("output ", Quoted(graph.value(id).name),
                             " is behind an op that is not registered here, so its type is not "
                             "known");
    }
    NOMO_RETURN_IF_ERROR(CheckStateIsReached(exprs, outputs));
    return outputs;
  }

 private:
  // Shapes may follow from integers, so they are constants; they are no parameters in any case.
  Value AsValue(const Weight& weight) {
    const Tensor& tensor = weight.tensor;
    if (!kFloats.Contains(tensor.dtype())) return Constant(tensor);
    return AddWeight({.name = model_.graph.value(weight.value).name,
                      .shape = tensor.shape(),
                      .initializer = [tensor](const Shape&, DType, uint64_t) { return tensor; },
                      .trainable = weight.trainable && trainable_,
                      .dtype = tensor.dtype()});
  }

  // Of other values only the dtypes stay: their shapes were those for other inputs.
  static absl::Status SetInputTypes(absl::Span<const Value> inputs, Graph& graph) {
    if (inputs.size() != graph.inputs.size()) {
      return InvalidArgument("the model takes ", graph.inputs.size(), " inputs, found ",
                             inputs.size());
    }
    const std::vector<ValueInfo> declared = graph.values;
    for (ValueInfo& value : graph.values) value.type.shape = PartialShape();
    for (const Weight& weight : graph.weights)
      graph.values[weight.value].type = weight.tensor.type();
    for (size_t i = 0; i < inputs.size(); ++i) {
      const auto& [name, expected, doc, unknown_fields] = declared[graph.inputs[i]];
      if (!inputs[i].valid()) return InvalidArgument("input ", Quoted(name), " is absent");
      const TensorType& found = inputs[i].type();
      if (expected.dtype != found.dtype || !Compatible(expected.shape, found.shape)) {
        return InvalidArgument("input ", Quoted(name), ": expected ", expected.ToString(),
                               ", found ", found.ToString());
      }
      graph.values[graph.inputs[i]].type = found;
    }
    return absl::OkStatus();
  }

  // A model is written from its outputs backwards: what none of them needs would be left out.
  static absl::Status CheckStateIsReached(const std::vector<std::shared_ptr<const Expr>>& exprs,
                                          absl::Span<const Value> outputs) {
    const auto reached = ReachableExprs(outputs, [](const Expr&) { return true; });
    const std::set<std::shared_ptr<const Expr>> needed(reached.begin(), reached.end());
    for (const auto& expr : exprs) {
      if (expr->variable == nullptr || needed.contains(expr)) continue;
      return InvalidArgument("node ", Quoted(expr->name),
                             " uses a state variable, but none of the model's outputs needs it");
    }
    return absl::OkStatus();
  }

  // `graph` has the types for these inputs.
  std::shared_ptr<const Expr> AddNode(const Node& node, const Graph& graph,
                                      std::vector<Value>& values) {
    auto expr = std::make_shared<Expr>(Expr::Kind::kCall);
    expr->layer = scope();
    expr->name = node.name;
    // What a traced lambda was is named after its function, which has another name in each model.
    expr->op = node.op == node.body ? "" : node.op;
    expr->version = node.version;
    expr->attrs = node.attrs;
    expr->provider = node.provider;
    if (!node.body.empty()) expr->body = FunctionNamed(node.body);
    for (const auto& [attr, value] : node.attrs) {
      const auto* function = value.As<FunctionRef>();
      if (function != nullptr) expr->functions.emplace_back(attr, FunctionNamed(function->name));
    }
    if (const std::string* variable = VariableOf(node)) {
      const auto known = variables_.find(*variable);
      if (known != variables_.end()) expr->variable = known->second;
    }
    for (const ValueId id : node.inputs)
      expr->inputs.push_back(id == kNoValue ? Value() : values[id]);
    for (const ValueId id : node.outputs)
      expr->outputs.push_back(id == kNoValue ? TensorType{} : graph.value(id).type);
    if (node.signature) expr->signature = SignatureOf(*expr);
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] != kNoValue) values[node.outputs[i]] = Value(expr, static_cast<int>(i));
    }
    return expr;
  }

  static Signature SignatureOf(const Expr& expr) {
    Signature signature{.outputs = expr.outputs};
    for (const Value& input : expr.inputs)
      signature.inputs.push_back(input.valid() ? input.type() : TensorType{});
    return signature;
  }

  // With the functions that it calls.
  std::shared_ptr<const TracedFunction> FunctionNamed(const std::string& name) {
    std::shared_ptr<const TracedFunction>& traced = functions_[name];
    if (traced != nullptr) return traced;
    auto made = std::make_shared<TracedFunction>();
    made->main = name;
    AddFunction(name, *made);
    return traced = std::move(made);
  }

  void AddFunction(const std::string& name, TracedFunction& traced) const {
    const auto found = model_.functions.find(name);
    if (found == model_.functions.end() || !traced.functions.insert(*found).second) return;
    for (const Node& node : found->second.graph.nodes) {
      AddFunction(node.body, traced);
      for (const auto& [attr, value] : node.attrs) {
        if (const auto* function = value.As<FunctionRef>()) AddFunction(function->name, traced);
      }
    }
  }

  const Model model_;
  const bool trainable_;
  std::vector<Value> stored_;  // by ValueId; absent where the value is no weight
  std::map<std::string, std::shared_ptr<const VariableSpec>> variables_;
  std::map<std::string, std::shared_ptr<const TracedFunction>> functions_;
};

}  // namespace

Layer ModelLayer(Model model, ModelLayerOptions options) {
  return MakeLayer<CalledModel>(std::move(model), std::move(options));
}

}  // namespace nomograph
