#include "nomograph/core/graph/call_graph.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "nomograph/core/op/op.h"

namespace nomograph {

std::vector<std::string> NamedFunctions(const Node& node) {
  std::vector<std::string> names;
  if (!node.body.empty()) names.push_back(node.body);
  ForEachFunction(node.attrs, [&](const std::string&, const std::string& function) {
    names.push_back(function);
  });
  return names;
}

void ForEachFunction(
    const Attributes& attrs,
    absl::FunctionRef<void(const std::string& attr, const std::string& function)> see) {
  for (const auto& [attr, value] : attrs) {
    if (const auto* function = value.As<FunctionRef>()) see(attr, function->name);
  }
}

bool CallsFunctions(const Attributes& attrs) {
  return std::any_of(attrs.begin(), attrs.end(),
                     [](const auto& attr) { return attr.second.type() == AttrType::kFunction; });
}

bool CallsFunctions(const OpDef& op) {
  return std::any_of(op.attrs.begin(), op.attrs.end(),
                     [](const AttrDef& attr) { return attr.type == AttrType::kFunction; });
}

int64_t CallGraphMeasure::OfFunction(absl::string_view function) {
  Visit(function);
  return Known(function);
}

int64_t CallGraphMeasure::OfGraph(const Graph& graph) {
  for (const Node& node : graph.nodes) {
    for (const std::string& callee : callees_(node)) Visit(callee);
  }
  return measure_(graph, [this](absl::string_view callee) { return Known(callee); });
}

int64_t CallGraphMeasure::Known(absl::string_view function) const {
  const auto found = known_.find(function);
  if (found != known_.end()) return found->second;
  return functions_.contains(function) ? kEndless : 0;  // still open: it reaches itself
}

// With an explicit stack: the depth comes from a file.
void CallGraphMeasure::Visit(absl::string_view function) {
  if (known_.contains(function)) return;
  absl::flat_hash_set<std::string> entered;
  std::vector<std::pair<std::string, bool>> stack = {{std::string(function), false}};
  while (!stack.empty()) {
    const auto [name, leaving] = std::move(stack.back());
    stack.pop_back();
    const auto found = functions_.find(name);
    if (found == functions_.end() || known_.contains(name)) continue;
    const Graph& graph = found->second.graph;
    if (leaving) {
      known_[name] = std::min(
          kEndless, measure_(graph, [this](absl::string_view callee) { return Known(callee); }));
      continue;
    }
    if (!entered.insert(name).second) continue;
    stack.emplace_back(name, true);
    absl::flat_hash_set<std::string> pushed;
    for (const Node& node : graph.nodes) {
      for (std::string& callee : callees_(node)) {
        if (!known_.contains(callee) && pushed.insert(callee).second) {
          stack.emplace_back(std::move(callee), false);
        }
      }
    }
  }
}

}  // namespace nomograph
