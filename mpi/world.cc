#include "nomograph/mpi/world.h"

#include <mpi.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <string>
#include <utility>

#include "nomograph/core/types/escape.h"

namespace nomograph::mpi {
namespace {

// MPI counts in ints.
constexpr int64_t kMaxCount = int64_t{1} << 28;

absl::Status Check(int code, absl::string_view what) {
  if (code == MPI_SUCCESS) return absl::OkStatus();
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(code, text, &length);
  return absl::UnavailableError(absl::StrCat(
      "MPI: ", what, ": ", Escape(absl::string_view(text, static_cast<size_t>(length)))));
}

template <typename T>
absl::Status SumInPlace(absl::Span<T> values, MPI_Datatype type) {
  for (int64_t begin = 0; begin < static_cast<int64_t>(values.size()); begin += kMaxCount) {
    const int64_t count = std::min(kMaxCount, static_cast<int64_t>(values.size()) - begin);
    NOMO_RETURN_IF_ERROR(
        Check(MPI_Allreduce(MPI_IN_PLACE, values.data() + begin, static_cast<int>(count), type,
                            MPI_SUM, MPI_COMM_WORLD),
              "a sum over all processes"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<World*> World::Join() {
  static std::mutex mutex;
  static std::unique_ptr<World> world;
  const std::lock_guard lock(mutex);
  if (world == nullptr) {
    std::unique_ptr<World> made(new World);
    NOMO_RETURN_IF_ERROR(made->Start());
    world = std::move(made);
  }
  return world.get();
}

absl::Status World::Start() {
  thread_ = std::thread([this] { Loop(); });
  return Queue([this] {
           int provided = 0;
           NOMO_RETURN_IF_ERROR(
               Check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided), "start"));
           MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
           NOMO_RETURN_IF_ERROR(Check(MPI_Comm_rank(MPI_COMM_WORLD, &rank_), "rank"));
           return Check(MPI_Comm_size(MPI_COMM_WORLD, &size_), "size");
         })
      .get();
}

World::~World() {
  Queue([] { return Check(MPI_Finalize(), "end"); }).wait();
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

std::future<absl::Status> World::Queue(std::function<absl::Status()> work) {
  std::packaged_task<absl::Status()> task(std::move(work));
  std::future<absl::Status> done = task.get_future();
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(task));
  }
  wake_.notify_one();
  return done;
}

void World::Loop() {
  while (true) {
    std::packaged_task<absl::Status()> task;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return ends_ || !queue_.empty(); });
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    task();
  }
}

int64_t World::StartSum(Tensor tensor) {
  std::future<absl::Status> done = Queue([tensor]() mutable -> absl::Status {
    switch (tensor.dtype()) {
      case DType::kFloat32:
        return SumInPlace(tensor.mutable_data<float>(), MPI_FLOAT);
      case DType::kFloat64:
        return SumInPlace(tensor.mutable_data<double>(), MPI_DOUBLE);
      default:
        return InvalidArgument("a sum over processes: expected float32 or float64, found ",
                               DTypeName(tensor.dtype()));
    }
  });
  const std::lock_guard lock(mutex_);
  sums_[next_sum_] = {std::move(tensor), std::move(done)};
  return next_sum_++;
}

absl::StatusOr<Tensor> World::FinishSum(int64_t number) {
  Sum_ sum;
  {
    const std::lock_guard lock(mutex_);
    const auto found = sums_.find(number);
    if (found == sums_.end()) return InvalidArgument("no sum ", number, " has been started");
    sum = std::move(found->second);
    sums_.erase(found);
  }
  NOMO_RETURN_IF_ERROR(sum.done.get());
  return std::move(sum.tensor);
}

absl::Status World::Broadcast(absl::Span<std::byte> bytes, int root) {
  return Queue([=]() -> absl::Status {
           for (int64_t begin = 0; begin < static_cast<int64_t>(bytes.size()); begin += kMaxCount) {
             const int64_t count = std::min(kMaxCount, static_cast<int64_t>(bytes.size()) - begin);
             NOMO_RETURN_IF_ERROR(Check(MPI_Bcast(bytes.data() + begin, static_cast<int>(count),
                                                  MPI_BYTE, root, MPI_COMM_WORLD),
                                        "a broadcast"));
           }
           return absl::OkStatus();
         })
      .get();
}

absl::StatusOr<std::vector<std::string>> World::Gather(absl::string_view bytes) {
  std::vector<std::string> result;
  const absl::Status status =
      Queue([&]() -> absl::Status {
        std::vector<int64_t> sizes(rank_ == 0 ? size_ : 0);
        const auto own = static_cast<int64_t>(bytes.size());
        NOMO_RETURN_IF_ERROR(
            Check(MPI_Gather(&own, 1, MPI_INT64_T, sizes.data(), 1, MPI_INT64_T, 0, MPI_COMM_WORLD),
                  "a gathering"));
        // One after the other, in pieces: sizes may be beyond an int.
        constexpr int kTag = 1;
        const auto pieces = [](int64_t size, const auto& each) -> absl::Status {
          for (int64_t begin = 0; begin < size; begin += kMaxCount) {
            NOMO_RETURN_IF_ERROR(Check(
                each(begin, static_cast<int>(std::min(kMaxCount, size - begin))), "a gathering"));
          }
          return absl::OkStatus();
        };
        if (rank_ != 0) {
          return pieces(own, [&](int64_t begin, int count) {
            return MPI_Send(bytes.data() + begin, count, MPI_BYTE, 0, kTag, MPI_COMM_WORLD);
          });
        }
        result.resize(size_);
        result[0] = std::string(bytes);
        for (int rank = 1; rank < size_; ++rank) {
          result[rank].resize(sizes[rank]);
          NOMO_RETURN_IF_ERROR(pieces(sizes[rank], [&](int64_t begin, int count) {
            return MPI_Recv(result[rank].data() + begin, count, MPI_BYTE, rank, kTag,
                            MPI_COMM_WORLD, MPI_STATUS_IGNORE);
          }));
        }
        return absl::OkStatus();
      }).get();
  NOMO_RETURN_IF_ERROR(status);
  return result;
}

absl::Status World::Barrier() {
  return Queue([] { return Check(MPI_Barrier(MPI_COMM_WORLD), "a barrier"); }).get();
}

void World::Abort(const absl::Status& status) {
  std::fprintf(stderr, "process %d of %d: %s\n", rank_, size_,
               EscapeMessage(status.message()).c_str());
  std::fflush(stderr);
  // From any thread: nothing is called after it.
  MPI_Abort(MPI_COMM_WORLD, 1);
  std::abort();
}

}  // namespace nomograph::mpi
