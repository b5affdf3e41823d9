#include "nomograph/core/numeric/threads.h"

#include <atomic>
#include <cfenv>
#include <exception>

namespace nomograph {
namespace {

thread_local ThreadPool* current_pool = nullptr;
thread_local bool in_part = false;

// With 0 levels every region of this thread's has one thread, whatever it asks for.
#ifdef _OPENMP
int ParallelLevels() { return omp_get_max_active_levels(); }
void SetParallelLevels(int levels) { omp_set_max_active_levels(levels); }
#else
int ParallelLevels() { return 0; }
void SetParallelLevels(int /*levels*/) {}
#endif

// While it lives this thread is within a part: it runs what is parallel there alone.
class PartScope {
 public:
  PartScope() : in_part_before_(in_part), levels_before_(ParallelLevels()) {
    in_part = true;
    SetParallelLevels(0);
  }
  ~PartScope() {
    in_part = in_part_before_;
    SetParallelLevels(levels_before_);
  }

 private:
  const bool in_part_before_;
  const int levels_before_;
};

// A thread of the pool's within a part, which may be the one that waits for it.
class PoolPartScope {
 public:
  explicit PoolPartScope(ThreadPool& pool)
      : pool_(pool), flag_before_(std::fetestexcept(FE_INVALID) != 0) {
    if (flag_before_) std::feclearexcept(FE_INVALID);
  }
  ~PoolPartScope() {
    if (flag_before_) {
      std::feraiseexcept(FE_INVALID);
    } else {
      std::feclearexcept(FE_INVALID);
    }
  }
  bool raised() const { return std::fetestexcept(FE_INVALID) != 0; }

 private:
  const ThreadPoolScope pool_;
  const PartScope part_;
  const bool flag_before_;
};

void RunOnPool(ThreadPool& pool, int parts, internal::PartFn call, const void* loop) {
  std::atomic<bool> raised{false}, failed{false};
  std::exception_ptr exception;
  pool.Run(parts, [&](int part) {
    if (failed) return;
    const PoolPartScope scope(pool);
    try {
      call(loop, part);
    } catch (...) {
      if (!failed.exchange(true)) exception = std::current_exception();
    }
    if (scope.raised()) raised = true;
  });
  if (raised) std::feraiseexcept(FE_INVALID);
  if (exception != nullptr) std::rethrow_exception(exception);
}

}  // namespace

ThreadPoolScope::ThreadPoolScope(ThreadPool& pool)
    : previous_(current_pool), previous_levels_(ParallelLevels()) {
  current_pool = &pool;
  SetParallelLevels(0);
}

ThreadPoolScope::~ThreadPoolScope() {
  current_pool = previous_;
  SetParallelLevels(previous_levels_);
}

ThreadPool* CurrentThreadPool() { return current_pool; }

bool InParallel() {
#ifdef _OPENMP
  if (omp_in_parallel() != 0) return true;
#endif
  return in_part;
}

namespace internal {

void RunParts(int parts, PartFn call, const void* loop) {
  if (in_part) {
    for (int part = 0; part < parts; ++part) call(loop, part);
    return;
  }
  if (current_pool != nullptr) return RunOnPool(*current_pool, parts, call, loop);
  const PartScope scope;
  RunWithHelpers(parts, call, loop);
}

void StayOnThisThread() {
  in_part = true;
  SetParallelLevels(0);
}

}  // namespace internal
}  // namespace nomograph
