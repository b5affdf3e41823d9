#include "nomograph/core/lower.h"

#include "nomograph/core/eager.h"
#include "nomograph/core/escape.h"
#include "nomograph/core/expr.h"
#include "nomograph/core/infer.h"

namespace nomograph {
namespace {

constexpr int kMaxDepth = 64;

class Lowerer {
 public:
  Lowerer(const Model& model, const OpRegistry& registry, const ResolveOptions& options)
      : registry_(registry),
        options_(options),
        inferrer_(model.functions, registry),
        functions_(model.functions) {}

  absl::StatusOr<LoweredGraph> Run(const Graph& graph, absl::Span<const TensorType> inputs) {
    std::vector<ValueId> arguments;
    for (const TensorType& type : inputs) {
      arguments.push_back(type.dtype == DType::kInvalid ? kNoValue : out_.AddValue(type));
    }
    out_.inputs = arguments;
    NOMO_ASSIGN_OR_RETURN(out_.outputs, LowerBody(graph, arguments, "", functions_, 0));
    return std::move(out_);
  }

 private:
  // Writes a graph's nodes with `arguments` for its inputs; yields what its outputs are.
  absl::StatusOr<std::vector<ValueId>> LowerBody(const Graph& graph,
                                                 absl::Span<const ValueId> arguments,
                                                 const std::string& prefix,
                                                 const FunctionLibrary& functions, int depth) {
    if (depth > kMaxDepth)
      return InvalidArgument("bodies are nested more than ", kMaxDepth, " deep");
    std::vector<ValueId> ids(graph.values.size(), kNoValue);
    for (size_t i = 0; i < arguments.size(); ++i) ids[graph.inputs[i]] = arguments[i];
    for (const Weight& weight : graph.weights) ids[weight.value] = AddConstant(weight.tensor);
    for (const Node& node : graph.nodes) {
      NOMO_RETURN_IF_ERROR(Annotate(LowerNode(node, ids, prefix, functions, depth),
                                    absl::StrCat("node ", Quoted(absl::StrCat(prefix, node.name)),
                                                 " (", Shown(node.op), ")")));
    }
    std::vector<ValueId> outputs;
    for (const ValueId id : graph.outputs) outputs.push_back(ids[id]);
    return outputs;
  }

  ValueId AddConstant(const Tensor& tensor) {
    const ValueId id = out_.AddValue(tensor.type());
    out_.constants[id] = tensor;
    return id;
  }

  absl::Status LowerNode(const Node& node, std::vector<ValueId>& ids, const std::string& prefix,
                         const FunctionLibrary& functions, int depth) {
    const Resolution resolution = ResolveNode(node, registry_, options_);
    NOMO_RETURN_IF_ERROR(resolution.status);
    std::vector<ValueId> inputs;
    std::vector<TensorType> types;
    std::vector<Tensor> constants;
    for (const ValueId id : node.inputs) {
      inputs.push_back(id == kNoValue ? kNoValue : ids[id]);
      types.push_back(inputs.back() == kNoValue ? TensorType{} : out_.types[inputs.back()]);
      constants.push_back(inputs.back() == kNoValue ? Tensor() : out_.constants[inputs.back()]);
    }
    std::vector<ValueId> outputs;
    switch (resolution.as) {
      case ResolvedAs::kKernel: {
        NOMO_ASSIGN_OR_RETURN(
            outputs, LowerKernel(node, *resolution.op_def, prefix, inputs, types, constants));
        break;
      }
      case ResolvedAs::kBody: {
        const auto function = functions.find(node.body);
        if (function == functions.end())
          return InvalidArgument("there is no function @", node.body);
        NOMO_RETURN_IF_ERROR(CheckArguments(function->second.graph, types));
        NOMO_ASSIGN_OR_RETURN(
            outputs, LowerBody(function->second.graph, inputs, absl::StrCat(prefix, node.name, "/"),
                               functions, depth + 1));
        NOMO_RETURN_IF_ERROR(CheckDeclared(node, types, outputs));
        break;
      }
      case ResolvedAs::kTracedBody: {
        NOMO_ASSIGN_OR_RETURN(outputs,
                              LowerTraced(node, *resolution.op_def, prefix, inputs, types, depth));
        break;
      }
      case ResolvedAs::kNothing:
        return absl::InternalError("the op is not resolved");
    }
    if (outputs.size() < node.outputs.size()) {
      return InvalidArgument("expected ", node.outputs.size(), " outputs, the body yields ",
                             outputs.size());
    }
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] != kNoValue) ids[node.outputs[i]] = outputs[i];
    }
    return absl::OkStatus();
  }

  absl::Status CheckDeclared(const Node& node, absl::Span<const TensorType> inputs,
                             absl::Span<const ValueId> outputs) {
    std::vector<TensorType> types;
    for (const ValueId id : outputs) types.push_back(out_.types[id]);
    return CheckSignature(node, inputs, types);
  }

  static absl::Status CheckArguments(const Graph& graph, absl::Span<const TensorType> types) {
    if (graph.inputs.size() != types.size()) {
      return InvalidArgument("function @", Shown(graph.name), " takes ", graph.inputs.size(),
                             " inputs, found ", types.size());
    }
    for (size_t i = 0; i < types.size(); ++i) {
      const TensorType& declared = graph.values[graph.inputs[i]].type;
      if (declared.dtype != types[i].dtype || !Compatible(declared.shape, types[i].shape)) {
        return InvalidArgument("function @", Shown(graph.name), ": input ", i, ": expected ",
                               declared.ToString(), ", found ", types[i].ToString());
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<ValueId>> LowerTraced(const Node& node, const OpDef& op,
                                                   const std::string& prefix,
                                                   std::vector<ValueId> inputs,
                                                   absl::Span<const TensorType> types, int depth) {
    NOMO_ASSIGN_OR_RETURN(const Attributes attrs, ResolveAttributes(op.attrs, node.attrs));
    NOMO_ASSIGN_OR_RETURN(const auto traced, TraceOpBody(op, attrs, types));
    if (!traced->captured.empty())
      return InvalidArgument("the body of ", op.name, " uses values from outside of it");
    return LowerBody(traced->functions.at(traced->main).graph, inputs,
                     absl::StrCat(prefix, node.name, "/"), traced->functions, depth + 1);
  }

  absl::StatusOr<std::vector<ValueId>> LowerKernel(const Node& node, const OpDef& op,
                                                   const std::string& prefix,
                                                   const std::vector<ValueId>& inputs,
                                                   absl::Span<const TensorType> types,
                                                   absl::Span<const Tensor> constants) {
    NOMO_ASSIGN_OR_RETURN(const std::vector<TensorType> output_types,
                          inferrer_.InferOneNode(node, types, constants));
    std::vector<ValueId> outputs;
    if (auto folded = Fold(node, op, types, constants)) {
      for (const Tensor& tensor : *folded) outputs.push_back(AddConstant(tensor));
      return outputs;
    }
    for (const TensorType& type : output_types) outputs.push_back(out_.AddValue(type));
    NOMO_ASSIGN_OR_RETURN(Attributes attrs, ResolveAttributes(op.attrs, node.attrs));
    out_.nodes.push_back(
        {absl::StrCat(prefix, node.name), &op, std::move(attrs), inputs, outputs, {}, {}});
    return outputs;
  }

  // The outputs where they are constant. A fault is no fault yet: the node may never run (a branch
  // not taken).
  std::optional<std::vector<Tensor>> Fold(const Node& node, const OpDef& op,
                                          absl::Span<const TensorType> types,
                                          absl::Span<const Tensor> constants) {
    if (op.effects != Effects::kPure) return std::nullopt;
    const int num_outputs = static_cast<int>(node.outputs.size());
    if (op.fold) {
      auto attrs = ResolveAttributes(op.attrs, node.attrs);
      if (!attrs.ok()) return std::nullopt;
      auto folded = op.fold(InferContext(*attrs, types, constants, num_outputs));
      if (folded.ok() && !folded->empty()) return *std::move(folded);
    }
    if (!op.reference) return std::nullopt;
    for (const auto& [name, value] : node.attrs) {
      if (value.type() == AttrType::kFunction) return std::nullopt;  // needs a session
    }
    for (size_t i = 0; i < types.size(); ++i) {
      if (types[i].dtype != DType::kInvalid && !constants[i].valid()) return std::nullopt;
    }
    auto outputs =
        RunOp(op, constants, node.attrs, {.num_outputs = num_outputs, .fast = !options_.exact});
    if (!outputs.ok()) return std::nullopt;
    return *std::move(outputs);
  }

  const OpRegistry& registry_;
  const ResolveOptions& options_;
  TypeInferrer inferrer_;
  const FunctionLibrary& functions_;
  LoweredGraph out_;
};

}  // namespace

ValueId LoweredGraph::AddValue(TensorType type) {
  types.push_back(std::move(type));
  constants.emplace_back();
  return static_cast<ValueId>(types.size()) - 1;
}

std::vector<int> LoweredGraph::UseCounts() const {
  std::vector<int> counts(types.size(), 0);
  for (const LoweredNode& node : nodes) {
    for (const ValueId id : node.inputs) {
      if (id != kNoValue) ++counts[id];
    }
  }
  for (const ValueId id : outputs) ++counts[id];
  return counts;
}

absl::StatusOr<LoweredGraph> Lower(const Model& model, const Graph& graph,
                                   absl::Span<const TensorType> inputs, const OpRegistry& registry,
                                   const ResolveOptions& options) {
  return Lowerer(model, registry, options).Run(graph, inputs);
}

}  // namespace nomograph
