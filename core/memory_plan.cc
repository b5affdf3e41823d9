#include "nomograph/core/memory_plan.h"

#include <algorithm>

namespace nomograph {
namespace {

constexpr int64_t kAlignment = 64;

int64_t RoundUp(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// A root's memory is needed from the node that writes it to the last node that reads it or one of
// its views.
struct Lifetime {
  ValueId root;
  int first, last;
  int64_t bytes;
  int64_t offset = -1;
};

class Planner {
 public:
  explicit Planner(const LoweredGraph& graph) : graph_(graph), last_use_(graph.types.size(), -1) {
    plan_.values.resize(graph.types.size());
    plan_.is_view.assign(graph.nodes.size(), false);
  }

  MemoryPlan Run() {
    for (size_t v = 0; v < graph_.types.size(); ++v) {
      ValuePlan& value = plan_.values[v];
      value.root = static_cast<ValueId>(v);
      if (graph_.constants[v].valid()) value.storage = Storage::kConstant;
    }
    for (const ValueId id : graph_.inputs) {
      if (id != kNoValue) plan_.values[id].storage = Storage::kInput;
    }
    FindLastUses();
    for (size_t n = 0; n < graph_.nodes.size(); ++n) PlaceOutputs(static_cast<int>(n));
    AssignOffsets();
    return std::move(plan_);
  }

 private:
  int64_t Bytes(ValueId id) const {
    return graph_.types[id].shape.ToShape().num_elements() * DTypeSize(graph_.types[id].dtype);
  }
  bool Known(ValueId id) const { return graph_.types[id].shape.fully_known(); }
  bool IsOutput(ValueId id) const {
    return std::find(graph_.outputs.begin(), graph_.outputs.end(), id) != graph_.outputs.end();
  }

  void FindLastUses() {
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      for (const ValueId id : graph_.nodes[n].inputs) {
        if (id != kNoValue) last_use_[id] = static_cast<int>(n);
      }
    }
    for (const ValueId id : graph_.outputs) last_use_[id] = static_cast<int>(graph_.nodes.size());
  }

  void PlaceOutputs(int n) {
    const LoweredNode& node = graph_.nodes[n];
    if (TryView(n) || TryInPlace(n)) return;
    for (const ValueId id : node.outputs) {
      if (!Known(id)) continue;  // kDynamic
      plan_.values[id].storage = IsOutput(id) ? Storage::kResult : Storage::kArena;
      if (!IsOutput(id))
        lifetimes_.push_back({id, n, std::max(n, last_use_[id]), RoundUp(Bytes(id))});
    }
  }

  // Makes `output` share `input`'s memory, which is then needed as long as either.
  void Share(ValueId output, ValueId input) {
    const ValueId root = plan_.values[input].root;
    plan_.values[output] = plan_.values[input];
    plan_.values[output].root = root;
    for (Lifetime& lifetime : lifetimes_) {
      if (lifetime.root == root) lifetime.last = std::max(lifetime.last, last_use_[output]);
    }
    last_use_[root] = std::max(last_use_[root], last_use_[output]);
  }

  bool TryView(int n) {
    const LoweredNode& node = graph_.nodes[n];
    if (!node.op->is_view || !node.post_ops.empty()) return false;
    const ValueId input = node.inputs[0], output = node.outputs[0];
    const Storage storage = plan_.values[input].storage;
    // A caller's result is a tensor of its own, and what is allocated during the run has no address
    // yet.
    if (!Known(input) || !Known(output) || IsOutput(output) || storage == Storage::kDynamic)
      return false;
    Share(output, input);
    plan_.is_view[n] = true;
    return true;
  }

  bool TryInPlace(int n) {
    const LoweredNode& node = graph_.nodes[n];
    if (!node.op->in_place || node.outputs.size() != 1) return false;
    const ValueId output = node.outputs[0];
    if (!Known(output) || IsOutput(output)) return false;
    for (const ValueId input : node.inputs) {
      if (input == kNoValue || plan_.values[input].storage != Storage::kArena) continue;
      const ValueId root = plan_.values[input].root;
      // Of the same shape, so that every element is read before it is overwritten; read by nobody
      // later; and not read under another shape by this node.
      if (graph_.types[input].shape != graph_.types[output].shape || Bytes(input) != Bytes(output))
        continue;
      if (last_use_[root] != n || last_use_[input] != n) continue;
      const bool read_otherwise =
          std::any_of(node.inputs.begin(), node.inputs.end(), [&](ValueId other) {
            return other != kNoValue && plan_.values[other].root == root &&
                   graph_.types[other].shape != graph_.types[output].shape;
          });
      if (read_otherwise) continue;
      Share(output, input);
      return true;
    }
    return false;
  }

  // Largest first, each at the lowest offset where nothing that lives at the same time lies.
  void AssignOffsets() {
    std::stable_sort(lifetimes_.begin(), lifetimes_.end(),
                     [](const Lifetime& a, const Lifetime& b) { return a.bytes > b.bytes; });
    std::vector<const Lifetime*> placed;  // in the order of offsets
    for (Lifetime& lifetime : lifetimes_) {
      int64_t offset = 0;
      for (const Lifetime* other : placed) {
        if (other->last < lifetime.first || lifetime.last < other->first) continue;
        if (offset + lifetime.bytes <= other->offset) break;
        offset = std::max(offset, other->offset + other->bytes);
      }
      lifetime.offset = offset;
      plan_.arena_bytes = std::max(plan_.arena_bytes, offset + lifetime.bytes);
      placed.insert(std::upper_bound(
                        placed.begin(), placed.end(), &lifetime,
                        [](const Lifetime* a, const Lifetime* b) { return a->offset < b->offset; }),
                    &lifetime);
    }
    std::vector<int64_t> offsets(plan_.values.size(), 0);
    std::vector<int64_t> alive(graph_.nodes.size() + 2, 0);
    for (const Lifetime& lifetime : lifetimes_) {
      offsets[lifetime.root] = lifetime.offset;
      alive[lifetime.first] += lifetime.bytes;
      alive[lifetime.last + 1] -= lifetime.bytes;
    }
    for (ValuePlan& value : plan_.values) {
      if (value.storage == Storage::kArena) value.offset = offsets[value.root];
    }
    int64_t now = 0;
    for (const int64_t change : alive) plan_.peak_bytes = std::max(plan_.peak_bytes, now += change);
  }

  const LoweredGraph& graph_;
  MemoryPlan plan_;
  std::vector<int> last_use_;
  std::vector<Lifetime> lifetimes_;
};

}  // namespace

MemoryPlan PlanMemory(const LoweredGraph& graph) { return Planner(graph).Run(); }

}  // namespace nomograph
