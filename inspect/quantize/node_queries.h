// What ops say through their hooks (core/op/op.h) of the nodes of a graph whose sizes may be open.
#ifndef NOMOGRAPH_INSPECT_QUANTIZE_NODE_QUERIES_H_
#define NOMOGRAPH_INSPECT_QUANTIZE_NODE_QUERIES_H_

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {

// The main graph of a model, what in it is constant, and who reads what. It is made anew where the
// graph has changed.
class NodeQueries {
 public:
  // REQUIRES: both outlive the object.
  static absl::StatusOr<NodeQueries> Create(const Model& model, const OpRegistry& registry);

  // The node's op; null where it is not here.
  const OpDef* OpOf(int node) const { return ops_[node]; }
  // Invalid unless the value is constant.
  const Tensor& constant(ValueId id) const { return constants_[id]; }
  // The one node that reads a value which is no output of the graph, else -1.
  int OnlyReader(ValueId id) const;
  int Producer(ValueId id) const { return producers_[id]; }

  std::optional<QuantizedInputs> Quantized(int node) const;
  // What the node makes of input `input`, where that is an affine map of channels.
  std::optional<ChannelAffine> Affine(int node, int input) const;
  // The node's constants with which it does the work of the map; empty where it cannot.
  std::vector<Tensor> Absorbed(int node, const ChannelAffine& affine) const;
  // Whether the node does nothing but bring its one input between two bounds.
  bool IsBound(int node) const;

 private:
  NodeQueries(const Model& model, const OpRegistry& registry);
  struct Operands;

  const Graph& graph_;
  std::vector<const OpDef*> ops_;
  std::vector<Attributes> attrs_;  // with defaults
  std::vector<Tensor> constants_;
  std::vector<int> producers_, readers_, uses_;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_QUANTIZE_NODE_QUERIES_H_
