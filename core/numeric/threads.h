// Loops that several threads share: OpenMP's, or those of a pool that the caller has set; one where
// the code is compiled without OpenMP and there is no pool.
#ifndef NOMOGRAPH_CORE_NUMERIC_THREADS_H_
#define NOMOGRAPH_CORE_NUMERIC_THREADS_H_

#include <algorithm>
#include <cstdint>
#include <functional>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace nomograph {

#ifdef _OPENMP
// OpenMP's: what a parallel region gets that does not say how many it wants.
inline int MaxThreads() { return omp_get_max_threads(); }
inline void SetMaxThreads(int threads) { omp_set_num_threads(threads); }
// Within a region of OpenMP's: this thread's number, and how many there are, which may be fewer
// than the region asked for.
inline int ThreadNumber() { return omp_get_thread_num(); }
inline int TeamSize() { return omp_get_num_threads(); }
#else
inline int MaxThreads() { return 1; }
inline void SetMaxThreads(int /*threads*/) {}
inline int ThreadNumber() { return 0; }
inline int TeamSize() { return 1; }
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

// Null: there is none, and OpenMP's threads serve.
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
// Within a task the tasks run one after the other on this thread. The flag "invalid operation" of
// IEEE 754 that a task raises is raised on the calling thread (core/op/keep_nan.h).
void RunOnPool(ThreadPool& pool, int count, const std::function<void(int)>& task);
}  // namespace internal

// Calls f(part, parts) for each of some parts, at most `threads` and at least one, side by side.
template <typename F>
void ParallelParts(int threads, const F& f) {
  if (threads <= 1) return f(0, 1);
  if (ThreadPool* const pool = CurrentThreadPool()) {
    return internal::RunOnPool(*pool, threads, [&f, threads](int part) { f(part, threads); });
  }
#pragma omp parallel num_threads(threads)
  f(ThreadNumber(), TeamSize());
}

// Calls f(i) for 0 <= i < count; each thread takes neighbours.
template <typename F>
void ParallelFor(int threads, int64_t count, const F& f) {
  threads = static_cast<int>(std::min<int64_t>(threads, count));
  ParallelParts(threads, [&f, count](int part, int parts) {
    const int64_t end = count * (part + 1) / parts;
    for (int64_t i = count * part / parts; i < end; ++i) f(i);
  });
}

// The same for calls of very different lengths: each thread takes the next one.
template <typename F>
void ParallelForDynamic(int threads, int64_t count, const F& f) {
  ThreadPool* const pool = CurrentThreadPool();
  if (threads > 1 && pool != nullptr) {
    return internal::RunOnPool(*pool, static_cast<int>(count), [&f](int i) { f(i); });
  }
  [[maybe_unused]] const bool several = threads > 1 && count > 1;
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (several)
  for (int64_t i = 0; i < count; ++i) f(i);
}

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_NUMERIC_THREADS_H_
