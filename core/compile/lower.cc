#include "nomograph/core/compile/lower.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_format.h"
#include "nomograph/core/build/expr.h"
#include "nomograph/core/graph/infer.h"
#include "nomograph/core/numeric/philox.h"
#include "nomograph/core/op/op.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/names.h"

namespace nomograph {
namespace {

// What one body adds to the graph in which it is inlined. A list can name one value any number of
// times: what is long beyond that of ordinary nodes counts too.
int64_t InlinedSize(const Graph& body) {
  constexpr size_t kUsualPorts = 8;  // of a node
  size_t ports = body.outputs.size();
  for (const Node& node : body.nodes) ports += node.inputs.size() + node.outputs.size();
  return static_cast<int64_t>(
      std::max({body.nodes.size(), body.values.size(), ports / kUsualPorts, size_t{1}}));
}

absl::Status TooManyNodes(int64_t found, int64_t limit) {
  return absl::ResourceExhaustedError(
      absl::StrCat("bodies are inlined: expected at most ", limit, " nodes in all, found ",
                   found >= CallGraphMeasure::kEndless / 2 ? "far more" : absl::StrCat(found)));
}

// The name of a node in a body, behind the calling node's. Names from a file may be long, and each
// level of nesting repeats them: of long ones a hash tells what they were.
std::string InlinedName(const std::string& prefix, const std::string& name) {
  constexpr size_t kMaxLength = 1024, kKept = 64;
  std::string full = absl::StrCat(prefix, name);
  if (prefix.empty() || full.size() <= kMaxLength) return full;
  return absl::StrFormat("%s~%016x", full.substr(0, kKept), StableHash(full));
}

class Lowerer {
 public:
  Lowerer(const Model& model, const OpRegistry& registry, const LowerOptions& options)
      : registry_(registry),
        options_(options),
        inferrer_(model.functions, registry),
        fold_(options.fold),
        functions_(model.functions) {}

  absl::StatusOr<LoweredGraph> Run(const Graph& graph, absl::Span<const TensorType> inputs) {
    NOMO_RETURN_IF_ERROR(CheckInlined(graph));
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
    if (depth > options_.max_depth)
      return InvalidArgument("bodies are nested more than ", options_.max_depth, " deep");
    if (depth > 0) NOMO_RETURN_IF_ERROR(CountInlined(graph));
    std::vector<ValueId> ids(graph.values.size(), kNoValue);
    for (size_t i = 0; i < arguments.size(); ++i) ids[graph.inputs[i]] = arguments[i];
    for (const Weight& weight : graph.weights) {
      ids[weight.value] = AddConstant(weight.tensor);
      if (weighed_.insert(weight.tensor.raw_data()).second) fold_.AddOwn(weight.tensor);
    }
    for (const Node& node : graph.nodes) {
      const absl::Status status = LowerNode(node, ids, prefix, functions, depth);
      if (!status.ok()) {
        return Annotate(status, NodePlace(absl::StrCat(prefix, node.name), node.op));
      }
    }
    std::vector<ValueId> outputs;
    for (const ValueId id : graph.outputs) {
      if (ids[id] == kNoValue) {
        return InvalidArgument("output ", Quoted(graph.values[id].name),
                               " is an input that is absent here");
      }
      outputs.push_back(ids[id]);
    }
    return outputs;
  }

  // What the model's own bodies come to, each counted once. Those that are traced are counted as
  // they are written.
  absl::Status CheckInlined(const Graph& graph) const {
    const auto bodies = [this](const Node& node) -> std::vector<std::string> {
      if (node.body.empty()) return {};
      const Resolution resolution = ResolveNode(node, registry_, options_.resolve);
      if (resolution.as != ResolvedAs::kBody) return {};
      return {node.body};
    };
    const auto called = [bodies](const Graph& g, CallGraphMeasure::Of of) {
      int64_t sum = 0;
      for (const Node& node : g.nodes) {
        for (const std::string& body : bodies(node)) sum = SaturatingAdd(sum, of(body));
      }
      return sum;
    };
    CallGraphMeasure size(functions_, bodies, [called](const Graph& g, CallGraphMeasure::Of of) {
      return SaturatingAdd(InlinedSize(g), called(g, of));
    });
    const int64_t inlined = size.OfGraph(graph) - InlinedSize(graph);
    if (inlined <= options_.max_inlined_nodes) return absl::OkStatus();
    return TooManyNodes(inlined, options_.max_inlined_nodes);
  }

  absl::Status CountInlined(const Graph& body) {
    inlined_ += InlinedSize(body);
    if (inlined_ <= options_.max_inlined_nodes) return absl::OkStatus();
    return TooManyNodes(inlined_, options_.max_inlined_nodes);
  }

  ValueId AddConstant(const Tensor& tensor) {
    const ValueId id = out_.AddValue(tensor.type());
    out_.constants[id] = tensor;
    return id;
  }

  absl::Status LowerNode(const Node& node, std::vector<ValueId>& ids, const std::string& prefix,
                         const FunctionLibrary& functions, int depth) {
    const Resolution resolution = ResolveNode(node, registry_, options_.resolve);
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
          return InvalidArgument("there is no function @", Shown(node.body));
        NOMO_RETURN_IF_ERROR(CheckArguments(function->second.graph, types));
        NOMO_ASSIGN_OR_RETURN(
            outputs, LowerBody(function->second.graph, inputs, InlinedName(prefix, node.name) + "/",
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
                     InlinedName(prefix, node.name) + "/", traced->functions, depth + 1);
  }

  absl::StatusOr<std::vector<ValueId>> LowerKernel(const Node& node, const OpDef& op,
                                                   const std::string& prefix,
                                                   const std::vector<ValueId>& inputs,
                                                   absl::Span<const TensorType> types,
                                                   absl::Span<const Tensor> constants) {
    NOMO_ASSIGN_OR_RETURN(const std::vector<TensorType> output_types,
                          inferrer_.InferOneNode(node, types, constants));
    NOMO_ASSIGN_OR_RETURN(Attributes attrs, ResolveAttributes(op.attrs, node.attrs));
    std::vector<ValueId> outputs;
    if (options_.resolve.exact || !op.folds_late) {
      const std::vector<Tensor> folded =
          FoldNode(op, InferContext(attrs, types, constants, static_cast<int>(output_types.size())),
                   output_types, fold_, !options_.resolve.exact);
      for (const Tensor& tensor : folded) outputs.push_back(AddConstant(tensor));
      if (!folded.empty()) return outputs;
    }
    for (const TensorType& type : output_types) outputs.push_back(out_.AddValue(type));
    out_.nodes.push_back(
        {InlinedName(prefix, node.name), &op, std::move(attrs), inputs, outputs, {}, {}});
    return outputs;
  }

  const OpRegistry& registry_;
  const LowerOptions& options_;
  TypeInferrer inferrer_;
  FoldBudget fold_;
  absl::flat_hash_set<const std::byte*> weighed_;  // weights that the budget counts
  const FunctionLibrary& functions_;
  int64_t inlined_ = 0;
  LoweredGraph out_;
};

}  // namespace

void LoweredNode::AddFused(const LoweredNode& node) {
  fused.push_back(node.name);
  fused.insert(fused.end(), node.fused.begin(), node.fused.end());
}

ValueId LoweredGraph::AddValue(TensorType type) {
  types.push_back(std::move(type));
  constants.emplace_back();
  return static_cast<ValueId>(types.size()) - 1;
}

void LoweredGraph::RemoveNodes(const std::vector<bool>& marked) {
  std::vector<LoweredNode> kept;
  for (size_t n = 0; n < nodes.size(); ++n) {
    if (!marked[n]) kept.push_back(std::move(nodes[n]));
  }
  nodes = std::move(kept);
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

std::vector<int> LoweredGraph::Producers() const {
  std::vector<int> producers(types.size(), -1);
  for (size_t n = 0; n < nodes.size(); ++n) {
    for (const ValueId id : nodes[n].outputs) producers[id] = static_cast<int>(n);
  }
  return producers;
}

absl::StatusOr<LoweredGraph> Lower(const Model& model, const Graph& graph,
                                   absl::Span<const TensorType> inputs, const OpRegistry& registry,
                                   const LowerOptions& options) {
  return Lowerer(model, registry, options).Run(graph, inputs);
}

}  // namespace nomograph
