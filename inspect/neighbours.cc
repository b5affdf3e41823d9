#include "nomograph/inspect/neighbours.h"

#include <algorithm>

namespace nomograph {

Neighbours::Neighbours(const Graph& graph)
    : graph_(graph),
      producer_(graph.values.size(), -1),
      first_user_(graph.values.size() + 1, 0),
      is_input_(graph.values.size(), false),
      is_output_(graph.values.size(), false) {
  for (const ValueId id : graph.inputs) is_input_[id] = true;
  for (const ValueId id : graph.outputs) is_output_[id] = true;
  for (const Weight& weight : graph.weights) weights_[weight.value] = &weight;
  // A node that reads a value twice is one reader of it.
  std::vector<int> seen(graph.values.size(), -1);
  const auto for_each_read = [&](const auto& visit) {
    std::fill(seen.begin(), seen.end(), -1);
    for (size_t n = 0; n < graph.nodes.size(); ++n) {
      for (const ValueId id : graph.nodes[n].inputs) {
        if (id == kNoValue || seen[id] == static_cast<int>(n)) continue;
        seen[id] = static_cast<int>(n);
        visit(id, static_cast<int>(n));
      }
    }
  };
  for_each_read([&](ValueId id, int) { ++first_user_[id + 1]; });
  for (size_t i = 0; i < graph.values.size(); ++i) first_user_[i + 1] += first_user_[i];
  users_.resize(first_user_.back());
  std::vector<size_t> next = first_user_;
  for_each_read([&](ValueId id, int node) { users_[next[id]++] = node; });
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    for (const ValueId id : graph.nodes[n].outputs) {
      if (id != kNoValue) producer_[id] = static_cast<int>(n);
    }
  }
}

absl::Span<const int> Neighbours::UsersOf(ValueId value) const {
  return absl::MakeConstSpan(users_).subspan(first_user_[value],
                                             first_user_[value + 1] - first_user_[value]);
}

Neighbours::Source Neighbours::SourceOf(ValueId value) const {
  if (producer_[value] >= 0) return Source::kNode;
  if (weights_.contains(value)) return Source::kWeight;
  return is_input_[value] ? Source::kInput : Source::kNone;
}

const Weight* Neighbours::WeightOf(ValueId value) const {
  const auto found = weights_.find(value);
  return found == weights_.end() ? nullptr : found->second;
}

}  // namespace nomograph
