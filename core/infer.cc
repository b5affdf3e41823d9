#include "nomograph/core/infer.h"

#include "nomograph/core/eager.h"
#include "nomograph/core/escape.h"

namespace nomograph {
namespace {

constexpr int kMaxDepth = 64;
// Constants up to this size are computed during inference, because shapes may depend on them.
constexpr int64_t kMaxFoldedElements = 4096;

std::string Where(const Node& node) {
  return absl::StrCat("node ", Quoted(node.name), " (", Shown(node.op), ")");
}

// A declaration and what was found, where they differ; "" where they agree.
std::string Difference(absl::string_view what, size_t index, const TensorType& declared,
                       const TensorType& found) {
  if (declared.dtype == found.dtype && Compatible(declared.shape, found.shape)) return "";
  return absl::StrCat(what, " ", index, " is declared as ", declared.ToString(), " but is ",
                      found.ToString(), " here");
}

// The outputs where they follow from small constants alone; empty otherwise.
std::vector<Tensor> FoldNode(const OpDef& op, const Node& node, const InferContext& infer,
                             absl::Span<const Tensor> constants,
                             absl::Span<const TensorType> types) {
  if (op.effects != Effects::kPure) return {};
  if (op.fold) {
    auto folded = op.fold(infer);
    if (folded.ok() && !folded->empty()) return *std::move(folded);
  }
  if (!op.reference || node.inputs.empty()) return {};
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (node.inputs[i] != kNoValue && !constants[i].valid()) return {};
  }
  for (const TensorType& type : types) {
    if (type.shape.fully_known() && type.shape.ToShape().num_elements() > kMaxFoldedElements)
      return {};
  }
  auto outputs =
      RunOp(op, constants, node.attrs, {.num_outputs = static_cast<int>(node.outputs.size())});
  return outputs.ok() ? *std::move(outputs) : std::vector<Tensor>{};
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
  std::vector<TensorType> types;
  if (const OpDef* op = registry_.Find(node.op, node.version); op != nullptr) {
    NOMO_ASSIGN_OR_RETURN(const Attributes attrs, ResolveAttributes(op->attrs, node.attrs));
    InferContext context(attrs, inputs, constants, static_cast<int>(node.outputs.size()));
    const InferContext::FunctionInferrer infer_function =
        [this](const std::string& name, absl::Span<const TensorType> types) {
          return InferFunction(name, types);
        };
    context.set_function_inferrer(&infer_function);
    NOMO_ASSIGN_OR_RETURN(types, InferNode(*op, context));
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
  return types;
}

absl::StatusOr<std::vector<TensorType>> TypeInferrer::InferFunction(
    const std::string& function, absl::Span<const TensorType> inputs) const {
  const auto it = functions_.find(function);
  if (it == functions_.end())
    return absl::NotFoundError(absl::StrCat("there is no function @", Shown(function)));
  Graph graph = it->second.graph;
  if (graph.inputs.size() != inputs.size()) {
    return InvalidArgument("function @", Shown(function), " takes ", graph.inputs.size(),
                           " inputs, found ", inputs.size());
  }
  if (depth_ >= kMaxDepth)
    return InvalidArgument("functions are nested more than ", kMaxDepth, " deep");
  for (size_t i = 0; i < inputs.size(); ++i) {
    const TensorType& declared = graph.values[graph.inputs[i]].type;
    if (declared.dtype != inputs[i].dtype || !Compatible(declared.shape, inputs[i].shape)) {
      return InvalidArgument("function @", Shown(function), ": input ", i, ": expected ",
                             declared.ToString(), ", found ", inputs[i].ToString());
    }
  }
  // What a value inside had was inferred for the declared inputs, so only the producers' word
  // counts now.
  for (ValueInfo& value : graph.values) value.type.shape = PartialShape();
  for (const Weight& weight : graph.weights) graph.values[weight.value].type = weight.tensor.type();
  for (size_t i = 0; i < inputs.size(); ++i) graph.values[graph.inputs[i]].type = inputs[i];
  ++depth_;
  const absl::Status status = InferGraph(graph);
  --depth_;
  NOMO_RETURN_IF_ERROR(Annotate(status, absl::StrCat("function @", Shown(function))));
  std::vector<TensorType> outputs;
  for (const ValueId id : graph.outputs) outputs.push_back(graph.values[id].type);
  return outputs;
}

absl::Status TypeInferrer::InferGraph(Graph& graph) const {
  ErrorList errors;
  std::vector<Tensor> constants(graph.values.size());
  for (const Weight& weight : graph.weights) {
    if (weight.tensor.num_elements() <= kMaxFoldedElements) constants[weight.value] = weight.tensor;
  }
  for (const Node& node : graph.nodes) {
    std::vector<TensorType> inputs;
    std::vector<Tensor> known;
    bool typed = true;
    for (const ValueId id : node.inputs) {
      inputs.push_back(id == kNoValue ? TensorType{} : graph.values[id].type);
      known.push_back(id == kNoValue ? Tensor() : constants[id]);
      typed &= id == kNoValue || inputs.back().dtype != DType::kInvalid;
    }
    if (!typed) continue;  // behind a fault, or behind an op of which nothing is known
    auto types = InferOneNode(node, inputs, known);
    if (!types.ok()) {
      errors.Add(types.status(), Where(node));
      for (const ValueId id : node.outputs) {
        if (id != kNoValue) graph.values[id].type = {};
      }
      continue;
    }
    if (const OpDef* op = registry_.Find(node.op, node.version)) {
      auto attrs = ResolveAttributes(op->attrs, node.attrs);
      const InferContext context(*attrs, inputs, known, static_cast<int>(node.outputs.size()));
      std::vector<Tensor> folded = FoldNode(*op, node, context, known, *types);
      for (size_t i = 0; i < folded.size(); ++i) {
        if (node.outputs[i] != kNoValue) constants[node.outputs[i]] = std::move(folded[i]);
      }
    }
    for (size_t i = 0; i < types->size(); ++i) {
      if (node.outputs[i] == kNoValue) continue;
      // Of an op that is not known here, what the file declares is all that is known.
      if ((*types)[i].dtype == DType::kInvalid) continue;
      ValueInfo& value = graph.values[node.outputs[i]];
      if (value.type.dtype != DType::kInvalid && value.type.dtype != (*types)[i].dtype) {
        errors.Add(InvalidArgument("value ", Quoted(value.name), " is declared as ",
                                   value.type.ToString(), " but is ", (*types)[i].ToString()),
                   Where(node));
      }
      auto merged = Merge((*types)[i].shape, value.type.shape);
      errors.Add(merged.status(), absl::StrCat(Where(node), ": value ", Quoted(value.name)));
      value.type = {(*types)[i].dtype, merged.ok() ? *merged : (*types)[i].shape};
    }
  }
  return errors.ToStatus("types do not fit");
}

}  // namespace nomograph
