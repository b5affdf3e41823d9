#include <algorithm>
#include <optional>

#include "nomograph/core/executor.h"
#include "nomograph/core/lower.h"

namespace nomograph {
namespace {

std::vector<TensorSpec> Specs(const LoweredGraph& graph, absl::Span<const ValueId> ids) {
  std::vector<TensorSpec> specs;
  for (const ValueId id : ids) {
    specs.push_back(id == kNoValue
                        ? TensorSpec{}
                        : TensorSpec{graph.types[id].dtype, graph.types[id].shape.ToShape(), {}});
  }
  return specs;
}

bool ShapesKnown(const LoweredGraph& graph, const LoweredNode& node) {
  const auto known = [&](ValueId id) {
    return id == kNoValue || graph.types[id].shape.fully_known();
  };
  return std::all_of(node.inputs.begin(), node.inputs.end(), known) &&
         std::all_of(node.outputs.begin(), node.outputs.end(), known);
}

// What `node` is as a post-op of the kernel that yields its input `fused_input`.
std::optional<PostOp> AskPostOp(const LoweredGraph& graph, const LoweredNode& node,
                                int fused_input) {
  if (!node.op->as_post_op || !node.post_ops.empty() || node.outputs.size() != 1 ||
      !ShapesKnown(graph, node)) {
    return std::nullopt;
  }
  // The kernel writes the post-op's result where its own would be.
  if (graph.types[node.outputs[0]] != graph.types[node.inputs[fused_input]]) return std::nullopt;
  const std::vector<TensorSpec> inputs = Specs(graph, node.inputs);
  const std::vector<TensorSpec> outputs = Specs(graph, node.outputs);
  return node.op->as_post_op({node.attrs, inputs, outputs[0], fused_input});
}

// Whether the producer's kernel takes `post_op` behind those that it has.
bool Takes(const LoweredGraph& graph, const LoweredNode& node, const LoweredNode& with_post_op,
           int threads) {
  if (!node.op->takes_post_ops || !ShapesKnown(graph, node)) return false;
  const std::vector<TensorSpec> inputs = Specs(graph, with_post_op.inputs);
  const std::vector<TensorSpec> outputs = Specs(graph, with_post_op.outputs);
  std::vector<Tensor> constants;
  for (const ValueId id : with_post_op.inputs)
    constants.push_back(id == kNoValue ? Tensor() : graph.constants[id]);
  return node.op->takes_post_ops({with_post_op.attrs, inputs, outputs, constants,
                                  with_post_op.post_ops,
                                  WorthwhileThreads(inputs, outputs, threads)});
}

}  // namespace

bool RemoveDeadNodes(LoweredGraph& graph) {
  std::vector<int> uses = graph.UseCounts();
  std::vector<bool> dead(graph.nodes.size(), false);
  bool changed = false;
  for (size_t n = graph.nodes.size(); n-- > 0;) {
    const LoweredNode& node = graph.nodes[n];
    const bool effect = node.op->effects == Effects::kStateful || node.op->effects == Effects::kIo;
    const bool used = std::any_of(node.outputs.begin(), node.outputs.end(),
                                  [&](ValueId id) { return uses[id] > 0; });
    // A function that a control-flow node calls may have effects of its own.
    const bool calls = std::any_of(node.attrs.begin(), node.attrs.end(), [](const auto& attr) {
      return attr.second.type() == AttrType::kFunction;
    });
    if (effect || used || calls) continue;
    dead[n] = changed = true;
    for (const ValueId id : node.inputs) {
      if (id != kNoValue) --uses[id];
    }
  }
  std::vector<LoweredNode> alive;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    if (!dead[n]) alive.push_back(std::move(graph.nodes[n]));
  }
  graph.nodes = std::move(alive);
  return changed;
}

bool FusePostOps(LoweredGraph& graph, int threads) {
  const std::vector<int> uses = graph.UseCounts();
  std::vector<int> producer(graph.types.size(), -1);
  std::vector<bool> gone(graph.nodes.size(), false);
  bool changed = false;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    LoweredNode& node = graph.nodes[n];
    for (const ValueId id : node.outputs) producer[id] = static_cast<int>(n);
    for (int i = 0; i < static_cast<int>(node.inputs.size()); ++i) {
      const ValueId input = node.inputs[i];
      if (input == kNoValue || producer[input] < 0 || uses[input] != 1) continue;
      LoweredNode& target = graph.nodes[producer[input]];
      if (target.outputs.size() != 1) continue;
      std::optional<PostOp> post_op = AskPostOp(graph, node, i);
      if (!post_op) continue;
      LoweredNode fused = target;
      fused.outputs = node.outputs;
      if (post_op->kind == PostOp::Kind::kBinary) {
        const ValueId other = node.inputs[1 - i];
        // Behind all inputs that the op can have, so that it is not taken for an absent one.
        fused.inputs.resize(std::max(fused.inputs.size(), fused.op->inputs.size()), kNoValue);
        post_op->input = static_cast<int>(fused.inputs.size());
        fused.inputs.push_back(other);
      }
      fused.post_ops.push_back(*post_op);
      fused.fused.push_back(node.name);
      if (!Takes(graph, target, fused, threads)) continue;
      // The fused node stands where the later one stood: its other operand exists by then.
      gone[producer[input]] = true;
      node = std::move(fused);
      producer[node.outputs[0]] = static_cast<int>(n);
      changed = true;
      break;
    }
  }
  std::vector<LoweredNode> kept;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    if (!gone[n]) kept.push_back(std::move(graph.nodes[n]));
  }
  graph.nodes = std::move(kept);
  return changed;
}

}  // namespace nomograph
