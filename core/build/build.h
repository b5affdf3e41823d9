// Builds models from expressions.
#ifndef NOMOGRAPH_CORE_BUILD_BUILD_H_
#define NOMOGRAPH_CORE_BUILD_BUILD_H_

#include <string>
#include <vector>

#include "nomograph/core/build/value.h"
#include "nomograph/core/graph/model.h"

namespace nomograph {

struct BuildOptions {
  std::string name = "model";
  uint64_t seed = 0;  // of the weights' initial values
  std::vector<std::string>
      output_names;  // as many as outputs; where empty, the producing layer or node names them
};

// The model that computes `outputs` from `inputs`. Equal calls build equal models. InvalidArgument
// lists every fault, each with its layer or node: those that values carry, and inputs that are used
// but not listed.
absl::StatusOr<Model> BuildModel(absl::Span<const Value> inputs, absl::Span<const Value> outputs,
                                 const BuildOptions& options = {});

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_BUILD_BUILD_H_
