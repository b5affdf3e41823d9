// Runs a model on many rows, some at a time.
#ifndef NOMOGRAPH_TOOLS_RUN_RUN_BATCHES_H_
#define NOMOGRAPH_TOOLS_RUN_RUN_BATCHES_H_

#include <cstdint>
#include <functional>

#include "nomograph/core/run/session.h"

namespace nomograph {

struct BatchOptions {
  int64_t batch = 0;                                          // rows at a time; 0: all at once
  RunOptions run;                                             // the step counts up with each batch
  std::function<void(int64_t done, int64_t total)> progress;  // in rows
};

// Splits axis 0 of the inputs and joins the outputs. Processes that share the work (shared_work.h)
// run every size-th batch each; the first has the outputs, the others have none. InvalidArgument
// when the inputs have different numbers of rows, or an output has no rows to join; else as
// Session::Run().
absl::StatusOr<NamedTensors> RunInBatches(Session& session, const NamedTensors& inputs,
                                          const BatchOptions& options);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_RUN_RUN_BATCHES_H_
