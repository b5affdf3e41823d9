// How much memory there is, who has taken how much of it, and tensors of sizes that come from
// files, inputs or flags.
#ifndef NOMOGRAPH_CORE_TYPES_MEMORY_H_
#define NOMOGRAPH_CORE_TYPES_MEMORY_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/types/tensor.h"

namespace nomograph {

// In bytes, what this process can still take: the least of what the system has free, what the
// control groups leave and what RLIMIT_AS leaves, but for a sixteenth, which is left to others.
int64_t AvailableMemory();

// "812 B", "413.5 KB", "1.2 GB"; a KB has 1,024 bytes.
std::string ReadableBytes(int64_t bytes);

// Counts the memory that tensors take, and refuses what would pass its limit or what the machine
// has: a system that promises more than it has ends the process only when the memory is written to.
// Thread-safe.
class MemoryAccount {
 public:
  // 0: no limit but the machine's. REQUIRES: not negative.
  explicit MemoryAccount(int64_t limit_bytes = 0);

  // ResourceExhausted, with what is needed and what is left, where there is not so much.
  absl::Status Take(int64_t bytes);
  void Give(int64_t bytes) { taken_ -= bytes; }
  // What Take() would say; nothing is taken.
  absl::Status Check(int64_t bytes) const;

  int64_t taken() const { return taken_; }

 private:
  const int64_t limit_;
  std::atomic<int64_t> taken_{0};
  // Taken since the machine was asked last: asking takes as long as writing to some megabytes.
  std::atomic<int64_t> unasked_{0};
};

// While it lives, the tensors that this thread makes count against `account`, each until it is
// freed.
class MemoryScope {
 public:
  explicit MemoryScope(std::shared_ptr<MemoryAccount> account);
  ~MemoryScope();
  MemoryScope(const MemoryScope&) = delete;
  MemoryScope& operator=(const MemoryScope&) = delete;

 private:
  std::shared_ptr<MemoryAccount> account_;
  const std::shared_ptr<MemoryAccount>* previous_;
};

// That of this thread's innermost MemoryScope, else the process's, which has no limit.
const std::shared_ptr<MemoryAccount>& CurrentMemoryAccount();

// Memory that something else has taken; it counts against the current account, too, as long as the
// object lives.
class HeldMemory {
 public:
  HeldMemory() = default;
  // ResourceExhausted as MemoryAccount::Take().
  static absl::StatusOr<HeldMemory> Take(int64_t bytes);
  ~HeldMemory();
  HeldMemory(HeldMemory&& other) noexcept { *this = std::move(other); }
  HeldMemory& operator=(HeldMemory&& other) noexcept;

 private:
  std::shared_ptr<MemoryAccount> account_;
  int64_t bytes_ = 0;
};

// Memory that the tensors of one run leave to those of the next. What the system gets back it hands
// out anew page by page, each an interrupt, and a tensor of its own is filled with zeros.
// Thread-safe.
class TensorPool {
 public:
  TensorPool();
  ~TensorPool();
  // Holds garbage. When its last copy is gone, wherever that is, the memory lies idle here, and
  // counts against the account that it was taken from; behind the pool's end it is freed.
  // ResourceExhausted as Tensor::Create().
  absl::StatusOr<Tensor> Create(DType dtype, const Shape& shape);
  // Frees what lies idle and has not been used since the last call.
  void Trim();
  // Of what lies idle.
  int64_t num_bytes() const;

 private:
  struct Shelf;
  std::shared_ptr<Shelf> shelf_;
};

// As Tensor::Full(), Cast() and Clone(), with a status where these throw OutOfMemory.
absl::StatusOr<Tensor> TryFull(DType dtype, const Shape& shape, double value);
absl::StatusOr<Tensor> TryCast(const Tensor& tensor, DType dtype);
absl::StatusOr<Tensor> TryClone(const Tensor& tensor);

// What is thrown where a tensor cannot be made and no status can be returned.
class OutOfMemory : public std::bad_alloc {
 public:
  explicit OutOfMemory(absl::Status status) : status_(std::move(status)) {}
  const absl::Status& status() const { return status_; }
  const char* what() const noexcept override { return "no memory for a tensor"; }

 private:
  absl::Status status_;
};

// The allocator of LargeVector.
template <typename T>
class CountingAllocator {
 public:
  using value_type = T;
  CountingAllocator() : account_(CurrentMemoryAccount()) {}
  template <typename U>
  CountingAllocator(const CountingAllocator<U>& other) : account_(other.account()) {}

  T* allocate(size_t count) {
    // std::vector has seen to it that the product does not overflow.
    const int64_t bytes = static_cast<int64_t>(count * sizeof(T));
    absl::Status status = account_->Take(bytes);
    if (!status.ok()) throw OutOfMemory(std::move(status));
    return std::allocator<T>().allocate(count);
  }
  void deallocate(T* data, size_t count) {
    std::allocator<T>().deallocate(data, count);
    account_->Give(static_cast<int64_t>(count * sizeof(T)));
  }

  const std::shared_ptr<MemoryAccount>& account() const { return account_; }
  template <typename U>
  bool operator==(const CountingAllocator<U>& other) const {
    return account_ == other.account();
  }

 private:
  std::shared_ptr<MemoryAccount> account_;
};

// A vector as long as a tensor, e.g. a kernel's sums: it counts as tensors do, and throws
// OutOfMemory.
template <typename T>
using LargeVector = std::vector<T, CountingAllocator<T>>;

namespace internal {
absl::Status MemoryRanOut();

// What the control groups leave of the memory, as `proc_text` (/proc/self/cgroup) names them and as
// they stand under `mount` (/sys/fs/cgroup); the largest int64_t where none has a limit.
int64_t ControlGroupMemory(absl::string_view proc_text, const std::string& mount);
}  // namespace internal

// What `work` returns, a Status or a StatusOr; ResourceExhausted where memory ran out in it.
// Containers and other people's code throw, so this stands around every call of a kernel.
template <typename Work>
auto CatchBadAlloc(Work&& work) -> decltype(work()) {
  try {
    return work();
  } catch (const OutOfMemory& error) {
    return error.status();
  } catch (const std::bad_alloc&) {
    return internal::MemoryRanOut();
  } catch (const std::length_error&) {  // a container of more elements than any can have
    return internal::MemoryRanOut();
  }
}

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_TYPES_MEMORY_H_
