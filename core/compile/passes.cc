// The passes over lowered graphs: dead nodes go, affine maps go into weights, elementwise nodes
// become post-ops. They ask ops through the hooks of OpDef.
#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>

#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "nomograph/core/compile/lower.h"
#include "nomograph/core/compile/specs.h"
#include "nomograph/core/compile/tuning.h"
#include "nomograph/core/graph/call_graph.h"
#include "nomograph/core/io/mapped_file.h"

namespace nomograph {
namespace {

bool ShapesKnown(const LoweredGraph& graph, const LoweredNode& node) {
  const auto known = [&](ValueId id) {
    return id == kNoValue || graph.types[id].shape.fully_known();
  };
  return std::all_of(node.inputs.begin(), node.inputs.end(), known) &&
         std::all_of(node.outputs.begin(), node.outputs.end(), known);
}

// A node that another one may take in, as its hooks are asked about it: once for each input, which
// may be many, and so what they are told is gathered once.
class Consumer {
 public:
  Consumer(const LoweredGraph& graph, const LoweredNode& node) : graph_(graph), node_(node) {}

  // REQUIRES: the node's shapes are known. Valid as long as this object and the node.
  FusionQuery At(int fused_input) {
    if (!specs_) specs_.emplace(graph_, node_);
    return {node_.attrs, specs_->inputs, specs_->constants, specs_->outputs[0], fused_input};
  }

 private:
  const LoweredGraph& graph_;
  const LoweredNode& node_;
  std::optional<NodeSpecs> specs_;
};

// What the hook `ask` says of the node as it would be prepared. `form`: null where it is estimated.
template <typename Ask>
auto AskAsProducer(const LoweredGraph& graph, const LoweredNode& node, int threads,
                   const NodeForm* form, Ask ask) {
  const NodeSpecs specs(graph, node);
  return AskInForm(form, [&] { return ask(specs.Context(node, threads, form)); });
}

// What one node takes in at most, so that a long chain is not copied at every link. As many
// post-ops are oneDNN's limit.
constexpr size_t kMaxFused = 32;

// For each node and each input that nothing else uses: `merge(producer, node, consumer, input)` is
// the producer as it does the node's work, too, or nothing. The types of the input and of the
// node's output are the same, with known shapes.
using Merge = absl::FunctionRef<std::optional<LoweredNode>(
    const LoweredNode& producer, const LoweredNode& node, Consumer& consumer, int input)>;
bool MergeIntoProducers(LoweredGraph& graph, Merge merge) {
  const std::vector<int> uses = graph.UseCounts();
  std::vector<int> producer = graph.Producers();
  std::vector<bool> gone(graph.nodes.size(), false);
  std::vector<size_t> merges(graph.nodes.size(), 0);  // into each node
  bool changed = false;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    LoweredNode& node = graph.nodes[n];
    if (node.outputs.size() != 1 || !node.post_ops.empty() || !ShapesKnown(graph, node)) continue;
    Consumer consumer(graph, node);
    for (int i = 0; i < static_cast<int>(node.inputs.size()); ++i) {
      const ValueId input = node.inputs[i];
      if (input == kNoValue || producer[input] < 0 || uses[input] != 1) continue;
      const LoweredNode& target = graph.nodes[producer[input]];
      if (merges[producer[input]] >= kMaxFused || target.outputs.size() != 1 ||
          !ShapesKnown(graph, target) || graph.types[node.outputs[0]] != graph.types[input]) {
        continue;
      }
      std::optional<LoweredNode> merged = merge(target, node, consumer, i);
      if (!merged) continue;
      // It stands where the later one stood: all that it uses exists by then.
      merged->outputs = node.outputs;
      merged->AddFused(node);
      merges[n] = merges[producer[input]] + 1;
      gone[producer[input]] = true;
      node = *std::move(merged);
      producer[node.outputs[0]] = static_cast<int>(n);
      changed = true;
      break;
    }
  }
  graph.RemoveNodes(gone);
  return changed;
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
    if (effect || used || CallsFunctions(node.attrs)) continue;
    dead[n] = changed = true;
    for (const ValueId id : node.inputs) {
      if (id != kNoValue) --uses[id];
    }
  }
  graph.RemoveNodes(dead);
  return changed;
}

bool BypassViews(LoweredGraph& graph) {
  std::vector<ValueId> same(graph.types.size());
  std::iota(same.begin(), same.end(), ValueId{0});
  bool changed = false;
  for (LoweredNode& node : graph.nodes) {
    for (ValueId& id : node.inputs) {
      if (id == kNoValue || same[id] == id) continue;
      id = same[id];
      changed = true;
    }
    if (!node.op->is_view || node.op->effects != Effects::kPure || node.outputs.size() != 1 ||
        node.inputs.empty() || node.inputs[0] == kNoValue) {
      continue;
    }
    const ValueId from = node.inputs[0], to = node.outputs[0];
    const bool alone = std::all_of(node.inputs.begin() + 1, node.inputs.end(), [&](ValueId id) {
      return id == kNoValue || graph.constants[id].valid();
    });
    if (alone && graph.types[from] == graph.types[to] && graph.types[to].shape.fully_known()) {
      same[to] = from;
    }
  }
  return changed;
}

bool AbsorbPadding(LoweredGraph& graph) {
  const std::vector<int> producers = graph.Producers();
  bool changed = false;
  for (LoweredNode& node : graph.nodes) {
    if (!node.op->absorb_padding || node.outputs.size() != 1 || !ShapesKnown(graph, node)) continue;
    const int p = producers[node.inputs[0]];
    if (p < 0 || !graph.nodes[p].op->padding) continue;
    const LoweredNode& pads = graph.nodes[p];
    const ValueId inner = pads.inputs[0];
    if (!ShapesKnown(graph, pads)) continue;
    std::optional<Padding> padding =
        pads.op->padding(Operands(graph, pads.inputs).Context(pads.attrs));
    if (!padding) continue;
    const bool bounded = producers[inner] >= 0 && graph.nodes[producers[inner]].outputs[0] == inner;
    const double least = bounded ? graph.nodes[producers[inner]].op->least
                                 : -std::numeric_limits<double>::infinity();
    padding->is_least = padding->value <= least;
    Operands operands(graph, node.inputs);
    std::optional<Attributes> attrs =
        node.op->absorb_padding(operands.Context(node.attrs), *padding);
    if (!attrs) continue;
    operands.types[0] = graph.types[inner];
    const auto types = node.op->infer(operands.Context(*attrs));
    if (!types.ok() || (*types)[0] != graph.types[node.outputs[0]]) continue;
    node.attrs = *std::move(attrs);
    node.inputs[0] = inner;
    node.AddFused(pads);
    changed = true;
  }
  return changed;
}

bool AbsorbAffines(LoweredGraph& graph) {
  return MergeIntoProducers(
      graph,
      [&](const LoweredNode& producer, const LoweredNode& node, Consumer& consumer,
          int input) -> std::optional<LoweredNode> {
        if (!node.op->as_affine || !producer.op->absorb_affine || !producer.post_ops.empty()) {
          return std::nullopt;
        }
        const std::optional<ChannelAffine> affine = node.op->as_affine(consumer.At(input));
        if (!affine) return std::nullopt;
        const std::vector<Tensor> constants =
            AskAsProducer(graph, producer, 1, nullptr, [&](const PrepareContext& context) {
              return producer.op->absorb_affine(context, *affine);
            });
        if (constants.empty()) return std::nullopt;
        LoweredNode merged = producer;
        merged.inputs.resize(std::max(merged.inputs.size(), constants.size()), kNoValue);
        for (size_t i = 0; i < constants.size(); ++i) {
          if (!constants[i].valid()) continue;
          // What it is made of is read no more, unless by another node.
          const Tensor given =
              merged.inputs[i] == kNoValue ? Tensor() : graph.constants[merged.inputs[i]];
          if (given.valid()) {
            MappedFile::GiveBack(given.raw_data(), static_cast<size_t>(given.num_bytes()));
          }
          merged.inputs[i] = graph.AddValue(constants[i].type());
          graph.constants[merged.inputs[i]] = constants[i];
        }
        return merged;
      });
}

bool FoldLate(LoweredGraph& graph, const FoldLimits& limits) {
  const auto folds_late = [](const LoweredNode& node) { return node.op->folds_late; };
  if (std::none_of(graph.nodes.begin(), graph.nodes.end(), folds_late)) return false;
  FoldBudget budget(limits);
  absl::flat_hash_set<const std::byte*> own;
  for (const Tensor& constant : graph.constants) {
    if (constant.valid() && own.insert(constant.raw_data()).second) budget.AddOwn(constant);
  }
  std::vector<bool> late(graph.types.size(), false), gone(graph.nodes.size(), false);
  bool changed = false;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const LoweredNode& node = graph.nodes[n];
    const auto is_late = [&](ValueId id) { return id != kNoValue && late[id]; };
    if (!folds_late(node) && std::none_of(node.inputs.begin(), node.inputs.end(), is_late)) {
      continue;
    }
    const Operands inputs(graph, node.inputs), outputs(graph, node.outputs);
    const InferContext context(node.attrs, inputs.types, inputs.constants,
                               static_cast<int>(node.outputs.size()));
    const std::vector<Tensor> folded =
        FoldNode(*node.op, context, outputs.types, budget, /*fast=*/true);
    if (folded.empty()) continue;
    for (size_t i = 0; i < folded.size(); ++i) {
      graph.constants[node.outputs[i]] = folded[i];
      late[node.outputs[i]] = true;
    }
    gone[n] = changed = true;
  }
  graph.RemoveNodes(gone);
  return changed;
}

bool FusePostOps(LoweredGraph& graph, int threads, const Tuning* tuning) {
  return MergeIntoProducers(
      graph,
      [&](const LoweredNode& producer, const LoweredNode& node, Consumer& consumer,
          int input) -> std::optional<LoweredNode> {
        if (!node.op->as_post_op || !producer.op->MayTakePostOps()) return std::nullopt;
        std::optional<PostOp> post_op = node.op->as_post_op(consumer.At(input));
        if (!post_op) return std::nullopt;
        LoweredNode fused = producer;
        if (post_op->kind == PostOp::Kind::kBinary) {
          // Behind all inputs that the op can have, so that it is not taken for an absent one.
          fused.inputs.resize(std::max(fused.inputs.size(), fused.op->inputs.size()), kNoValue);
          post_op->input = static_cast<int>(fused.inputs.size());
          fused.inputs.push_back(node.inputs[1 - input]);
        }
        fused.post_ops.push_back(*post_op);
        const NodeForm* const form =
            tuning == nullptr ? nullptr : tuning->Find(FormKey(graph, fused, threads));
        const bool takes = AskAsProducer(
            graph, fused, threads, form,
            [&](const PrepareContext& context) { return producer.op->TakesPostOps(context); });
        if (!takes) return std::nullopt;
        return fused;
      });
}

}  // namespace nomograph
