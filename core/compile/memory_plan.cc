#include "nomograph/core/compile/memory_plan.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "nomograph/core/graph/call_graph.h"

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

// Which values lie in which others. What lies in no other is a root, with memory of its own.
class Forest {
 public:
  struct Place {
    ValueId root;
    int64_t offset;  // in the root, in bytes

    friend bool operator==(const Place&, const Place&) = default;
    friend auto operator<=>(const Place&, const Place&) = default;
  };

  explicit Forest(size_t values) : places_(values) {
    for (size_t v = 0; v < values; ++v) places_[v] = {static_cast<ValueId>(v), 0};
  }

  Place Find(ValueId id) {
    Place place{id, 0};
    while (places_[place.root].root != place.root) {
      place.offset += places_[place.root].offset;
      place.root = places_[place.root].root;
    }
    // What was on the way is there at once the next time.
    for (int64_t offset = place.offset; id != place.root;) {
      const Place before = std::exchange(places_[id], {place.root, offset});
      offset -= before.offset;
      id = before.root;
    }
    return place;
  }
  ValueId Root(ValueId id) { return Find(id).root; }

  // REQUIRES: `root` is one, and `place.root` another.
  void Put(ValueId root, Place place) { places_[root] = place; }

 private:
  std::vector<Place> places_;
};

class Planner {
 public:
  Planner(const LoweredGraph& graph, const CopiesByNode& copies, const OverwritesByNode& overwrites)
      : graph_(graph),
        copies_(copies),
        overwrites_(overwrites),
        forest_(graph.types.size()),
        last_use_(graph.types.size(), -1),
        is_output_(graph.types.size(), false),
        lifetime_of_(graph.types.size(), -1) {
    for (const ValueId id : graph.outputs) is_output_[id] = true;
    plan_.values.resize(graph.types.size());
    plan_.is_view.assign(graph.nodes.size(), false);
  }

  MemoryPlan Run() {
    // What no node yields is constant, also where it is given back because kernels have packed it.
    for (ValuePlan& value : plan_.values) value.storage = Storage::kConstant;
    for (const LoweredNode& node : graph_.nodes) {
      for (const ValueId id : node.outputs) plan_.values[id].storage = Storage::kDynamic;
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
      if (CallsFunctions(node.attrs)) first_call_ = n;
      for (const auto& [attr, value] : node.attrs) {
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
    if (TryVariable(n) || TryView(n) || TryInPlace(n) || TryOverwrite(n)) return;
    const auto copies = copies_.find(n);
    if (copies != copies_.end()) ShareRanges(node, copies->second);
    for (const ValueId id : node.outputs) {
      if (!Known(id) || forest_.Root(id) != id) continue;  // kDynamic, or shared
      plan_.values[id].storage = IsOutput(id) ? Storage::kResult : Storage::kArena;
      if (IsOutput(id)) continue;
      lifetime_of_[id] = static_cast<int>(lifetimes_.size());
      lifetimes_.push_back({id, n, std::max(n, last_use_[id]), RoundUp(Bytes(id))});
    }
    if (copies == copies_.end()) return;
    JoinInputs(node, copies->second);
    plan_.is_view[n] =
        std::all_of(copies->second.begin(), copies->second.end(), [&](const CopiedRange& range) {
          Forest::Place from = forest_.Find(node.inputs[range.input]);
          from.offset += range.from - range.to;
          return from == forest_.Find(node.outputs[range.output]);
        });
  }

  // Makes `output` share `input`'s memory, from byte `from` on, which is then needed as long as
  // either.
  void Share(ValueId output, ValueId input, int64_t from = 0) {
    const auto [root, offset] = forest_.Find(input);
    forest_.Put(output, {root, offset + from});
    plan_.values[output].storage = plan_.values[root].storage;
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

  // Has what a node copies to whole outputs lie where it is copied from.
  void ShareRanges(const LoweredNode& node, const std::vector<CopiedRange>& copies) {
    for (const CopiedRange& range : copies) {
      const ValueId input = node.inputs[range.input], output = node.outputs[range.output];
      if (plan_.values[input].storage != Storage::kArena || IsOutput(output)) continue;
      const int64_t offset = forest_.Find(input).offset + range.from;
      if (range.bytes == Bytes(output) && offset % kAlignment == 0)
        Share(output, input, range.from);
    }
  }

  // Has roots lie in a node's outputs where the node copies all of them at one distance, so that
  // all that is there while the output is needed is what belongs there.
  void JoinInputs(const LoweredNode& node, const std::vector<CopiedRange>& copies) {
    struct Part {
      ValueId root;
      Forest::Place place;  // that it would have
      int64_t bytes;        // of it that would be copied there
    };
    std::vector<Part> parts;
    for (const CopiedRange& range : copies) {
      const ValueId input = node.inputs[range.input], output = node.outputs[range.output];
      if (plan_.values[input].storage != Storage::kArena ||
          plan_.values[output].storage != Storage::kArena || forest_.Root(output) != output) {
        continue;
      }
      const auto [root, offset] = forest_.Find(input);
      parts.push_back({root, {output, range.to - range.from - offset}, range.bytes});
    }
    std::sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) {
      return std::tie(a.root, a.place) < std::tie(b.root, b.place);
    });
    for (size_t i = 0; i < parts.size();) {
      const auto [root, place, first_bytes] = parts[i];
      int64_t bytes = 0;
      for (; i < parts.size() && parts[i].root == root && parts[i].place == place; ++i) {
        bytes += parts[i].bytes;
      }
      // A root that it has joined at another place is none any more.
      if (bytes != Bytes(root) || place.offset % kAlignment != 0 || forest_.Root(root) != root) {
        continue;
      }
      Join(root, place);
    }
  }

  void Join(ValueId root, Forest::Place place) {
    forest_.Put(root, place);
    plan_.views.push_back(root);
    Lifetime &part = lifetimes_[lifetime_of_[root]], &whole = lifetimes_[lifetime_of_[place.root]];
    whole.first = std::min(whole.first, part.first);
    whole.last = std::max(whole.last, part.last);
    part.root = kNoValue;
    last_use_[place.root] = std::max(last_use_[place.root], last_use_[root]);
  }

  bool TryInPlace(int n) {
    const LoweredNode& node = graph_.nodes[n];
    if (!node.op->in_place || node.outputs.size() != 1) return false;
    const ValueId output = node.outputs[0];
    if (!Known(output) || IsOutput(output)) return false;
    const int64_t bytes = Bytes(output);
    std::vector<ValueId> read_otherwise;  // roots that the node reads under another shape
    std::vector<Forest::Place> read;      // and the places of the other inputs
    for (const ValueId input : node.inputs) {
      if (input == kNoValue) continue;
      if (graph_.types[input].shape != graph_.types[output].shape) {
        read_otherwise.push_back(forest_.Root(input));
      } else {
        read.push_back(forest_.Find(input));
      }
    }
    std::sort(read_otherwise.begin(), read_otherwise.end());
    std::sort(read.begin(), read.end());
    for (const ValueId input : node.inputs) {
      if (input == kNoValue || plan_.values[input].storage != Storage::kArena) continue;
      const Forest::Place place = forest_.Find(input);
      // Of the same shape, so that every element is read before it is overwritten; read by nobody
      // later; and not read under another shape, or from another place on, by this node.
      if (graph_.types[input].shape != graph_.types[output].shape || Bytes(input) != bytes)
        continue;
      if (last_use_[place.root] != n || last_use_[input] != n) continue;
      if (std::binary_search(read_otherwise.begin(), read_otherwise.end(), place.root)) continue;
      if (OverlapsAnother(read, place, bytes)) continue;
      Share(output, input);
      return true;
    }
    return false;
  }

  // Of the kernel's input nobody needs anything later, and the node itself reads it but once.
  bool TryOverwrite(int n) {
    const auto found = overwrites_.find(n);
    if (found == overwrites_.end()) return false;
    const LoweredNode& node = graph_.nodes[n];
    const ValueId input = node.inputs[found->second], output = node.outputs[0];
    if (IsOutput(output) || plan_.values[input].storage != Storage::kArena ||
        graph_.types[input] != graph_.types[output] || !Known(output)) {
      return false;
    }
    const ValueId root = forest_.Root(input);
    if (last_use_[root] != n || last_use_[input] != n) return false;
    const auto reads_root = [&](ValueId id) { return id != kNoValue && forest_.Root(id) == root; };
    if (std::count_if(node.inputs.begin(), node.inputs.end(), reads_root) != 1) return false;
    Share(output, input);
    return true;
  }

  // Whether one of the places, which are in order, is not `place`, but nearer than so many bytes.
  static bool OverlapsAnother(const std::vector<Forest::Place>& places, Forest::Place place,
                              int64_t bytes) {
    const auto begin = std::upper_bound(places.begin(), places.end(),
                                        Forest::Place{place.root, place.offset - bytes});
    const auto end =
        std::lower_bound(begin, places.end(), Forest::Place{place.root, place.offset + bytes});
    return begin != end && (*begin != place || *std::prev(end) != place);
  }

  void AssignOffsets() {
    std::erase_if(lifetimes_, [](const Lifetime& part) { return part.root == kNoValue; });
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
    for (size_t v = 0; v < plan_.values.size(); ++v) {
      ValuePlan& value = plan_.values[v];
      const auto [root, offset] = forest_.Find(static_cast<ValueId>(v));
      value.root = root;
      if (value.storage == Storage::kArena) value.offset = offsets[root] + offset;
    }
    int64_t now = 0;
    for (const int64_t change : alive) plan_.peak_bytes = std::max(plan_.peak_bytes, now += change);
  }

  const LoweredGraph& graph_;
  const CopiesByNode& copies_;
  const OverwritesByNode& overwrites_;
  MemoryPlan plan_;
  Forest forest_;
  std::vector<int> last_use_, last_use_through_views_;
  std::map<std::string, int> first_write_;  // by variable
  int first_call_ = 0;
  std::vector<bool> is_output_;
  std::vector<int> lifetime_of_;  // by root: which of `lifetimes_`; -1 where it has none
  std::vector<Lifetime> lifetimes_;
};

}  // namespace

MemoryPlan PlanMemory(const LoweredGraph& graph, const CopiesByNode& copies,
                      const OverwritesByNode& overwrites) {
  return Planner(graph, copies, overwrites).Run();
}

}  // namespace nomograph
