#include "nomograph/inspect/selector_sets.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace nomograph::selectors {

Places::Places(const Model& model) {
  Add(model.graph, nullptr);
  for (const auto& [name, function] : model.functions) Add(function.graph, &name);
}

void Places::Add(const Graph& graph, const std::string* function) {
  places_.push_back({&graph, function, num_nodes_, num_values_});
  num_nodes_ += graph.nodes.size();
  num_values_ += graph.values.size();
}

// visit(value, node that reads it); also fills in the producers.
template <typename Visit>
void Places::ForEachEdge(const Visit& visit) {
  for (const Place& place : places_) {
    for (size_t i = 0; i < place.graph->nodes.size(); ++i) {
      const size_t node = place.first_node + i;
      for (const ValueId input : place.graph->nodes[i].inputs) {
        if (input != kNoValue) visit(place.first_value + input, node);
      }
      for (const ValueId output : place.graph->nodes[i].outputs) {
        if (output == kNoValue) continue;
        edges_->producer[place.first_value + output] = static_cast<int>(node);
      }
    }
  }
}

const Places::Edges& Places::edges() {
  if (edges_) return *edges_;
  edges_.emplace();
  edges_->first_user.assign(num_values_ + 1, 0);
  edges_->producer.assign(num_values_, -1);
  ForEachEdge([&](size_t value, size_t) { ++edges_->first_user[value + 1]; });
  for (size_t i = 0; i < num_values_; ++i) edges_->first_user[i + 1] += edges_->first_user[i];
  std::vector<size_t> next = edges_->first_user;
  edges_->users.resize(edges_->first_user.back());
  ForEachEdge(
      [&](size_t value, size_t node) { edges_->users[next[value]++] = static_cast<int>(node); });
  return *edges_;
}

std::vector<bool> Places::NextTo(const std::vector<bool>& nodes, int step) {
  const Edges& e = edges();
  std::vector<bool> next(num_nodes_);
  for (size_t i = 0; i < num_nodes_; ++i) {
    if (!nodes[i]) continue;
    const Place& place = PlaceOf(i);
    const Node& node = place.graph->nodes[i - place.first_node];
    for (const ValueId id : step < 0 ? node.inputs : node.outputs) {
      if (id == kNoValue) continue;
      const size_t value = place.first_value + id;
      if (step < 0) {
        if (e.producer[value] >= 0) next[e.producer[value]] = true;
        continue;
      }
      for (size_t u = e.first_user[value]; u < e.first_user[value + 1]; ++u) {
        next[e.users[u]] = true;
      }
    }
  }
  return next;
}

Set Places::Reach(Set set, int64_t steps) {
  const Edges& e = edges();
  std::vector<size_t> now, next;
  const auto enter = [&](size_t node) {
    if (set.nodes[node]) return;
    set.nodes[node] = true;
    next.push_back(node);
  };
  const auto leave_value = [&](size_t value) {
    if (steps < 0) {
      if (e.producer[value] >= 0) enter(e.producer[value]);
      return;
    }
    for (size_t i = e.first_user[value]; i < e.first_user[value + 1]; ++i) enter(e.users[i]);
  };
  for (size_t i = 0; i < num_nodes_; ++i) {
    if (set.nodes[i]) now.push_back(i);
  }
  for (size_t i = 0; steps != 0 && i < num_values_; ++i) {
    if (set.values[i]) leave_value(i);
  }
  for (int64_t left = std::abs(steps); left > 0 && (!now.empty() || !next.empty()); --left) {
    for (const size_t node : now) {
      const Place& place = PlaceOf(node);
      const Node& n = place.graph->nodes[node - place.first_node];
      for (const ValueId id : steps < 0 ? n.inputs : n.outputs) {
        if (id != kNoValue) leave_value(place.first_value + id);
      }
    }
    now = std::exchange(next, {});
  }
  return set;
}

const Place& Places::PlaceOf(size_t node) const {
  const auto behind =
      std::upper_bound(places_.begin(), places_.end(), node,
                       [](size_t n, const Place& place) { return n < place.first_node; });
  return *(behind - 1);
}

}  // namespace nomograph::selectors
