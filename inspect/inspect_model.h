// What `nomo inspect` tells of a model.
#ifndef NOMOGRAPH_INSPECT_INSPECT_MODEL_H_
#define NOMOGRAPH_INSPECT_INSPECT_MODEL_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "nomograph/core/compile/resolve.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/inspect/open.h"
#include "nomograph/inspect/tensor_stats.h"

namespace nomograph {

// A weight, a constant (an attribute of a node) or a state variable.
struct TensorReport {
  enum class Kind { kTrainable, kFrozen, kConstant, kVariable };
  std::string function;  // whose tensor it is; empty: the main graph
  std::string name;
  Kind kind = Kind::kTrainable;
  Tensor tensor;
  std::optional<int64_t> offset;  // in the file, where it lies there as it is
  std::optional<TensorStats> stats;
};

// A node that names an op outside of the standard set, or that a Lambda layer made.
struct LambdaReport {
  Resolution resolution;
  std::string body;  // the function that the file carries for it; may be empty
};

struct ModelReport {
  const ModelFile* file = nullptr;
  std::string semantic_hash;  // empty where it was not computed
  int64_t tensor_bytes = 0;
  std::vector<TensorReport> tensors;
  std::vector<LambdaReport> lambdas;
};

struct InspectOptions {
  bool stats = false;
  // Reading all weights takes time in their size: of larger models the hash is computed only with
  // `stats`.
  int64_t max_hashed_bytes = int64_t{1} << 30;
  // Called while the statistics are computed, with the bytes that have been read and those of all
  // tensors.
  std::function<void(int64_t done, int64_t total)> progress = {};
};

// `file` must outlive the report.
ModelReport InspectModel(const ModelFile& file, const OpRegistry& registry,
                         const InspectOptions& options = {});

// "kernel from acme_ops", "body @f in the file", "missing: no op ... is registered".
std::string ResolutionText(const LambdaReport& lambda);

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_INSPECT_MODEL_H_
