// Proves a model on this machine: what `nomo verify` does.
#ifndef NOMOGRAPH_INSPECT_VERIFY_MODEL_H_
#define NOMOGRAPH_INSPECT_VERIFY_MODEL_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nomograph/core/run/session.h"
#include "nomograph/inspect/golden.h"

namespace nomograph {

// One golden vector, run in one mode.
struct GoldenResult {
  std::string name;
  GoldenSource source;
  bool exact = false;
  // The greatest difference of any output's element from what is expected; infinite where one of
  // the two is not finite.
  double max_difference = 0;
  absl::Status status;  // lists the outputs that are out of tolerance
};

// Runs every golden vector of the model. Errors as Session::Create().
absl::StatusOr<std::vector<GoldenResult>> ReplayGoldenVectors(
    const std::shared_ptr<const Model>& model, const SessionOptions& options);

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_VERIFY_MODEL_H_
