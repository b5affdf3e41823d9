#include "nomograph/core/graph/model.h"

#include <algorithm>
#include <cmath>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "nomograph/core/graph/call_graph.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/memory.h"
#include "nomograph/core/types/status.h"

namespace nomograph {
namespace {

class ModelVerifier {
 public:
  explicit ModelVerifier(const Model& model) : model_(model) {}

  absl::Status Run() {
    CheckGraph(model_.graph, "graph");
    for (const auto& [name, function] : model_.functions)
      CheckGraph(function.graph, FunctionPlace(name));
    CheckRecursion();
    CheckVariables();
    const Ports inputs = PortsOf(model_.graph.inputs), outputs = PortsOf(model_.graph.outputs);
    for (const GoldenVector& golden : model_.golden_vectors) {
      const std::string place = absl::StrCat("golden vector ", Quoted(golden.name));
      CheckGoldenInputs(golden, inputs, place);
      CheckGoldenOutputs(golden, outputs, place);
    }
    for (const LayerInfo& layer : model_.layers) CheckLayer(layer);
    return errors_.ToStatus("the model is not valid");
  }

 private:
  // By name, in an order, so that the first that is missing is always the same.
  using Ports = absl::btree_map<absl::string_view, const TensorType*>;
  Ports PortsOf(const std::vector<ValueId>& ids) const {
    Ports ports;
    for (const ValueId id : ids) {
      if (InRange(id)) ports.emplace(model_.graph.values[id].name, &model_.graph.values[id].type);
    }
    return ports;
  }

  static std::string FunctionPlace(absl::string_view name) {
    return absl::StrCat("function @", Shown(name));
  }

  void CheckGraph(const Graph& graph, absl::string_view place) {
    errors_.Add(VerifyGraph(graph), place);
    for (const Node& node : graph.nodes) {
      for (const std::string& name : NamedFunctions(node)) {
        if (!model_.functions.contains(name)) {
          errors_.Add(InvalidArgument(place, ": node ", Quoted(node.name),
                                      ": there is no function @", Shown(name)));
        }
      }
    }
  }

  // A function that reaches itself would never end. An explicit stack: the depth comes from a file.
  void CheckRecursion() {
    enum Mark { kNew, kOpen, kDone };
    absl::flat_hash_map<std::string, Mark> marks;
    for (const auto& [start, unused] : model_.functions) {
      std::vector<std::pair<std::string, bool>> stack = {{start, false}};
      while (!stack.empty()) {
        const auto [name, leaving] = stack.back();
        stack.pop_back();
        Mark& mark = marks[name];
        if (leaving) {
          mark = kDone;
          continue;
        }
        if (mark == kDone || !model_.functions.contains(name)) continue;
        if (mark == kOpen) {
          errors_.Add(InvalidArgument(FunctionPlace(name), " calls itself"));
          return;
        }
        mark = kOpen;
        stack.emplace_back(name, true);
        for (const Node& node : model_.functions.at(name).graph.nodes) {
          for (const std::string& callee : NamedFunctions(node)) {
            if (marks[callee] != kDone) stack.emplace_back(callee, false);
          }
        }
      }
    }
  }

  void CheckVariables() {
    absl::flat_hash_set<absl::string_view> names;
    for (const Variable& variable : model_.variables) {
      if (!names.insert(variable.name).second) {
        errors_.Add(InvalidArgument("two variables are named ", Quoted(variable.name)));
      }
      if (!variable.initial.valid()) {
        errors_.Add(InvalidArgument("variable ", Quoted(variable.name), " has no initial value"));
      }
    }
  }

  void CheckGoldenTensor(const Tensor& tensor, const TensorType& type, absl::string_view place) {
    if (tensor.dtype() != type.dtype || !Matches(tensor.shape(), type.shape)) {
      errors_.Add(InvalidArgument(place, ": expected ", type.ToString(), ", found ",
                                  tensor.type().ToString()));
      return;
    }
    for (int64_t i = 0; kFloats.Contains(tensor.dtype()) && i < tensor.num_elements(); ++i) {
      if (std::isnan(tensor.AsDouble(i))) {
        errors_.Add(InvalidArgument(place, ": element ", i, " is NaN"));
        return;
      }
    }
  }

  void CheckGoldenInputs(const GoldenVector& golden, const Ports& inputs, absl::string_view place) {
    size_t found = 0;
    for (const auto& [name, tensor] : golden.inputs) {
      const auto input = inputs.find(name);
      if (input == inputs.end()) {
        errors_.Add(InvalidArgument(place, ": the model has no input ", Quoted(name)));
        continue;
      }
      ++found;
      CheckGoldenTensor(tensor, *input->second, absl::StrCat(place, ": input ", Quoted(name)));
    }
    if (found == inputs.size()) return;
    // One stands for all: many vectors may lack many inputs.
    const auto missing = std::find_if(inputs.begin(), inputs.end(), [&](const auto& input) {
      return !golden.inputs.contains(input.first);
    });
    const size_t others = inputs.size() - found - 1;
    errors_.Add(InvalidArgument(place, ": input ", Quoted(missing->first), " is missing",
                                others == 0 ? "" : absl::StrCat(", and ", others, " more")));
  }

  void CheckGoldenOutputs(const GoldenVector& golden, const Ports& outputs,
                          absl::string_view place) {
    if (golden.outputs.empty()) errors_.Add(InvalidArgument(place, " has no outputs"));
    for (const auto& [name, output] : golden.outputs) {
      const std::string output_place = absl::StrCat(place, ": output ", Quoted(name));
      const auto found = outputs.find(name);
      if (found == outputs.end()) {
        errors_.Add(InvalidArgument(place, ": the model has no output ", Quoted(name)));
      } else {
        CheckGoldenTensor(output.expected, *found->second, output_place);
      }
      CheckTolerance("rtol", output.rtol, output_place);
      CheckTolerance("atol", output.atol, output_place);
    }
  }

  // An infinite one would let every value pass.
  void CheckTolerance(absl::string_view name, double tolerance, absl::string_view place) {
    if (tolerance >= 0 && std::isfinite(tolerance)) return;
    errors_.Add(InvalidArgument(place, ": expected ", name,
                                " to be finite and not negative, found ", tolerance));
  }

  void CheckLayer(const LayerInfo& layer) {
    for (const ValueId id : layer.outputs) {
      if (!InRange(id))
        errors_.Add(InvalidArgument("layer ", Quoted(layer.name), ": there is no value ", id));
    }
  }

  bool InRange(ValueId id) const {
    return id >= 0 && id < static_cast<ValueId>(model_.graph.values.size());
  }

  const Model& model_;
  ErrorList errors_;
};

const Weight* FindWeightByName(const Graph& graph, absl::string_view name) {
  for (const Weight& weight : graph.weights) {
    if (graph.values[weight.value].name == name) return &weight;
  }
  return nullptr;
}

absl::Status NoSuchWeight(const Graph& graph, absl::string_view name) {
  std::vector<std::string> names;
  for (const Weight& weight : graph.weights) names.push_back(graph.values[weight.value].name);
  return absl::NotFoundError(
      absl::StrCat("the model has no weight ", Quoted(name), DidYouMean(name, names)));
}

}  // namespace

absl::Status VerifyModel(const Model& model) { return ModelVerifier(model).Run(); }

absl::StatusOr<Tensor> Model::GetWeight(absl::string_view weight) const {
  const Weight* found = FindWeightByName(graph, weight);
  if (found == nullptr) return NoSuchWeight(graph, weight);
  return TryClone(found->tensor);
}

absl::Status Model::SetWeight(absl::string_view weight, const Tensor& tensor) {
  const Weight* found = FindWeightByName(graph, weight);
  if (found == nullptr) return NoSuchWeight(graph, weight);
  if (tensor.dtype() != found->tensor.dtype() || tensor.shape() != found->tensor.shape()) {
    return InvalidArgument("weight ", Quoted(weight), ": expected ",
                           found->tensor.type().ToString(), ", found ", tensor.type().ToString());
  }
  NOMO_ASSIGN_OR_RETURN(const_cast<Weight*>(found)->tensor, TryClone(tensor));
  return absl::OkStatus();
}

ParameterCount CountParameters(const Graph& graph) {
  ParameterCount count;
  for (const Weight& weight : graph.weights) {
    (weight.trainable ? count.trainable : count.other) += weight.tensor.num_elements();
  }
  return count;
}

ParameterCount CountParameters(const Model& model) {
  ParameterCount count = CountParameters(model.graph);
  for (const auto& [name, function] : model.functions) {
    const ParameterCount inside = CountParameters(function.graph);
    count.trainable += inside.trainable;
    count.other += inside.other;
  }
  return count;
}

}  // namespace nomograph
