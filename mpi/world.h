// The processes that mpirun has started and what they say to each other. All of MPI is called by
// one thread, behind which the others queue, so that sums travel while the caller computes.
#ifndef NOMOGRAPH_MPI_WORLD_H_
#define NOMOGRAPH_MPI_WORLD_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/types/span.h"
#include "nomograph/core/types/status.h"
#include "nomograph/core/types/tensor.h"

namespace nomograph::mpi {

// Thread-safe. What several processes do together they have to do in the same order.
class World {
 public:
  // Joins the world, at the first call; a process that mpirun did not start is a world of its own.
  // The process leaves it when it ends. FailedPrecondition where MPI cannot be started.
  static absl::StatusOr<World*> Join();

  int rank() const { return rank_; }  // of this process, in [0, size)
  int size() const { return size_; }

  // Begins to sum the tensor, float32 or float64, over all processes in the background, in place:
  // it is not to be touched until FinishSum() for the number that this yields.
  int64_t StartSum(Tensor tensor);
  absl::StatusOr<Tensor> FinishSum(int64_t number);
  absl::StatusOr<Tensor> Sum(Tensor tensor) { return FinishSum(StartSum(std::move(tensor))); }

  // Bytes of process `root`, for all. The sizes are equal.
  absl::Status Broadcast(absl::Span<std::byte> bytes, int root = 0);
  // All processes' bytes, by rank, at process 0; elsewhere nothing.
  absl::StatusOr<std::vector<std::string>> Gather(absl::string_view bytes);
  absl::Status Barrier();

  // Ends all processes with the message, which names this one. For an error that the others would
  // wait for in vain.
  [[noreturn]] void Abort(const absl::Status& status);

  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

 private:
  World() = default;
  absl::Status Start();
  // Runs `work` in MPI's thread, behind what is queued.
  std::future<absl::Status> Queue(std::function<absl::Status()> work);
  void Loop();

  int rank_ = 0, size_ = 1;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::packaged_task<absl::Status()>> queue_;
  bool ends_ = false;
  struct Sum_ {
    Tensor tensor;
    std::future<absl::Status> done;
  };
  std::map<int64_t, Sum_> sums_;
  int64_t next_sum_ = 0;
  std::thread thread_;
};

}  // namespace nomograph::mpi

#endif  // NOMOGRAPH_MPI_WORLD_H_
