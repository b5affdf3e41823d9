// The processes among which `nomo run` divides the batches: tools/mpi/nomo.cc sets those of an MPI
// job.
#ifndef NOMOGRAPH_TOOLS_RUN_SHARED_WORK_H_
#define NOMOGRAPH_TOOLS_RUN_SHARED_WORK_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace nomograph {

class SharedWork {
 public:
  virtual ~SharedWork() = default;
  virtual int rank() const = 0;  // of this process, in [0, size)
  virtual int size() const = 0;
  // All processes' bytes, by rank, in process 0; elsewhere nothing.
  virtual absl::StatusOr<std::vector<std::string>> Gather(absl::string_view bytes) = 0;
  // Ends all processes: the others would wait for this one in vain.
  [[noreturn]] virtual void Abort(const absl::Status& status) = 0;
};

// Yields the processes, joined at the first call; null where this process works alone.
using SharedWorkFn = SharedWork* (*)();
void SetSharedWork(SharedWorkFn processes);
SharedWork* CurrentSharedWork();

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_RUN_SHARED_WORK_H_
