#include "nomograph/core/layers/model_layer.h"

#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "nomograph/core/build/expr.h"
#include "nomograph/core/build/expr_writer.h"
#include "nomograph/core/build/reopen.h"
#include "nomograph/core/graph/infer.h"
#include "nomograph/core/types/escape.h"

namespace nomograph {
namespace {

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
    NOMO_RETURN_IF_ERROR(
        TypeInferrer(model_.functions, ScopedRegistry::Current()).InferGraph(graph));
    ReopenLeaves leaves{.values = stored_, .variables = variables_, .layer = scope()};
    for (size_t i = 0; i < inputs.size(); ++i) leaves.values[graph.inputs[i]] = inputs[i];
    const std::vector<Value> values = Reopen(graph, model_.functions, std::move(leaves));
    std::vector<Value> outputs;
    for (const ValueId id : graph.outputs) {
      outputs.push_back(values[id]);
      if (outputs.back().dtype() != DType::kInvalid) continue;
      return InvalidArgument("output ", Quoted(graph.value(id).name),
                             " is behind an op that is not registered here, so its type is not "
                             "known");
    }
    NOMO_RETURN_IF_ERROR(CheckStateIsReached(graph, values, outputs));
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
  static absl::Status CheckStateIsReached(const Graph& graph, absl::Span<const Value> values,
                                          absl::Span<const Value> outputs) {
    const auto reached = ReachableExprs(outputs, [](const Expr&) { return true; });
    const std::set<std::shared_ptr<const Expr>> needed(reached.begin(), reached.end());
    for (const Node& node : graph.nodes) {
      if (VariableOf(node) == nullptr) continue;
      bool is_needed = false;
      for (const ValueId id : node.outputs)
        is_needed |= id != kNoValue && needed.contains(values[id].expr());
      if (is_needed) continue;
      return InvalidArgument("node ", Quoted(node.name),
                             " uses a state variable, but none of the model's outputs needs it");
    }
    return absl::OkStatus();
  }

  const Model model_;
  const bool trainable_;
  std::vector<Value> stored_;  // by ValueId; absent where the value is no weight
  std::map<std::string, std::shared_ptr<const VariableSpec>, std::less<>> variables_;
};

}  // namespace

Layer ModelLayer(Model model, ModelLayerOptions options) {
  return MakeLayer<CalledModel>(std::move(model), std::move(options));
}

}  // namespace nomograph
