// A node in a listing: its inputs, its outputs and its attributes as text.
#ifndef NOMOGRAPH_TOOLS_REPORT_NODE_TEXT_H_
#define NOMOGRAPH_TOOLS_REPORT_NODE_TEXT_H_

#include <map>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "nomograph/core/graph/graph.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {

// Constants of a few elements stand where they are used ("starts=[0]"), and attributes with their
// defaults are left out, unless `all`. The graph must outlive the object.
class NodeText {
 public:
  NodeText(const Graph& graph, const OpRegistry& registry, bool all);

  // Whether the node is a constant that is shown where it is used, and nowhere else needed.
  bool IsInlined(const Node& node) const;
  // "input, starts=[0]". In a terminal without the scope that a name shares with the node.
  std::string Inputs(const Node& node) const;
  // "float32[1,64]", with the value's name ahead where it does not come from the node's.
  std::string Outputs(const Node& node) const;
  // "pads=[1, 1]", "" where there is none to be shown. Those of Common() are left out unless
  // `with_common`.
  std::string Attributes(const Node& node, bool with_common = false) const;
  // Attributes of text that are the same at all nodes that have them, so that they need not stand
  // at each: "data_format="channels_first"".
  std::string Common() const;
  // Nodes by their indices, with their attributes; also those that are inlined.
  std::string Table(absl::Span<const int> nodes, int indent, bool with_common = false) const;
  // The port of the op that an input or output stands at: "kernel"; "" where the op is not known.
  std::string InputPort(const Node& node, size_t index) const;
  std::string OutputPort(const Node& node, size_t index) const;
  // "[0, 1]" for a small constant, else "".
  std::string ConstantText(ValueId value) const;

 private:
  const Graph& graph_;
  const OpRegistry& registry_;
  const bool all_;
  absl::flat_hash_map<ValueId, std::string> constants_;  // those that are small, as text
  std::map<std::string, AttrValue> common_;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_REPORT_NODE_TEXT_H_
