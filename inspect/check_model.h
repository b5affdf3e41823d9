// What would keep a model from running on this machine: what `nomo check` tells.
#ifndef NOMOGRAPH_INSPECT_CHECK_MODEL_H_
#define NOMOGRAPH_INSPECT_CHECK_MODEL_H_

#include <string>
#include <vector>

#include "nomograph/core/compile/resolve.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/inspect/open.h"

namespace nomograph {

struct Finding {
  enum class Kind {
    // Faults.
    kDamage,       // a payload's checksum does not hold, or padding is not zero
    kMissingOp,    // no op of that name and version, and no body
    kEffect,       // the op's effect is not allowed
    kNoKernel,     // the op is known, but has nothing that can run in this mode
    kUpgrade,      // a node of an older version cannot be upgraded
    kTypes,        // dtypes, shapes or a declared signature do not fit
    kCompile,      // compiling fails
    kBodyDiffers,  // a kernel and the body that the file carries for it disagree
    kMemory,       // a run takes more memory than the target has
    kNoForm,       // the target's opset has no form for something
    // Notes.
    kUpgraded,     // a node is upgraded when the model is loaded
    kBody,         // a body runs, because the op is not registered here
    kFallback,     // a kernel runs; elsewhere the body does
    kNotCompared,  // why a kernel and a body were not compared
    kSupposed,     // the sizes for which the model was compiled, where it leaves them open
    kImported,     // what the importer warned of
    kSlow,         // no fast kernel serves a node that has much to do
  };
  Kind kind;
  std::string place;  // `node "a" (acme.Foo)`; empty: the whole file
  std::string message;
};
bool IsFault(Finding::Kind kind);
// "missing_op": as in the JSON form.
const char* FindingName(Finding::Kind kind);

struct CheckOptions {
  ResolveOptions resolve;
  bool compare_bodies = false;
  // The sizes of open batches for which the model is compiled: one that it can have is enough.
  std::vector<int64_t> batches = {1, 2, 3, 4};
};

// Everything at once. `file` was opened without upgrades; `damage` is what VerifyChecksums() says
// of it.
std::vector<Finding> CheckModel(ModelFile file, const absl::Status& damage,
                                const OpRegistry& registry, const CheckOptions& options);

int64_t CountFaults(const std::vector<Finding>& findings);

// The lines of a status that lists faults (core/types/status.h), each by itself; one for any other
// status.
std::vector<std::string> SplitFaults(const absl::Status& status);

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_CHECK_MODEL_H_
