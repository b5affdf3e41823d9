// Nodes that compute the same from the same values become one. Gradients need it: the derivative of
// an op that is written with others writes those anew.
#include <algorithm>
#include <cstring>

#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "nomograph/core/compile/lower.h"
#include "nomograph/core/graph/call_graph.h"

namespace nomograph {
namespace {

// Constants that are larger are equal only where they share their memory.
constexpr int64_t kMaxComparedBytes = 256;

std::string KeyOf(const Tensor& constant) {
  std::string key = constant.type().ToString();
  const auto bytes = static_cast<size_t>(constant.num_bytes());
  if (constant.num_bytes() <= kMaxComparedBytes) {
    key.append(reinterpret_cast<const char*>(constant.raw_data()), bytes);
  } else {
    const std::byte* place = constant.raw_data();
    key.append(reinterpret_cast<const char*>(&place), sizeof(place));
  }
  return key;
}

class Merger {
 public:
  explicit Merger(LoweredGraph& graph) : graph_(graph), same_(graph.types.size()) {
    for (size_t id = 0; id < same_.size(); ++id) same_[id] = static_cast<ValueId>(id);
  }

  bool Run() {
    MergeConstants();
    std::vector<bool> is_output(graph_.types.size(), false), gone(graph_.nodes.size(), false);
    for (const ValueId id : graph_.outputs) is_output[id] = true;
    bool changed = false;
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      LoweredNode& node = graph_.nodes[n];
      for (ValueId& id : node.inputs) {
        if (id != kNoValue) id = same_[id];
      }
      if (!MayMerge(node, is_output)) continue;
      const auto [known, is_new] = nodes_.try_emplace(HashOf(node), std::vector<size_t>());
      const auto twin = std::find_if(known->second.begin(), known->second.end(), [&](size_t other) {
        return Equal(graph_.nodes[other], node);
      });
      if (twin == known->second.end()) {
        known->second.push_back(n);
        continue;
      }
      for (size_t i = 0; i < node.outputs.size(); ++i)
        same_[node.outputs[i]] = graph_.nodes[*twin].outputs[i];
      gone[n] = changed = true;
    }
    graph_.RemoveNodes(gone);
    return changed;
  }

 private:
  void MergeConstants() {
    absl::flat_hash_map<std::string, ValueId> known;
    for (size_t id = 0; id < same_.size(); ++id) {
      const Tensor& constant = graph_.constants[id];
      if (!constant.valid()) continue;
      same_[id] = known.try_emplace(KeyOf(constant), static_cast<ValueId>(id)).first->second;
    }
  }

  static bool MayMerge(const LoweredNode& node, const std::vector<bool>& is_output) {
    if (node.op->effects != Effects::kPure || !node.post_ops.empty()) return false;
    for (const ValueId id : node.outputs) {
      if (id == kNoValue || is_output[id]) return false;
    }
    // A function may have effects, and a tensor is large.
    return !CallsFunctions(node.attrs) &&
           std::none_of(node.attrs.begin(), node.attrs.end(),
                        [](const auto& attr) { return attr.second.type() == AttrType::kTensor; });
  }

  static size_t HashOf(const LoweredNode& node) {
    return absl::HashOf(node.op, node.inputs, node.outputs.size(), node.attrs.ToString());
  }

  bool Equal(const LoweredNode& a, const LoweredNode& b) const {
    if (a.op != b.op || a.inputs != b.inputs || a.outputs.size() != b.outputs.size() ||
        !(a.attrs == b.attrs)) {
      return false;
    }
    for (size_t i = 0; i < a.outputs.size(); ++i) {
      if (graph_.types[a.outputs[i]] != graph_.types[b.outputs[i]]) return false;
    }
    return true;
  }

  LoweredGraph& graph_;
  std::vector<ValueId> same_;  // by ValueId: the first value that is equal
  absl::flat_hash_map<size_t, std::vector<size_t>> nodes_;
};

}  // namespace

bool MergeEqualNodes(LoweredGraph& graph) { return Merger(graph).Run(); }

}  // namespace nomograph
