#include "nomograph/core/numeric/threads.h"

#include <atomic>
#include <cfenv>

namespace nomograph {
namespace {

thread_local ThreadPool* current_pool = nullptr;
thread_local bool in_task = false;

// With 0 levels every region of this thread's has one thread, whatever it asks for.
#ifdef _OPENMP
int ParallelLevels() { return omp_get_max_active_levels(); }
void SetParallelLevels(int levels) { omp_set_max_active_levels(levels); }
#else
int ParallelLevels() { return 0; }
void SetParallelLevels(int /*levels*/) {}
#endif

// A thread of the pool's within a task, which may be the one that waits for it.
class TaskScope {
 public:
  explicit TaskScope(ThreadPool& pool)
      : pool_(pool), flag_before_(std::fetestexcept(FE_INVALID) != 0), in_task_before_(in_task) {
    in_task = true;
    if (flag_before_) std::feclearexcept(FE_INVALID);
  }
  ~TaskScope() {
    in_task = in_task_before_;
    if (flag_before_) {
      std::feraiseexcept(FE_INVALID);
    } else {
      std::feclearexcept(FE_INVALID);
    }
  }
  bool raised() const { return std::fetestexcept(FE_INVALID) != 0; }

 private:
  const ThreadPoolScope pool_;
  const bool flag_before_, in_task_before_;
};

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
  return in_task;
}

namespace internal {

void RunOnPool(ThreadPool& pool, int count, const std::function<void(int)>& task) {
  if (in_task) {
    for (int i = 0; i < count; ++i) task(i);
    return;
  }
  std::atomic<bool> raised{false};
  pool.Run(count, [&](int i) {
    const TaskScope scope(pool);
    task(i);
    if (scope.raised()) raised = true;
  });
  if (raised) std::feraiseexcept(FE_INVALID);
}

}  // namespace internal
}  // namespace nomograph
