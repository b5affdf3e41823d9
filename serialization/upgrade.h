// Nodes that older versions of ops have written, rewritten for the versions registered here.
#ifndef NOMOGRAPH_SERIALIZATION_UPGRADE_H_
#define NOMOGRAPH_SERIALIZATION_UPGRADE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {

struct UpgradeReport {
  // `node "a": nn.Foo v1 -> v3`, one for each node that was rewritten.
  std::vector<std::string> upgraded;
  // Nodes whose op is registered, but only in older versions. They are left as they are.
  std::vector<std::string> newer;
};

// Applies the upgraders that `registry` has, one version after the other, to every node of the
// graph and of the functions. Ops that are not registered are left alone. When an upgrader fails,
// the error names the node and the model is as it was.
absl::StatusOr<UpgradeReport> UpgradeModel(Model& model, const OpRegistry& registry);

}  // namespace nomograph

#endif  // NOMOGRAPH_SERIALIZATION_UPGRADE_H_
