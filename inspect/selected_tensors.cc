#include "nomograph/inspect/selected_tensors.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"

namespace nomograph {

absl::StatusOr<NamedTensors> SelectedTensors(const Selection& selection) {
  NamedTensors tensors;
  absl::Status twice;
  for (const GraphSelection& part : selection.graphs) {
    const Graph& graph = *part.graph;
    const std::string prefix = part.function.empty() ? "" : absl::StrCat("@", part.function, "/");
    const auto add = [&](const std::string& name, const Tensor& tensor) {
      if (tensors.emplace(prefix + name, tensor).second) return;
      if (twice.ok()) twice = InvalidArgument("two tensors are named ", Quoted(prefix + name));
    };
    std::vector<bool> wanted(graph.values.size(), false);
    for (const ValueId id : part.values) wanted[id] = true;
    for (const int n : part.nodes) {
      for (const ValueId id : graph.nodes[n].inputs) {
        if (id != kNoValue) wanted[id] = true;
      }
    }
    for (const Weight& weight : graph.weights) {
      if (wanted[weight.value]) add(graph.value(weight.value).name, weight.tensor);
    }
    for (const int n : part.nodes) {
      const Node& node = graph.nodes[n];
      for (const auto& [name, value] : node.attrs) {
        const auto* tensor = value.As<Tensor>();
        if (tensor == nullptr) continue;
        add(node.attrs.size() == 1 ? node.name : absl::StrCat(node.name, ".", name), *tensor);
      }
    }
  }
  NOMO_RETURN_IF_ERROR(twice);
  if (tensors.empty()) {
    return absl::NotFoundError("there is no weight and no constant among what was selected");
  }
  return tensors;
}

}  // namespace nomograph
