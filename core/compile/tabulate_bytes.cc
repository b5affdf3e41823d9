#include "nomograph/core/compile/tabulate_bytes.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "nomograph/core/compile/specs.h"
#include "nomograph/core/op/eager.h"

namespace nomograph {
namespace {

bool IsByte(DType dtype) { return dtype == DType::kInt8 || dtype == DType::kUInt8; }

class Tabulator {
 public:
  explicit Tabulator(const LoweredGraph& graph)
      : graph_(graph), uses_(graph.UseCounts()), producers_(graph.Producers()) {}

  // The nodes from the one that dequantises to the one that quantises, number `last`; empty where
  // it is no such chain, or nothing stands between them.
  std::vector<int> ChainTo(int last) const {
    constexpr size_t kMost = 8;
    if (!ChangesScale(graph_.nodes[last], "quant.QuantizeLinear") || !YieldsBytes(last)) return {};
    std::vector<int> chain = {last};
    while (chain.size() < kMost) {
      const ValueId from = graph_.nodes[chain.back()].inputs[0];
      const int n = from == kNoValue ? -1 : producers_[from];
      if (n < 0) return {};
      const LoweredNode& node = graph_.nodes[n];
      if (ChangesScale(node, "quant.DequantizeLinear")) {
        if (chain.size() < 2 || node.inputs[0] == kNoValue ||
            !IsByte(graph_.types[node.inputs[0]].dtype)) {
          return {};
        }
        chain.push_back(n);
        std::reverse(chain.begin(), chain.end());
        return chain;
      }
      if (uses_[from] != 1 || !IsElementwise(node)) return {};
      chain.push_back(n);
    }
    return {};
  }

  // The bytes that come of all bytes, from the least one on; none where they cannot be computed.
  std::optional<Tensor> Table(const std::vector<int>& chain) const {
    const DType dtype = graph_.types[graph_.nodes[chain[0]].inputs[0]].dtype;
    Tensor values(dtype, {256});
    std::byte* const bytes = values.mutable_raw_data();
    for (int i = 0; i < 256; ++i) {
      bytes[i] = static_cast<std::byte>(dtype == DType::kInt8 ? i - 128 : i);
    }
    for (const int n : chain) {
      const LoweredNode& node = graph_.nodes[n];
      std::vector<Tensor> inputs = {values};
      for (size_t i = 1; i < node.inputs.size(); ++i) {
        inputs.push_back(node.inputs[i] == kNoValue ? Tensor() : graph_.constants[node.inputs[i]]);
      }
      auto yields = RunOp(*node.op, inputs, node.attrs, {.fast = true});
      if (!yields.ok() || (*yields)[0].shape() != values.shape()) return std::nullopt;
      values = std::move((*yields)[0]);
    }
    return values;
  }

 private:
  bool OthersAreSingle(const LoweredNode& node) const {
    return std::all_of(node.inputs.begin() + 1, node.inputs.end(), [&](ValueId id) {
      return id == kNoValue ||
             (graph_.constants[id].valid() && graph_.constants[id].num_elements() == 1);
    });
  }
  // By one scale and one zero point.
  bool ChangesScale(const LoweredNode& node, absl::string_view op) const {
    return node.op->name == op && node.post_ops.empty() && node.outputs.size() == 1 &&
           OthersAreSingle(node);
  }
  bool YieldsBytes(int n) const { return IsByte(graph_.types[graph_.nodes[n].outputs[0]].dtype); }

  // What could be applied to each element of a kernel's output, by itself.
  bool IsElementwise(const LoweredNode& node) const {
    if (!node.op->as_post_op || node.op->effects != Effects::kPure || !node.post_ops.empty() ||
        node.outputs.size() != 1 || node.inputs[0] == kNoValue || !OthersAreSingle(node) ||
        graph_.types[node.inputs[0]] != graph_.types[node.outputs[0]] ||
        !graph_.types[node.inputs[0]].shape.fully_known()) {
      return false;
    }
    const NodeSpecs specs(graph_, node);
    const std::optional<PostOp> post_op = node.op->as_post_op(
        FusionQuery{node.attrs, specs.inputs, specs.constants, specs.inputs[0], /*fused_input=*/0});
    return post_op && post_op->kind == PostOp::Kind::kEltwise;
  }

  const LoweredGraph& graph_;
  const std::vector<int> uses_;
  std::vector<int> producers_;
};

}  // namespace

bool TabulateBytes(LoweredGraph& graph, const OpRegistry& registry) {
  const OpDef* const look_up = registry.Find("quant.LookUp");
  if (look_up == nullptr) return false;
  const Tabulator tabulator(graph);
  bool changed = false;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const std::vector<int> chain = tabulator.ChainTo(static_cast<int>(n));
    if (chain.empty()) continue;
    const std::optional<Tensor> table = tabulator.Table(chain);
    if (!table) continue;
    LoweredNode& last = graph.nodes[n];
    LoweredNode node{
        .name = last.name, .op = look_up, .outputs = last.outputs, .fused = last.fused};
    for (const int taken : chain) {
      if (taken != static_cast<int>(n)) node.AddFused(graph.nodes[taken]);
    }
    const ValueId entries = graph.AddValue(table->type());
    graph.constants[entries] = *table;
    node.inputs = {graph.nodes[chain[0]].inputs[0], entries};
    last = std::move(node);
    changed = true;
  }
  if (changed) RemoveDeadNodes(graph);
  return changed;
}

}  // namespace nomograph
