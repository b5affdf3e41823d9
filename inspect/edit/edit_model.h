// Models changed: what `nomo edit` does. Each edit says what it changed; what no longer fits is an
// error that names the node.
#ifndef NOMOGRAPH_INSPECT_EDIT_EDIT_MODEL_H_
#define NOMOGRAPH_INSPECT_EDIT_EDIT_MODEL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "nomograph/core/graph/fold.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {

struct EditOptions {
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  Pairs renames = {};                         // a value or node, and its new name
  Pairs inputs = {};                          // an input, and its shape: "[batch,3,224,224]"
  std::optional<int64_t> batch = {};          // the size of axis 0 of all inputs that leave it open
  std::vector<std::string> add_outputs = {};  // selectors of values
  std::vector<std::string> drop_outputs = {};  // names
  Pairs ops = {};                  // a selector, and the op that its nodes name from now on
  Pairs attributes = {};           // "SEL:NAME" and the value's text; "" takes it away
  Pairs metadata = {};             // "" takes it away
  bool fold = false;               // compute what follows from constants
  FoldLimits fold_limits = {};     // of that: nodes over them stay, and are told of
  std::optional<DType> cast = {};  // float32 weights and values become this one
  // Take the place of weights, and of constants, of these names (as those of SelectedTensors());
  // types must be the same.
  NamedTensors weights = {};
};

struct Edited {
  Model model;
  std::vector<std::string> changes;  // a line each, in the order in which they were made
};

// In the order of the options, weights first. Types are inferred anew. Golden vectors that no
// longer fit go, and all of them with `cast` and `weights`.
absl::StatusOr<Edited> EditModel(Model model, const EditOptions& options,
                                 const OpRegistry& registry = OpRegistry::Default());

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_EDIT_EDIT_MODEL_H_
