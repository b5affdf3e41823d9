// The graphs of a model side by side, for selectors (inspect/selector.h): nodes and values are
// numbered throughout, and sets of them grow along the data.
#ifndef NOMOGRAPH_INSPECT_SELECTOR_SETS_H_
#define NOMOGRAPH_INSPECT_SELECTOR_SETS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nomograph/core/graph/model.h"

namespace nomograph::selectors {

// A graph of the model, whose nodes and values are numbered on from those of the graphs ahead.
struct Place {
  const Graph* graph;
  const std::string* function;  // null for the main graph
  size_t first_node, first_value;
};

// By the numbers of nodes and of values.
struct Set {
  std::vector<bool> nodes, values;

  void And(const Set& other) {
    for (size_t i = 0; i < nodes.size(); ++i) nodes[i] = nodes[i] && other.nodes[i];
    for (size_t i = 0; i < values.size(); ++i) values[i] = values[i] && other.values[i];
  }
  void Or(const Set& other) {
    for (size_t i = 0; i < nodes.size(); ++i) nodes[i] = nodes[i] || other.nodes[i];
    for (size_t i = 0; i < values.size(); ++i) values[i] = values[i] || other.values[i];
  }
  bool empty() const {
    return std::find(nodes.begin(), nodes.end(), true) == nodes.end() &&
           std::find(values.begin(), values.end(), true) == values.end();
  }
};

class Places {
 public:
  // The main graph, then functions by name. `model` must outlive the object.
  explicit Places(const Model& model);

  std::vector<Place>::const_iterator begin() const { return places_.begin(); }
  std::vector<Place>::const_iterator end() const { return places_.end(); }
  size_t num_nodes() const { return num_nodes_; }
  size_t num_values() const { return num_values_; }

  Set Nothing() const { return {std::vector<bool>(num_nodes_), std::vector<bool>(num_values_)}; }
  Set Everything() const {
    return {std::vector<bool>(num_nodes_, true), std::vector<bool>(num_values_, true)};
  }

  // The nodes that read an output of one of `nodes` (step 1), or make an input of one (step -1).
  std::vector<bool> NextTo(const std::vector<bool>& nodes, int step);
  // `set` and the nodes that are up to |steps| nodes behind it, or ahead of it where negative.
  Set Reach(Set set, int64_t steps);

 private:
  // Who reads each value, by number, and who makes it.
  struct Edges {
    std::vector<size_t> first_user;  // by value: where its users begin in `users`
    std::vector<int> users;
    std::vector<int> producer;  // -1: none
  };

  void Add(const Graph& graph, const std::string* function);
  const Place& PlaceOf(size_t node) const;
  const Edges& edges();
  template <typename Visit>
  void ForEachEdge(const Visit& visit);

  std::vector<Place> places_;
  size_t num_nodes_ = 0, num_values_ = 0;
  std::optional<Edges> edges_;  // once they are asked for
};

}  // namespace nomograph::selectors

#endif  // NOMOGRAPH_INSPECT_SELECTOR_SETS_H_
