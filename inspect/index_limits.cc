#include "nomograph/inspect/index_limits.h"

#include <algorithm>
#include <vector>

namespace nomograph {

std::optional<int64_t> IndexLimit(const Graph& graph, ValueId input) {
  std::optional<int64_t> limit;
  std::vector<bool> same(graph.values.size(), false);  // values that hold the input's numbers
  same[input] = true;
  for (const Node& node : graph.nodes) {
    const auto has = [&](size_t i) {
      return i < node.inputs.size() && node.inputs[i] != kNoValue && same[node.inputs[i]];
    };
    const bool keeps = node.op == "array.Cast" || node.op == "array.Reshape" ||
                       node.op == "array.Squeeze" || node.op == "array.Unsqueeze" ||
                       node.op == "core.Identity";
    if (keeps && has(0) && !node.outputs.empty() && node.outputs[0] != kNoValue) {
      same[node.outputs[0]] = true;
    }
    if (node.op != "array.Gather" || !has(1) || node.inputs[0] == kNoValue) continue;
    const PartialShape& table = graph.value(node.inputs[0]).type.shape;
    const AttrValue* given = node.attrs.Find("axis");
    const int64_t* axis = given == nullptr ? nullptr : given->As<int64_t>();
    if (!table.has_rank() || table.rank() == 0) continue;
    const auto at = NormalizeAxis(axis == nullptr ? 0 : *axis, table.rank());
    if (!at.ok() || !table[*at].known()) continue;
    limit = std::min(limit.value_or(table[*at].size()), table[*at].size());
  }
  return limit;
}

}  // namespace nomograph
