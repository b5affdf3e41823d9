// Replicas: several processes that train one model together, each on its rows of every batch.
// mpi/replicas.h has those of an MPI job.
#ifndef NOMOGRAPH_TRAIN_REPLICAS_H_
#define NOMOGRAPH_TRAIN_REPLICAS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/types/tensor.h"

namespace nomograph {

// Every process makes the same calls in the same order.
class Replicas {
 public:
  virtual ~Replicas() = default;
  virtual int rank() const = 0;  // of this process, in [0, size)
  virtual int size() const = 0;
  // Nodes that yield the mean of each value, of known shape, over the processes; absent where the
  // value is.
  virtual std::vector<Value> Mean(const std::vector<Value>& values) const = 0;
  // The sum of the tensor, float64, over the processes.
  virtual absl::StatusOr<Tensor> Sum(Tensor tensor) const = 0;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_TRAIN_REPLICAS_H_
