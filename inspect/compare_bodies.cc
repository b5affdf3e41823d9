#include "nomograph/inspect/compare_bodies.h"

#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/graph/call_graph.h"
#include "nomograph/core/graph/infer.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/run/session.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/names.h"
#include "nomograph/inspect/concrete_types.h"
#include "nomograph/inspect/random_tensor.h"

namespace nomograph {
namespace {

constexpr int64_t kBatch = 2;
constexpr double kRelative = 1e-4, kAbsolute = 1e-5;

bool HasBoth(const Node& node, const OpDef* op) {
  return op != nullptr && op->has_kernel() && !node.body.empty();
}

class Comparer {
 public:
  Comparer(const Model& model, const OpRegistry& registry, const ResolveOptions& options)
      : model_(model), registry_(registry), options_(options) {}

  void CompareGraph(Graph graph, const std::string& place) {
    const absl::Status typed = InferTypes(graph);
    weights_.clear();
    for (const Weight& weight : graph.weights) weights_[weight.value] = weight.tensor;
    for (const Node& node : graph.nodes) {
      const OpDef* op = registry_.Find(node.op, node.version);
      if (!HasBoth(node, op)) continue;
      const std::string where = absl::StrCat(place, NodePlace(node.name, node.op));
      const absl::Status comparable = typed.ok() ? CheckComparable(*op, node) : typed;
      if (!comparable.ok()) {
        AddNote(where, comparable);
        continue;
      }
      CompareNode(graph, node, *op, where);
    }
  }

  std::vector<Finding> TakeFindings() { return std::move(findings_); }

 private:
  void AddNote(const std::string& where, const absl::Status& why) {
    findings_.push_back({Finding::Kind::kNotCompared, where,
                         absl::StrCat("kernel and body were not compared: ", why.message())});
  }

  absl::Status InferTypes(Graph& graph) const {
    NOMO_ASSIGN_OR_RETURN(const std::vector<TensorType> inputs, ConcreteInputs(graph, {}, kBatch));
    for (size_t i = 0; i < inputs.size(); ++i) graph.values[graph.inputs[i]].type = inputs[i];
    return TypeInferrer(model_.functions, registry_).InferGraph(graph);
  }

  static absl::Status CheckComparable(const OpDef& op, const Node& node) {
    if (op.effects != Effects::kPure) {
      return absl::FailedPreconditionError(absl::StrCat("the op is ", EffectsName(op.effects)));
    }
    if (CallsFunctions(node.attrs)) {
      return absl::FailedPreconditionError("the op calls functions");
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<Tensor>> MakeInputs(const Graph& graph, const Node& node) const {
    std::vector<Tensor> inputs;
    for (const ValueId id : node.inputs) {
      if (id == kNoValue) return absl::FailedPreconditionError("an optional input is absent");
      const ValueInfo& value = graph.value(id);
      if (const auto weight = weights_.find(id); weight != weights_.end()) {
        inputs.push_back(weight->second);
        continue;
      }
      if (!value.type.shape.fully_known()) {
        return absl::FailedPreconditionError(
            absl::StrCat("the shape of input ", Quoted(value.name), " depends on data"));
      }
      NOMO_ASSIGN_OR_RETURN(Tensor tensor,
                            RandomTensor(value.type.dtype, value.type.shape.ToShape(),
                                         /*seed=*/0, value.name));
      inputs.push_back(std::move(tensor));
    }
    return inputs;
  }

  // The functions that the graph needs: there may be as many as nodes, and each node's body is a
  // model of its own here.
  FunctionLibrary FunctionsIn(const Graph& graph) const {
    FunctionLibrary functions;
    std::vector<const Graph*> waiting = {&graph};
    while (!waiting.empty()) {
      const Graph& next = *waiting.back();
      waiting.pop_back();
      for (const Node& node : next.nodes) {
        for (const std::string& name : NamedFunctions(node)) {
          const auto found = model_.functions.find(name);
          if (found == model_.functions.end() || !functions.insert(*found).second) continue;
          waiting.push_back(&found->second.graph);
        }
      }
    }
    return functions;
  }

  absl::StatusOr<std::vector<Tensor>> RunBody(const Node& node,
                                              const std::vector<Tensor>& inputs) const {
    const Graph& body = model_.functions.at(node.body).graph;
    Model model{.name = node.body, .graph = body, .functions = FunctionsIn(body)};
    NOMO_ASSIGN_OR_RETURN(const auto session,
                          Session::Create(std::move(model), {.exact = options_.exact,
                                                             .allowed_io = options_.allowed_io,
                                                             .registry = &registry_}));
    NamedTensors named;
    for (size_t i = 0; i < body.inputs.size(); ++i)
      named[body.value(body.inputs[i]).name] = inputs[i];
    NOMO_ASSIGN_OR_RETURN(const NamedTensors results, session->Run(named));
    std::vector<Tensor> outputs;
    for (const ValueId id : body.outputs) outputs.push_back(results.at(body.value(id).name));
    return outputs;
  }

  void CompareNode(const Graph& graph, const Node& node, const OpDef& op,
                   const std::string& where) {
    const auto inputs = MakeInputs(graph, node);
    if (!inputs.ok()) return AddNote(where, inputs.status());
    const auto expected = RunBody(node, *inputs);
    if (!expected.ok()) return AddNote(where, Annotate(expected.status(), "the body fails"));
    const auto actual =
        RunOp(op, *inputs, node.attrs,
              {.num_outputs = static_cast<int>(node.outputs.size()), .fast = !options_.exact});
    if (!actual.ok()) return AddNote(where, Annotate(actual.status(), "the kernel fails"));
    for (size_t i = 0; i < actual->size() && i < expected->size(); ++i) {
      const absl::Status close = AllClose((*actual)[i], (*expected)[i], kRelative, kAbsolute);
      if (close.ok()) continue;
      findings_.push_back({Finding::Kind::kBodyDiffers, where,
                           absl::StrCat("the kernel differs from body @", Shown(node.body),
                                        ", output ", i, ": ", close.message())});
    }
  }

  const Model& model_;
  const OpRegistry& registry_;
  const ResolveOptions& options_;
  absl::flat_hash_map<ValueId, Tensor> weights_;  // of the graph that is compared
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> CompareBodies(const Model& model, const OpRegistry& registry,
                                   const ResolveOptions& options) {
  Comparer comparer(model, registry, options);
  comparer.CompareGraph(model.graph, "");
  for (const auto& [name, function] : model.functions) {
    comparer.CompareGraph(function.graph, absl::StrCat("function @", Shown(name), ": "));
  }
  return comparer.TakeFindings();
}

int64_t CountComparableBodies(const Model& model, const OpRegistry& registry) {
  int64_t count = 0;
  const auto add = [&](const Graph& graph) {
    for (const Node& node : graph.nodes) {
      count += HasBoth(node, registry.Find(node.op, node.version));
    }
  };
  add(model.graph);
  for (const auto& [name, function] : model.functions) add(function.graph);
  return count;
}

}  // namespace nomograph
