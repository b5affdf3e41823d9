#include "nomograph/inspect/picture/test_graph.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_split.h"

namespace nomograph::picture {

Graph TestGraph(absl::string_view text) {
  Graph graph;
  absl::flat_hash_map<std::string, ValueId> ids;
  const auto id_of = [&](absl::string_view name) {
    const auto [found, is_new] = ids.emplace(name, kNoValue);
    if (is_new) {
      found->second =
          graph.AddValue(std::string(name), TensorType(DType::kFloat32, PartialShape{2, 3}));
    }
    return found->second;
  };
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipWhitespace())) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    const auto arrow = std::find(words.begin(), words.end(), "->");
    if (arrow != words.end()) {
      for (auto word = words.begin(); word != arrow; ++word) graph.inputs.push_back(id_of(*word));
      for (auto word = arrow + 1; word != words.end(); ++word) {
        graph.outputs.push_back(id_of(*word));
      }
      continue;
    }
    Node node = {.name = words[0], .op = words[2]};
    for (size_t i = 3; i < words.size(); ++i) node.inputs.push_back(id_of(words[i]));
    node.outputs = {id_of(words[0])};
    graph.nodes.push_back(std::move(node));
  }
  return graph;
}

}  // namespace nomograph::picture
