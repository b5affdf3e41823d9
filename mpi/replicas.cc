#include "nomograph/mpi/replicas.h"

#include <cstdio>
#include <string>

#include "nomograph/core/types/escape.h"

namespace nomograph::mpi {

int RunJob(const std::function<absl::Status(const MpiReplicas& replicas)>& work,
           const MeanOptions& options) {
  const auto world = World::Join();
  if (!world.ok()) {
    std::fprintf(stderr, "%s\n", EscapeMessage(world.status().message()).c_str());
    return 1;
  }
  const MpiReplicas replicas(**world, options);
  if (const absl::Status status = work(replicas); !status.ok()) (*world)->Abort(status);
  return 0;
}

}  // namespace nomograph::mpi
