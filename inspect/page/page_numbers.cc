#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/page/page.h"

namespace nomograph {

absl::StatusOr<PageNumbers> ParsePageNumbers(std::string title, std::string unit,
                                             absl::string_view json, const Graph& graph) {
  const auto parsed = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) {
    return InvalidArgument("expected a JSON object of node names with a number each");
  }
  PageNumbers numbers{.title = std::move(title), .unit = std::move(unit)};
  for (const auto& [name, value] : parsed.items()) {
    if (!value.is_number() || !std::isfinite(value.get<double>())) {
      return InvalidArgument(Quoted(name), " has ", Quoted(value.dump(-1, ' ', true)),
                             "; expected a number");
    }
    numbers.of_node.emplace(name, value.get<double>());
  }
  for (const Node& node : graph.nodes) {
    if (numbers.of_node.contains(node.name)) return numbers;
  }
  return InvalidArgument(
      "none of its ", numbers.of_node.size(), " names is a node of the model",
      parsed.empty() ? "" : absl::StrCat("; the first is ", Quoted(parsed.items().begin().key())));
}

PageNumbers ErrorsOfNodes(const Comparison& comparison) {
  PageNumbers numbers{.title = "error", .greatest = true};
  for (const ValueComparison& value : comparison.values) {
    if (value.node.empty() || !value.difference) continue;
    double& error = numbers.of_node[value.node];
    error = std::max(error, std::min(value.difference->relative(), 1.0));
  }
  return numbers;
}

}  // namespace nomograph
