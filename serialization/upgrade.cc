#include "nomograph/serialization/upgrade.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/place.h"

namespace nomograph {
namespace {

// Upgrades a copy of the node as far as the registry leads.
absl::StatusOr<Node> Upgraded(Node node, const OpRegistry& registry) {
  while (const UpgradeFn* upgrade = registry.FindUpgrader(node.op, node.version)) {
    const int from = node.version;
    NOMO_RETURN_IF_ERROR(Annotate(
        (*upgrade)(node), absl::StrCat("upgrading ", Shown(node.op), " from version ", from)));
    node.version = from + 1;
  }
  return node;
}

class Upgrader {
 public:
  explicit Upgrader(const OpRegistry& registry) : registry_(registry) {}

  void Upgrade(const Place& place, Graph& graph);
  absl::StatusOr<UpgradeReport> Finish();

 private:
  void Upgrade(const Place& place, Node& node);

  const OpRegistry& registry_;
  UpgradeReport report_;
  std::vector<std::pair<Node*, Node>> changes_;
  ErrorList faults_;
};

void Upgrader::Upgrade(const Place& place, Graph& graph) {
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    Upgrade(Place(place, "node", graph.nodes[i].name, i), graph.nodes[i]);
  }
}

void Upgrader::Upgrade(const Place& place, Node& node) {
  if (registry_.FindUpgrader(node.op, node.version) != nullptr) {
    auto upgraded = Upgraded(node, registry_);
    if (!upgraded.ok()) return AddFault(place, upgraded.status(), faults_);
    report_.upgraded.push_back(absl::StrCat(place.ToString(), ": ", Shown(node.op), " v",
                                            node.version, " -> ", upgraded->op, " v",
                                            upgraded->version));
    changes_.emplace_back(&node, *std::move(upgraded));
    return;
  }
  const OpDef* newest = registry_.Find(node.op);
  if (newest == nullptr || newest->version >= node.version) return;
  report_.newer.push_back(absl::StrCat(place.ToString(), ": ", Shown(node.op), " v", node.version,
                                       " is newer than v", newest->version, ", the newest here"));
}

absl::StatusOr<UpgradeReport> Upgrader::Finish() {
  NOMO_RETURN_IF_ERROR(faults_.ToStatus("nodes cannot be upgraded"));
  for (auto& [node, upgraded] : changes_) *node = std::move(upgraded);
  return std::move(report_);
}

}  // namespace

absl::StatusOr<UpgradeReport> UpgradeModel(Model& model, const OpRegistry& registry) {
  Upgrader upgrader(registry);
  upgrader.Upgrade(Place("graph", model.graph.name), model.graph);
  for (auto& [name, function] : model.functions)
    upgrader.Upgrade(Place("function", name), function.graph);
  return upgrader.Finish();
}

}  // namespace nomograph
