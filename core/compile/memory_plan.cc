#include "nomograph/core/compile/memory_plan.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

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

// For each lifetime those that begin while it lasts, or with which it begins. Empty where these are
// more pairs than `max_pairs`.
std::vector<std::vector<int>> Overlaps(const std::vector<Lifetime>& lifetimes, int64_t max_pairs) {
  std::vector<int> order(lifetimes.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
  std::stable_sort(order.begin(), order.end(),
                   [&](int a, int b) { return lifetimes[a].first < lifetimes[b].first; });
  std::vector<std::vector<int>> overlaps(lifetimes.size());
  std::set<std::pair<int, int>> alive;  // by the last node, and which
  for (const int i : order) {
    while (!alive.empty() && alive.begin()->first < lifetimes[i].first) alive.erase(alive.begin());
    max_pairs -= static_cast<int64_t>(alive.size());
    if (max_pairs < 0) return {};
    for (const auto& [last, other] : alive) {
      overlaps[i].push_back(other);
      overlaps[other].push_back(i);
    }
    alive.emplace(lifetimes[i].last, i);
  }
  return overlaps;
}

// Largest first, each at the lowest offset where nothing that lives at the same time lies.
void PlaceLargestFirst(std::vector<Lifetime>& lifetimes,
                       const std::vector<std::vector<int>>& overlaps) {
  std::vector<int> order(lifetimes.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
  std::stable_sort(order.begin(), order.end(),
                   [&](int a, int b) { return lifetimes[a].bytes > lifetimes[b].bytes; });
  std::vector<std::pair<int64_t, int64_t>> taken;  // from, to
  for (const int i : order) {
    taken.clear();
    for (const int other : overlaps[i]) {
      const Lifetime& placed = lifetimes[other];
      if (placed.offset >= 0) taken.emplace_back(placed.offset, placed.offset + placed.bytes);
    }
    std::sort(taken.begin(), taken.end());
    int64_t offset = 0;
    for (const auto& [from, to] : taken) {
      if (offset + lifetimes[i].bytes <= from) break;
      offset = std::max(offset, to);
    }
    lifetimes[i].offset = offset;
  }
}

// The free parts of an arena that grows at its end.
class FreeList {
 public:
  // The smallest part that is large enough; of those that are equal the lowest.
  int64_t Take(int64_t bytes) {
    auto best = by_size_.lower_bound({bytes, 0});
    if (best == by_size_.end()) {
      // The last part where it ends with the arena, which grows.
      int64_t offset = end_;
      if (!by_offset_.empty()) {
        const auto last = std::prev(by_offset_.end());
        if (last->first + last->second == end_) {
          offset = last->first;
          Erase(last);
        }
      }
      end_ = offset + bytes;
      return offset;
    }
    const auto [size, offset] = *best;
    Erase(by_offset_.find(offset));
    if (size > bytes) Insert(offset + bytes, size - bytes);
    return offset;
  }

  void Give(int64_t offset, int64_t bytes) {
    if (bytes == 0) return;
    auto next = by_offset_.lower_bound(offset);
    if (next != by_offset_.end() && next->first == offset + bytes) {
      bytes += next->second;
      next = Erase(next);
    }
    if (next != by_offset_.begin()) {
      const auto before = std::prev(next);
      if (before->first + before->second == offset) {
        offset = before->first;
        bytes += before->second;
        Erase(before);
      }
    }
    Insert(offset, bytes);
  }

 private:
  using Parts = std::map<int64_t, int64_t>;  // offset -> bytes

  void Insert(int64_t offset, int64_t bytes) {
    by_offset_.emplace(offset, bytes);
    by_size_.emplace(bytes, offset);
  }
  Parts::iterator Erase(Parts::iterator part) {
    by_size_.erase({part->second, part->first});
    return by_offset_.erase(part);
  }

  Parts by_offset_;
  std::set<std::pair<int64_t, int64_t>> by_size_;  // bytes, offset
  int64_t end_ = 0;
};

// In the order of time, each where it fits best among what is free by then.
void PlaceInTime(std::vector<Lifetime>& lifetimes) {
  std::vector<int> order(lifetimes.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
  std::stable_sort(order.begin(), order.end(),
                   [&](int a, int b) { return lifetimes[a].first < lifetimes[b].first; });
  std::set<std::pair<int, int>> alive;  // by the last node, and which
  FreeList free;
  for (const int i : order) {
    while (!alive.empty() && alive.begin()->first < lifetimes[i].first) {
      const Lifetime& over = lifetimes[alive.begin()->second];
      free.Give(over.offset, over.bytes);
      alive.erase(alive.begin());
    }
    lifetimes[i].offset = free.Take(lifetimes[i].bytes);
    alive.emplace(lifetimes[i].last, i);
  }
}

class Planner {
 public:
  explicit Planner(const LoweredGraph& graph)
      : graph_(graph),
        last_use_(graph.types.size(), -1),
        is_output_(graph.types.size(), false),
        lifetime_of_(graph.types.size(), -1) {
    for (const ValueId id : graph.outputs) is_output_[id] = true;
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
    FindVariableWrites();
    for (size_t n = 0; n < graph_.nodes.size(); ++n) PlaceOutputs(static_cast<int>(n));
    AssignOffsets();
    return std::move(plan_);
  }

 private:
  int64_t Bytes(ValueId id) const {
    return graph_.types[id].shape.ToShape().num_elements() * DTypeSize(graph_.types[id].dtype);
  }
  bool Known(ValueId id) const { return graph_.types[id].shape.fully_known(); }
  bool IsOutput(ValueId id) const { return is_output_[id]; }

  void FindLastUses() {
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      for (const ValueId id : graph_.nodes[n].inputs) {
        if (id != kNoValue) last_use_[id] = static_cast<int>(n);
      }
    }
    for (const ValueId id : graph_.outputs) last_use_[id] = static_cast<int>(graph_.nodes.size());
  }

  // The variable of which the node is a view; null for all other nodes.
  static const std::string* ViewedVariable(const LoweredNode& node) {
    if (!node.op->is_view || !node.inputs.empty()) return nullptr;
    return node.attrs.Find("variable")->As<std::string>();
  }

  // The first node that may write to each variable: one with an effect on state that names it, or
  // one that calls a function, whatever that does.
  void FindVariableWrites() {
    const int end = static_cast<int>(graph_.nodes.size());
    first_call_ = end;
    bool any = false;
    for (const LoweredNode& node : graph_.nodes) any |= ViewedVariable(node) != nullptr;
    if (!any) return;
    for (int n = end - 1; n >= 0; --n) {
      const LoweredNode& node = graph_.nodes[n];
      const bool writes = node.op->effects == Effects::kStateful && ViewedVariable(node) == nullptr;
      for (const auto& [attr, value] : node.attrs) {
        if (value.type() == AttrType::kFunction) first_call_ = n;
        const auto* name = value.As<std::string>();
        if (writes && name != nullptr) first_write_[*name] = n;
      }
    }
    // A use of a view is one of what it views.
    last_use_through_views_ = last_use_;
    for (int n = end - 1; n >= 0; --n) {
      const LoweredNode& node = graph_.nodes[n];
      if (!node.op->is_view || node.inputs.empty()) continue;
      int& last = last_use_through_views_[node.inputs[0]];
      last = std::max(last, last_use_through_views_[node.outputs[0]]);
    }
  }

  bool TryVariable(int n) {
    const LoweredNode& node = graph_.nodes[n];
    const std::string* const variable = ViewedVariable(node);
    if (variable == nullptr) return false;
    const ValueId id = node.outputs[0];
    const auto written = first_write_.find(*variable);
    const int end =
        written == first_write_.end() ? first_call_ : std::min(first_call_, written->second);
    const int last = last_use_through_views_[id];
    // What writes in place may have the variable itself for its input.
    const bool writes_in_place =
        last == end && end != first_call_ && graph_.nodes[end].op->in_place;
    if (!Known(id) || IsOutput(id) || (last >= end && !writes_in_place)) return false;
    plan_.values[id].storage = Storage::kVariable;
    plan_.variables.emplace_back(id, *variable);
    plan_.is_view[n] = true;
    return true;
  }

  void PlaceOutputs(int n) {
    const LoweredNode& node = graph_.nodes[n];
    if (TryVariable(n) || TryView(n) || TryInPlace(n)) return;
    for (const ValueId id : node.outputs) {
      if (!Known(id)) continue;  // kDynamic
      plan_.values[id].storage = IsOutput(id) ? Storage::kResult : Storage::kArena;
      if (IsOutput(id)) continue;
      lifetime_of_[id] = static_cast<int>(lifetimes_.size());
      lifetimes_.push_back({id, n, std::max(n, last_use_[id]), RoundUp(Bytes(id))});
    }
  }

  // Makes `output` share `input`'s memory, which is then needed as long as either.
  void Share(ValueId output, ValueId input) {
    const ValueId root = plan_.values[input].root;
    plan_.values[output] = plan_.values[input];
    plan_.values[output].root = root;
    plan_.views.push_back(output);
    if (const int i = lifetime_of_[root]; i >= 0) {
      lifetimes_[i].last = std::max(lifetimes_[i].last, last_use_[output]);
    }
    last_use_[root] = std::max(last_use_[root], last_use_[output]);
  }

  bool TryView(int n) {
    const LoweredNode& node = graph_.nodes[n];
    if (!node.op->is_view || node.inputs.empty() || !node.post_ops.empty()) return false;
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
    std::vector<ValueId> read_otherwise;  // roots that the node reads under another shape
    for (const ValueId input : node.inputs) {
      if (input != kNoValue && graph_.types[input].shape != graph_.types[output].shape)
        read_otherwise.push_back(plan_.values[input].root);
    }
    std::sort(read_otherwise.begin(), read_otherwise.end());
    for (const ValueId input : node.inputs) {
      if (input == kNoValue || plan_.values[input].storage != Storage::kArena) continue;
      const ValueId root = plan_.values[input].root;
      // Of the same shape, so that every element is read before it is overwritten; read by nobody
      // later; and not read under another shape by this node.
      if (graph_.types[input].shape != graph_.types[output].shape || Bytes(input) != Bytes(output))
        continue;
      if (last_use_[root] != n || last_use_[input] != n) continue;
      if (std::binary_search(read_otherwise.begin(), read_otherwise.end(), root)) continue;
      Share(output, input);
      return true;
    }
    return false;
  }

  void AssignOffsets() {
    constexpr int64_t kPairsPerLifetime = 64, kPairs = int64_t{1} << 20;
    const int64_t max_pairs =
        std::max(kPairs, kPairsPerLifetime * static_cast<int64_t>(lifetimes_.size()));
    const auto overlaps = Overlaps(lifetimes_, max_pairs);
    if (overlaps.empty()) {
      PlaceInTime(lifetimes_);
    } else {
      PlaceLargestFirst(lifetimes_, overlaps);
    }
    for (const Lifetime& lifetime : lifetimes_) {
      plan_.arena_bytes = std::max(plan_.arena_bytes, lifetime.offset + lifetime.bytes);
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
  std::vector<int> last_use_, last_use_through_views_;
  std::map<std::string, int> first_write_;  // by variable
  int first_call_ = 0;
  std::vector<bool> is_output_;
  std::vector<int> lifetime_of_;  // by root: which of `lifetimes_`; -1 where it has none
  std::vector<Lifetime> lifetimes_;
};

}  // namespace

MemoryPlan PlanMemory(const LoweredGraph& graph) { return Planner(graph).Run(); }

}  // namespace nomograph
