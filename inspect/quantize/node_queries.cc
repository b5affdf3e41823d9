#include "nomograph/inspect/quantize/node_queries.h"

#include <utility>

#include "nomograph/core/graph/infer.h"
#include "nomograph/core/onednn/elementwise_loop.h"
#include "nomograph/core/types/status.h"

namespace nomograph {

// A node's inputs and outputs as hooks take them. Sizes that are open stand as 1: what hooks are
// asked here hangs on channels and constants.
struct NodeQueries::Operands {
  Operands(const NodeQueries& queries, const Node& node) {
    for (const ValueId id : node.inputs) {
      types.push_back(id == kNoValue ? TensorType{} : queries.graph_.value(id).type);
      constants.push_back(id == kNoValue ? Tensor() : queries.constants_[id]);
      inputs.push_back(Spec(types.back()));
    }
    for (const ValueId id : node.outputs) {
      outputs.push_back(id == kNoValue ? TensorSpec{} : Spec(queries.graph_.value(id).type));
    }
  }
  static TensorSpec Spec(const TensorType& type) {
    TensorSpec spec{type.dtype, {}};
    if (!type.shape.has_rank()) return spec;
    for (int i = 0; i < type.shape.rank(); ++i) {
      spec.shape.Append(type.shape[i].known() ? type.shape[i].size() : 1);
    }
    return spec;
  }
  std::vector<TensorType> types;
  std::vector<Tensor> constants;
  std::vector<TensorSpec> inputs, outputs;
};

NodeQueries::NodeQueries(const Model& model, const OpRegistry& registry)
    : graph_(model.graph),
      constants_(model.graph.values.size()),
      producers_(model.graph.values.size(), -1),
      readers_(model.graph.values.size(), -1),
      uses_(model.graph.values.size(), 0) {
  for (const Node& node : graph_.nodes) {
    const OpDef* op = registry.Find(node.op, node.version);
    auto attrs = op == nullptr ? Attributes() : ResolveAttributes(op->attrs, node.attrs);
    ops_.push_back(attrs.ok() ? op : nullptr);
    attrs_.push_back(attrs.ok() ? *std::move(attrs) : Attributes());
  }
}

absl::StatusOr<NodeQueries> NodeQueries::Create(const Model& model, const OpRegistry& registry) {
  NodeQueries queries(model, registry);
  const Graph& graph = model.graph;
  const TypeInferrer inferrer(model.functions, registry, {.fold = {}});
  for (const Weight& weight : graph.weights) {
    queries.constants_[weight.value] = weight.tensor;
    inferrer.fold_budget().AddOwn(weight.tensor);
  }
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    const Operands operands(queries, node);
    for (const ValueId id : node.inputs) {
      if (id == kNoValue) continue;
      ++queries.uses_[id];
      queries.readers_[id] = static_cast<int>(n);
    }
    for (const ValueId id : node.outputs) {
      if (id != kNoValue) queries.producers_[id] = static_cast<int>(n);
    }
    const auto typed = inferrer.TypeNode(node, operands.types, operands.constants);
    if (!typed.ok() || typed->constants.size() != node.outputs.size()) continue;
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] != kNoValue) queries.constants_[node.outputs[i]] = typed->constants[i];
    }
  }
  for (const ValueId id : graph.outputs) queries.uses_[id] += 2;
  return queries;
}

int NodeQueries::OnlyReader(ValueId id) const { return uses_[id] == 1 ? readers_[id] : -1; }

std::optional<QuantizedInputs> NodeQueries::Quantized(int node) const {
  const OpDef* op = ops_[node];
  if (op == nullptr || !op->quantized_inputs || graph_.nodes[node].outputs.size() != 1) {
    return std::nullopt;
  }
  const Operands operands(*this, graph_.nodes[node]);
  return op->quantized_inputs(InferContext(attrs_[node], operands.types, operands.constants, 1));
}

std::optional<ChannelAffine> NodeQueries::Affine(int node, int input) const {
  const OpDef* op = ops_[node];
  if (op == nullptr || !op->as_affine || graph_.nodes[node].outputs.size() != 1) {
    return std::nullopt;
  }
  const Operands operands(*this, graph_.nodes[node]);
  if (operands.inputs[input].shape != operands.outputs[0].shape) return std::nullopt;
  return op->as_affine(
      FusionQuery{attrs_[node], operands.inputs, operands.constants, operands.outputs[0], input});
}

std::vector<Tensor> NodeQueries::Absorbed(int node, const ChannelAffine& affine) const {
  const OpDef* op = ops_[node];
  if (op == nullptr || !op->absorb_affine) return {};
  const Operands operands(*this, graph_.nodes[node]);
  return op->absorb_affine(PrepareContext{.attrs = attrs_[node],
                                          .inputs = operands.inputs,
                                          .outputs = operands.outputs,
                                          .constants = operands.constants,
                                          .post_ops = {}},
                           affine);
}

bool NodeQueries::IsBound(int node) const {
  const OpDef* op = ops_[node];
  if (op == nullptr || !op->as_post_op || graph_.nodes[node].outputs.size() != 1) return false;
  const Operands operands(*this, graph_.nodes[node]);
  const std::optional<PostOp> post_op = op->as_post_op(FusionQuery{
      attrs_[node], operands.inputs, operands.constants, operands.outputs[0], /*fused_input=*/0});
  if (!post_op) return false;
  const std::optional<VectorStep> step = onednn::StepOf(*post_op);
  return step && step->kind == VectorStep::Kind::kClip;
}

}  // namespace nomograph
