// A graph as it is compared: who yields and who uses each value, and hashes of what nodes are and
// of what surrounds them. Names come into none of the hashes.
#ifndef NOMOGRAPH_INSPECT_COMPARE_GRAPH_INDEX_H_
#define NOMOGRAPH_INSPECT_COMPARE_GRAPH_INDEX_H_

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {

// The attributes with the op's defaults, so that one that is written out equals one that is left
// out; as they are where the op is not known or does not take them.
Attributes WithDefaults(const Node& node, const OpRegistry& registry);

// Of dtype, shape and bytes: equal for equal tensors.
uint64_t HashTensor(const Tensor& tensor);

class GraphIndex {
 public:
  struct Use {
    int node = -1, port = -1;
  };
  using FunctionHash = absl::FunctionRef<uint64_t(absl::string_view function)>;

  // Reads all weights and constants; `read` is called with the bytes of each. The graph must
  // outlive the index.
  GraphIndex(const Graph& graph, const OpRegistry& registry, FunctionHash function_hash,
             absl::FunctionRef<void(int64_t bytes)> read);

  const Graph& graph() const { return graph_; }
  int num_nodes() const { return static_cast<int>(graph_.nodes.size()); }
  // The node and its output that yields the value; -1 for inputs and weights.
  Use producer(ValueId value) const { return producers_[value]; }
  absl::Span<const Use> uses(ValueId value) const {
    return absl::MakeConstSpan(uses_).subspan(first_use_[value],
                                              first_use_[value + 1] - first_use_[value]);
  }
  // Null where the value is no weight.
  const Weight* weight(ValueId value) const {
    return weights_[value] < 0 ? nullptr : &graph_.weights[weights_[value]];
  }
  // REQUIRES: weight(value) is not null.
  uint64_t weight_hash(ValueId value) const { return weight_hashes_[weights_[value]]; }

  // By node, of the nodes `wanted`: a hash of what it is, and of all within so many steps of it,
  // along and against the data. Without `values`, weights count by their types only.
  std::vector<uint64_t> Surroundings(int radius, bool values, absl::Span<const int> wanted) const;
  // Of all nodes, each with all from which it follows: equal for graphs that compute the same in
  // the same order.
  uint64_t Whole() const;

 private:
  void IndexValues();
  // The nodes within so many steps of these, and these.
  std::vector<int> Near(absl::Span<const int> nodes, int radius) const;
  void HashNodes(const OpRegistry& registry, FunctionHash function_hash);
  // What a value is that no node yields, else `of_node` and which output it is.
  uint64_t Incoming(ValueId value, bool values, absl::Span<const uint64_t> of_nodes) const;

  const Graph& graph_;
  std::vector<Use> producers_, uses_;
  std::vector<size_t> first_use_;
  std::vector<int> weights_;  // by value
  std::vector<uint64_t> weight_hashes_, types_;
  // By node: op, version, attributes, number of outputs, and the inputs that no node yields; with
  // the values of weights and of tensors in attributes, and without.
  std::vector<uint64_t> own_, own_without_values_;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_COMPARE_GRAPH_INDEX_H_
