// Loops that several threads share: the caller's and helpers', or those of a pool that the caller
// has set. OpenMP's threads do what oneDNN computes.
#ifndef NOMOGRAPH_CORE_NUMERIC_THREADS_H_
#define NOMOGRAPH_CORE_NUMERIC_THREADS_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <type_traits>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "nomograph/core/numeric/helpers.h"

namespace nomograph {

#ifdef _OPENMP
// OpenMP's: what a parallel region gets that does not say how many it wants.
inline int MaxThreads() { return omp_get_max_threads(); }
inline void SetMaxThreads(int threads) { omp_set_num_threads(threads); }
#else
inline int MaxThreads() { return 1; }
inline void SetMaxThreads(int /*threads*/) {}
#endif

// A program's own threads, which may be shared with its other work.
class ThreadPool {
 public:
  virtual ~ThreadPool() = default;
  // How many tasks can run side by side, at least 1. The same as long as the pool is used.
  virtual int num_threads() const = 0;
  // Calls task(0), …, task(count - 1), each once and on whichever threads, the calling one among
  // them or not, and returns when all have returned. Tasks do not wait for one another, do not call
  // Run(), and throw nothing. Several threads may call Run() at once.
  virtual void Run(int count, const std::function<void(int)>& task) = 0;
};

// While it lives, what this thread runs (Session::Run(), BoundRun::Run(), Evaluate() …) has its
// loops run by `pool`, and no region of OpenMP's has more than one thread, those of oneDNN among
// them. A session is best used with the same pool from its first run on: what was compiled ahead of
// it for several threads of OpenMP's then runs on one.
class ThreadPoolScope {
 public:
  explicit ThreadPoolScope(ThreadPool& pool);
  ~ThreadPoolScope();
  ThreadPoolScope(const ThreadPoolScope&) = delete;
  ThreadPoolScope& operator=(const ThreadPoolScope&) = delete;

 private:
  ThreadPool* const previous_;
  const int previous_levels_;
};

// Null: there is none, and helpers serve.
ThreadPool* CurrentThreadPool();

// Whether this thread is at work for a loop that threads share: what it starts in turn it runs
// alone.
bool InParallel();

// How many threads serve where the caller does not say.
inline int DefaultThreads() {
  ThreadPool* const pool = CurrentThreadPool();
  return pool != nullptr ? pool->num_threads() : MaxThreads();
}

namespace internal {
// Calls call(loop, part) for each 0 <= part < parts by the pool's threads or by helpers
// (core/numeric/helpers.h); within a part, one after the other on this thread.
void RunParts(int parts, PartFn call, const void* loop);
}  // namespace internal

// So many bytes, or floats, and what it takes to the next line but one of the caches. A part's own
// memory is best that long: parts that write side by side into one line, or into the two of a pair
// that processors fetch together, take it from each other each time.
constexpr int64_t ApartBytes(int64_t bytes) {
  constexpr int64_t kPair = 128;
  return (bytes + kPair - 1) / kPair * kPair;
}
constexpr int64_t ApartFloats(int64_t floats) {
  constexpr int64_t kFloat = sizeof(float);
  return ApartBytes(floats * kFloat) / kFloat;
}

// Calls f(part, parts) for each of some parts, at most `threads` and at least one, side by side;
// within such a call, on the one thread. Which thread has which part, and how many threads there
// really are, is open: where the others are busy the calling one does it all. What f() throws
// comes to the caller, and so does the flag "invalid operation" of IEEE 754 (core/op/keep_nan.h).
template <typename F>
void ParallelParts(int threads, const F& f) {
  if (threads <= 1) return f(0, 1);
  struct Loop {
    const F& f;
    const int parts;
  } const loop{f, threads};
  internal::RunParts(
      threads,
      [](const void* of, int part) {
        const Loop& parts = *static_cast<const Loop*>(of);
        parts.f(part, parts.parts);
      },
      &loop);
}

namespace internal {
template <typename F>
void CallWith(const F& f, int64_t i, int part) {
  if constexpr (std::is_invocable_v<const F&, int64_t, int>) {
    f(i, part);
  } else {
    f(i);
  }
}

// Blocks of a loop that are handed out one by one, from both of its ends.
class Blocks {
 public:
  Blocks(int64_t count, int64_t size)
      : count_(count), size_(size), left_((count + size - 1) / size) {}

  // Calls f(i) or f(i, part) for all i of all the blocks that this part gets.
  template <typename F>
  void Take(int part, const F& f) {
    const bool from_front = part % 2 == 0;
    while (left_.fetch_sub(1, std::memory_order_relaxed) > 0) {
      const int64_t taken = (from_front ? front_ : back_).fetch_add(1, std::memory_order_relaxed);
      const int64_t block = from_front ? taken : (count_ + size_ - 1) / size_ - 1 - taken;
      const int64_t end = std::min(count_, (block + 1) * size_);
      for (int64_t i = block * size_; i < end; ++i) CallWith(f, i, part);
    }
  }

 private:
  const int64_t count_, size_;
  std::atomic<int64_t> left_, front_{0}, back_{0};
};
}  // namespace internal

// Calls f(i), or f(i, part), for 0 <= i < count. Each thread takes neighbours, some of its share at
// a time, so that one that comes late has less to do. What one part, of at most `threads`, calls
// does not overlap, so that each may have memory of its own.
template <typename F>
void ParallelFor(int threads, int64_t count, const F& f) {
  constexpr int64_t kBlocks = 4;  // a thread's
  threads = static_cast<int>(std::min<int64_t>(threads, count));
  if (threads <= 1) {
    for (int64_t i = 0; i < count; ++i) internal::CallWith(f, i, 0);
    return;
  }
  internal::Blocks blocks(count, std::max<int64_t>(1, count / (threads * kBlocks)));
  ParallelParts(threads, [&](int part, int /*parts*/) { blocks.Take(part, f); });
}

// Calls f(begin, end) for ranges that make up [0, count), for loops that vectorise.
template <typename F>
void ParallelRanges(int threads, int64_t count, const F& f) {
  const int64_t ranges = threads <= 1 ? 1 : std::min<int64_t>(4 * threads, count);
  ParallelFor(threads, ranges, [&](int64_t r) { f(count * r / ranges, count * (r + 1) / ranges); });
}

// As ParallelFor(), for calls of very different lengths: each thread takes the next one.
template <typename F>
void ParallelForDynamic(int threads, int64_t count, const F& f) {
  threads = static_cast<int>(std::min<int64_t>(threads, count));
  std::atomic<int64_t> next{0};
  ParallelParts(threads, [&](int /*part*/, int /*parts*/) {
    for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) f(i);
  });
}

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_NUMERIC_THREADS_H_
