// Training in several processes, each on its share of every batch.
#ifndef NOMOGRAPH_MPI_DATA_PARALLEL_H_
#define NOMOGRAPH_MPI_DATA_PARALLEL_H_

#include <vector>

#include "nomograph/core/build/value.h"

namespace nomograph::mpi {

struct MeanOptions {
  // Gradients travel together until they come to so many bytes: fewer messages, which begin later.
  int64_t bucket_bytes = int64_t{4} << 20;
};

// The mean of each gradient over the processes of the job; absent where the gradient is. What is
// written first travels first, while the step computes the others. The shapes are known.
std::vector<Value> MeanOverProcesses(const std::vector<Value>& gradients,
                                     const MeanOptions& options = {});

}  // namespace nomograph::mpi

#endif  // NOMOGRAPH_MPI_DATA_PARALLEL_H_
