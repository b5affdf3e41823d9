#include "nomograph/core/graph/infer.h"

#include <algorithm>

#include "nomograph/core/op/op.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/names.h"

namespace nomograph {
namespace {

// A declaration and what was found, where they differ; "" where they agree.
std::string Difference(absl::string_view what, size_t index, const TensorType& declared,
                       const TensorType& found) {
  if (declared.dtype == found.dtype && Compatible(declared.shape, found.shape)) return "";
  return absl::StrCat(what, " ", index, " is declared as ", declared.ToString(), " but is ",
                      found.ToString(), " here");
}

// How deep the functions that typing a graph follows are nested: bodies where the op is not known,
// and those that attributes name.
int64_t DepthOf(const Graph& graph, const CallGraphMeasure::Callees& callees,
                CallGraphMeasure::Of of) {
  int64_t depth = 0;
  for (const Node& node : graph.nodes) {
    for (const std::string& callee : callees(node)) depth = std::max(depth, of(callee));
  }
  return SaturatingAdd(depth, 1);
}

CallGraphMeasure Depth(const FunctionLibrary& functions, const OpRegistry& registry) {
  const auto callees = [&registry](const Node& node) {
    std::vector<std::string> names = NamedFunctions(node);
    if (!node.body.empty() && registry.Find(node.op, node.version) != nullptr) {
      names.erase(names.begin());
    }
    return names;
  };
  return CallGraphMeasure(functions, callees,
                          [callees](const Graph& graph, CallGraphMeasure::Of of) {
                            return DepthOf(graph, callees, of);
                          });
}

std::string KeyOf(absl::Span<const TensorType> types) {
  std::string key;
  for (const TensorType& type : types) absl::StrAppend(&key, type.ToString(), ";");
  return key;
}

}  // namespace

absl::Status CheckSignature(const Node& node, absl::Span<const TensorType> inputs,
                            absl::Span<const TensorType> outputs) {
  if (!node.signature) return absl::OkStatus();
  const Signature& declared = *node.signature;
  ErrorList errors;
  if (declared.inputs.size() != inputs.size()) {
    errors.Add(
        InvalidArgument("it declares ", declared.inputs.size(), " inputs but has ", inputs.size()));
  }
  if (declared.outputs.size() != outputs.size()) {
    errors.Add(InvalidArgument("it declares ", declared.outputs.size(), " outputs but has ",
                               outputs.size()));
  }
  for (size_t i = 0; i < std::min(declared.inputs.size(), inputs.size()); ++i) {
    const std::string text = Difference("input", i, declared.inputs[i], inputs[i]);
    if (!text.empty()) errors.Add(InvalidArgument(text));
  }
  for (size_t i = 0; i < std::min(declared.outputs.size(), outputs.size()); ++i) {
    const std::string text = Difference("output", i, declared.outputs[i], outputs[i]);
    if (!text.empty()) errors.Add(InvalidArgument(text));
  }
  return errors.ToStatus("the declared signature differs");
}

absl::StatusOr<std::vector<TensorType>> TypeInferrer::InferOneNode(
    const Node& node, absl::Span<const TensorType> inputs,
    absl::Span<const Tensor> constants) const {
  NOMO_ASSIGN_OR_RETURN(NodeTypes result, TypeNode(node, inputs, constants, false));
  return std::move(result.types);
}

absl::StatusOr<TypeInferrer::NodeTypes> TypeInferrer::TypeNode(
    const Node& node, absl::Span<const TensorType> inputs,
    absl::Span<const Tensor> constants) const {
  return TypeNode(node, inputs, constants, true);
}

bool TypeInferrer::Knows(const Node& node) const {
  return !node.body.empty() || registry_.Find(node.op, node.version) != nullptr;
}

absl::StatusOr<TypeInferrer::NodeTypes> TypeInferrer::TypeNode(const Node& node,
                                                               absl::Span<const TensorType> inputs,
                                                               absl::Span<const Tensor> constants,
                                                               bool fold) const {
  NodeTypes result;
  std::vector<TensorType>& types = result.types;
  ++nodes_typed_;
  if (const OpDef* op = registry_.Find(node.op, node.version); op != nullptr) {
    NOMO_ASSIGN_OR_RETURN(const Attributes attrs, ResolveAttributes(op->attrs, node.attrs));
    InferContext context(attrs, inputs, constants, static_cast<int>(node.outputs.size()));
    const InferContext::FunctionInferrer infer_function =
        [this](const std::string& name, absl::Span<const TensorType> types) {
          return InferFunction(name, types);
        };
    context.set_function_inferrer(&infer_function);
    NOMO_ASSIGN_OR_RETURN(types, InferNode(*op, context));
    if (fold) result.constants = FoldNode(*op, context, types, fold_);
  } else if (!node.body.empty()) {
    NOMO_ASSIGN_OR_RETURN(types, InferFunction(node.body, inputs));
  } else if (node.signature) {
    types = node.signature->outputs;
  } else {
    types.resize(node.outputs.size());
  }
  NOMO_RETURN_IF_ERROR(CheckSignature(node, inputs, types));
  if (types.size() != node.outputs.size()) {
    return InvalidArgument("expected ", types.size(), " outputs, found ", node.outputs.size());
  }
  return result;
}

TypeInferrer::TypeInferrer(const FunctionLibrary& functions, const OpRegistry& registry,
                           const InferLimits& limits)
    : functions_(functions),
      registry_(registry),
      limits_(limits),
      fold_(limits.fold),
      depth_(Depth(functions, registry)) {}

const TypeInferrer::Types* TypeInferrer::Find(const Known& known,
                                              absl::Span<const TensorType> inputs,
                                              const std::string& key) const {
  const auto bucket = known.types.find(key);
  if (bucket == known.types.end()) return nullptr;
  // A symbol may be written like a number: the key alone does not tell.
  for (const auto& [types, result] : bucket->second) {
    if (absl::MakeConstSpan(types) == inputs) return &result;
  }
  return nullptr;
}

absl::StatusOr<std::vector<TensorType>> TypeInferrer::InferFunction(
    const std::string& function, absl::Span<const TensorType> inputs) const {
  const auto it = functions_.find(function);
  if (it == functions_.end())
    return absl::NotFoundError(absl::StrCat("there is no function @", Shown(function)));
  const Graph& graph = it->second.graph;
  if (graph.inputs.size() != inputs.size()) {
    return InvalidArgument("function @", Shown(function), ": expected ", graph.inputs.size(),
                           " inputs, found ", inputs.size());
  }
  if (depth_.OfFunction(function) > limits_.max_depth)
    return InvalidArgument("functions are nested more than ", limits_.max_depth, " deep");
  for (size_t i = 0; i < inputs.size(); ++i) {
    const TensorType& declared = graph.values[graph.inputs[i]].type;
    if (declared.dtype != inputs[i].dtype || !Compatible(declared.shape, inputs[i].shape)) {
      return InvalidArgument("function @", Shown(function), ": input ", i, ": expected ",
                             declared.ToString(), ", found ", inputs[i].ToString());
    }
  }
  std::vector<TensorType> types(inputs.begin(), inputs.end());
  std::string key = KeyOf(types);
  // Not held across InferFunctionGraph(), which may add functions.
  const Known& known = known_[function];
  if (const Types* found = Find(known, types, key)) return *found;
  if (!known.types.empty()) {
    const int64_t count = static_cast<int64_t>(graph.nodes.size());
    if (nodes_repeated_ + count > limits_.max_repeated_nodes) {
      for (TensorType& type : types) type.shape = PartialShape();
      key = KeyOf(types);
      if (const Types* found = Find(known, types, key)) return *found;
    }
    nodes_repeated_ += count;
  }
  Types outputs = InferFunctionGraph(graph, types);
  if (!outputs.ok())
    outputs = Annotate(outputs.status(), absl::StrCat("function @", Shown(function)));
  known_[function].types[key].emplace_back(std::move(types), outputs);
  return outputs;
}

absl::StatusOr<std::vector<TensorType>> TypeInferrer::InferFunctionGraph(
    Graph graph, absl::Span<const TensorType> inputs) const {
  // What a value inside had was inferred for the declared inputs, so only the producers' word
  // counts now.
  for (ValueInfo& value : graph.values) value.type.shape = PartialShape();
  for (const Weight& weight : graph.weights) graph.values[weight.value].type = weight.tensor.type();
  for (size_t i = 0; i < inputs.size(); ++i) graph.values[graph.inputs[i]].type = inputs[i];
  NOMO_RETURN_IF_ERROR(InferGraph(graph));
  std::vector<TensorType> outputs;
  for (const ValueId id : graph.outputs) outputs.push_back(graph.values[id].type);
  return outputs;
}

absl::Status TypeInferrer::InferGraph(Graph& graph) const {
  ErrorList errors;
  std::vector<Tensor> constants(graph.values.size());
  for (const Weight& weight : graph.weights) {
    if (weight.tensor.num_elements() > limits_.fold.max_elements) continue;
    constants[weight.value] = weight.tensor;
    fold_.AddOwn(weight.tensor);
  }
  for (const Node& node : graph.nodes) {
    std::vector<TensorType> inputs;
    std::vector<Tensor> known;
    bool all_typed = true;
    for (const ValueId id : node.inputs) {
      inputs.push_back(id == kNoValue ? TensorType{} : graph.values[id].type);
      known.push_back(id == kNoValue ? Tensor() : constants[id]);
      all_typed &= id == kNoValue || inputs.back().dtype != DType::kInvalid;
    }
    if (!all_typed) continue;  // behind a fault, or behind an op of which nothing is known
    auto typed = TypeNode(node, inputs, known);
    if (!typed.ok()) {
      errors.Add(typed.status(), NodePlace(node.name, node.op));
      for (const ValueId id : node.outputs) {
        if (id != kNoValue) graph.values[id].type = {};
      }
      continue;
    }
    std::vector<Tensor>& folded = typed->constants;
    for (size_t i = 0; i < std::min(folded.size(), node.outputs.size()); ++i) {
      if (node.outputs[i] != kNoValue) constants[node.outputs[i]] = std::move(folded[i]);
    }
    const std::vector<TensorType>& types = typed->types;
    for (size_t i = 0; i < types.size(); ++i) {
      if (node.outputs[i] == kNoValue) continue;
      // Of an op that is not known here, what the file declares is all that is known.
      if (types[i].dtype == DType::kInvalid) continue;
      ValueInfo& value = graph.values[node.outputs[i]];
      if (value.type.dtype != DType::kInvalid && value.type.dtype != types[i].dtype) {
        errors.Add(InvalidArgument("value ", Quoted(value.name), " is declared as ",
                                   value.type.ToString(), " but is ", types[i].ToString()),
                   NodePlace(node.name, node.op));
      }
      auto merged = Merge(types[i].shape, value.type.shape);
      if (!merged.ok()) {
        errors.Add(merged.status(),
                   absl::StrCat(NodePlace(node.name, node.op), ": value ", Quoted(value.name)));
      }
      value.type = {types[i].dtype, merged.ok() ? *merged : types[i].shape};
    }
  }
  return errors.ToStatus("types do not fit");
}

}  // namespace nomograph
