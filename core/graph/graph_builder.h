// GraphBuilder: the one way in which a graph is written node by node, by values, layers and
// importers: it names values and nodes, types each node as it is added, and keeps what is known of
// values while the graph is written (constants, and sizes that depend on those of the inputs).
#ifndef NOMOGRAPH_CORE_GRAPH_GRAPH_BUILDER_H_
#define NOMOGRAPH_CORE_GRAPH_GRAPH_BUILDER_H_

#include <optional>
#include <string>
#include <vector>

#include "nomograph/core/graph/graph.h"
#include "nomograph/core/graph/infer.h"
#include "nomograph/core/graph/symbolic_sizes.h"
#include "nomograph/core/types/names.h"

namespace nomograph {

class GraphBuilder {
 public:
  // Appends to `graph`. Both must outlive the object. `inferrer` may be null where every node comes
  // with its types (AddTyped()).
  explicit GraphBuilder(Graph& graph, const TypeInferrer* inferrer = nullptr)
      : graph_(graph), inferrer_(inferrer) {}

  Graph& graph() { return graph_; }
  const Graph& graph() const { return graph_; }

  // What is added has the name that is wished for, or that with a number behind it.
  ValueId AddValue(absl::string_view wish, TensorType type);
  ValueId AddInput(absl::string_view wish, TensorType type);
  // A weight, whose value is remembered as a constant.
  ValueId AddWeight(absl::string_view wish, Tensor tensor, bool trainable);
  // A node whose name is a wish and whose inputs are set; `outputs` says which outputs it has. The
  // op's shape function types them, small values that follow from constants are computed, and
  // sizes are followed that depend on symbols. `declared` (may be empty): the outputs' types where
  // the op is not known here. Yields the outputs, kNoValue for those that are not there. A status
  // is the op's; nothing has been added then. REQUIRES: there is an inferrer.
  absl::StatusOr<std::vector<ValueId>> AddNode(Node node, const std::vector<bool>& outputs,
                                               const std::vector<TensorType>& declared = {});
  // The same for a node that has a name (FreeNodeName()) and whose outputs, all of them, have these
  // types. The first is named as the node is.
  std::vector<ValueId> AddTyped(Node node, absl::Span<const TensorType> types);

  // Gives a value another name; the one that it had is free again.
  void Rename(ValueId value, absl::string_view wish);
  std::string FreeNodeName(absl::string_view wish) { return node_names_.Take(wish); }

  const TensorType& type(ValueId value) const { return graph_.values[value].type; }
  // Null where the value is not constant, or is not known.
  const Tensor* constant(ValueId value) const;
  // The elements of a vector or scalar of integers, as far as they are known; nothing for others.
  std::optional<std::vector<SizeValue>> sizes(ValueId value) const;

  // How much has been written, and the way back to it. Inputs cannot be taken back.
  struct Mark {
    size_t values, nodes, weights;
  };
  Mark Here() const;
  void GoBack(const Mark& mark);

 private:
  void Remember(ValueId value, Tensor tensor);

  Graph& graph_;
  const TypeInferrer* const inferrer_;
  UniqueNames value_names_, node_names_;
  std::vector<Tensor> constants_;  // by value; invalid where nothing is known
  SymbolicSizes sizes_;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_GRAPH_GRAPH_BUILDER_H_
