// Graph: the editable, portable form of a model's dataflow, in single static assignment: every
// value has one producer.
#ifndef NOMOGRAPH_CORE_GRAPH_GRAPH_H_
#define NOMOGRAPH_CORE_GRAPH_GRAPH_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nomograph/core/types/attributes.h"
#include "nomograph/core/types/tensor.h"

namespace nomograph {

// An index into Graph::values.
using ValueId = int32_t;
inline constexpr ValueId kNoValue = -1;  // an optional input or output that is absent

struct ValueInfo {
  std::string name;  // unique in the graph, not empty
  TensorType type;
  std::string doc;
  std::string
      unknown_fields;  // what a newer writer put there, kept as it was found; likewise below
};

// The types that a node's op declared when the model was made, against which the op found here is
// checked.
struct Signature {
  std::vector<TensorType> inputs, outputs;
  bool operator==(const Signature&) const = default;
};

// Applies an op to values.
struct Node {
  std::string name;  // unique in the graph, not empty
  std::string op;    // domain.Name
  int version = 1;
  Attributes attrs;  // as given; defaults are the op's
  std::vector<ValueId> inputs, outputs;
  // Lambdas only: the function that carries the op's portable meaning for these attributes and
  // types; may be empty.
  std::string body;
  std::optional<Signature> signature;
  std::string provider;  // the library that registers the op, as a hint
  std::string layer;     // the layer that made the node; may be empty
  std::string doc;
  std::string unknown_fields;
};

// A value that is stored with the model.
struct Weight {
  ValueId value = kNoValue;
  Tensor tensor;
  bool trainable = true;
  std::string unknown_fields;
};

// Nodes stand in an order in which every value is produced before it is used; VerifyGraph() checks
// that.
struct Graph {
  std::string name;
  std::vector<ValueInfo> values;
  std::vector<Node> nodes;
  std::vector<Weight> weights;
  std::vector<ValueId> inputs, outputs;
  std::string doc;
  std::string unknown_fields;

  ValueId AddValue(std::string value_name, TensorType type);
  // kNoValue when there is none.
  ValueId FindValue(absl::string_view value_name) const;
  const Weight* FindWeight(ValueId value) const;
  const ValueInfo& value(ValueId id) const { return values[id]; }
};

// A named subgraph: a body, or a branch or loop of a control-flow node. It sees nothing but its
// inputs and weights.
struct Function {
  std::string name;
  Graph graph;
  std::string unknown_fields;
};

// Checks the structure: names present and unique, ids in range, one producer a value, producers
// ahead of users (naming the nodes of a cycle where there is one), weights of their values' types.
// All faults are in one status.
absl::Status VerifyGraph(const Graph& graph);

// Orders the nodes so that producers come ahead of users and keeps the order of the others.
// InvalidArgument names the nodes of a cycle.
absl::Status SortTopologically(Graph& graph);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_GRAPH_GRAPH_H_
