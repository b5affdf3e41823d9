#include "nomograph/core/build/reopen.h"

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "nomograph/core/graph/call_graph.h"
#include "nomograph/core/types/names.h"

namespace nomograph {
namespace {

// Each function that the graph calls has a copy of all that it calls in turn. So many nodes and
// values are copied more than once, which a file may ask for without end.
constexpr int64_t kMaxRepeated = 1 << 18;

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
    const auto traced = [&](const std::string& function) {
      TracedFunctionPtr found = FunctionNamed(function);
      if (found == nullptr) expr->status = TooManyCopies(node);
      return found;
    };
    if (!node.body.empty()) expr->body = traced(node.body);
    ForEachFunction(node.attrs, [&](const std::string& attr, const std::string& function) {
      if (auto found = traced(function)) expr->functions.emplace_back(attr, std::move(found));
    });
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

  static absl::Status TooManyCopies(const Node& node) {
    return absl::ResourceExhaustedError(
        absl::StrCat(NodePlace(node.name, node.op), ": functions that several others call have ",
                     "more than ", kMaxRepeated, " nodes and values in all their copies"));
  }

  // With the functions that it calls; null where there are too many copies of them.
  TracedFunctionPtr FunctionNamed(const std::string& name) {
    TracedFunctionPtr& traced = traced_[name];
    if (traced != nullptr) return traced;
    auto made = std::make_shared<TracedFunction>();
    made->main = name;
    // A work list, because the depth comes from a file.
    std::vector<std::string> waiting = {name};
    while (!waiting.empty()) {
      const auto found = functions_.find(waiting.back());
      waiting.pop_back();
      if (found == functions_.end() || made->functions.contains(found->first)) continue;
      const Graph& graph = found->second.graph;
      if (!copied_.insert(found->first).second) {
        repeated_ += static_cast<int64_t>(graph.nodes.size() + graph.values.size()) + 1;
        if (repeated_ > kMaxRepeated) return nullptr;
      }
      made->functions.insert(*found);
      for (const Node& node : graph.nodes) {
        for (std::string& callee : NamedFunctions(node)) waiting.push_back(std::move(callee));
      }
    }
    return traced = std::move(made);
  }

  const Graph& graph_;
  const FunctionLibrary& functions_;
  ReopenLeaves leaves_;
  std::map<std::string, TracedFunctionPtr> traced_;
  absl::flat_hash_set<absl::string_view> copied_;  // functions
  int64_t repeated_ = 0;                           // what has been copied once more
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
