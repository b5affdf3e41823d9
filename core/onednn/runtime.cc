#include "nomograph/core/onednn/runtime.h"

#include <cstdlib>
#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/vector/vector_target.h"

#if DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_THREADPOOL
#include "oneapi/dnnl/dnnl_threadpool.hpp"
#elif DNNL_CPU_THREADING_RUNTIME != DNNL_RUNTIME_OMP && \
    DNNL_CPU_THREADING_RUNTIME != DNNL_RUNTIME_SEQ
// On threads that are nobody's here the flag that tells of a lost NaN (core/op/keep_nan.h) would
// not be seen.
#error "Nomograph runs oneDNN's CPU runtimes OMP, THREADPOOL and SEQ"
#endif

namespace nomograph::onednn {
namespace {

#if DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_THREADPOOL

// Before 2.7 oneDNN takes the machine's cores for the number of threads when it creates primitives,
// and cannot be told another: there it gets one thread, which they serve whatever they were made
// for.
#define NOMO_ONEDNN_COUNTS_THREADS (DNNL_VERSION_MAJOR > 2 || DNNL_VERSION_MINOR >= 7)

// The threads of our own loops as oneDNN's. None of the functions says `override`, as wait() is a
// function of the base class in newer versions only.
class LoopThreads : public dnnl::threadpool_interop::threadpool_iface {
 public:
  LoopThreads() { set_count(1); }
  int get_num_threads() const { return count_; }
  bool get_in_parallel() const { return InParallel(); }
  void parallel_for(int n, const std::function<void(int, int)>& task) {
    ParallelForDynamic(count_, n, [&task, n](int64_t i) { task(static_cast<int>(i), n); });
  }
  void wait() {}  // parallel_for() has waited
  uint64_t get_flags() const { return 0; }

  void set_count(int count) {
    count_ = count;
#if NOMO_ONEDNN_COUNTS_THREADS
    dnnl_threadpool_interop_set_max_concurrency(count);
#endif
  }

 private:
  int count_;
};

LoopThreads& ThisThreadsLoops() {
  thread_local LoopThreads threads;
  return threads;
}

dnnl::stream NewStream() {
  return dnnl::threadpool_interop::make_stream(Engine(), &ThisThreadsLoops());
}

int CurrentThreads() { return ThisThreadsLoops().get_num_threads(); }

void SetCurrentThreads(int threads) { ThisThreadsLoops().set_count(threads); }

#elif DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_OMP

dnnl::stream NewStream() { return dnnl::stream(Engine()); }
int CurrentThreads() { return MaxThreads(); }
void SetCurrentThreads(int threads) { SetMaxThreads(threads); }

#else

dnnl::stream NewStream() { return dnnl::stream(Engine()); }
int CurrentThreads() { return 1; }
void SetCurrentThreads(int /*threads*/) {}

#endif

// What our own loops are held to holds for oneDNN's, which takes it before its first use only.
void LimitInstructionSet() {
#if defined(__x86_64__)
  const VectorTarget target = MaxVectorTarget();
  if (target == VectorTarget::kAvx512) {
    // Where the variable is not set, oneDNN's own (ONEDNN_MAX_CPU_ISA) holds.
    const char* const named = std::getenv(kMaxTargetVariable);
    if (named == nullptr || named != absl::string_view(VectorTargetName(target))) return;
    dnnl::set_max_cpu_isa(dnnl::cpu_isa::avx512_core_bf16);
    return;
  }
  const bool avx2 = target == VectorTarget::kAvx2;
  dnnl::set_max_cpu_isa(avx2 ? dnnl::cpu_isa::avx2 : dnnl::cpu_isa::sse41);
#endif
}

dnnl::engine* NewEngine() {
  LimitInstructionSet();
  return new dnnl::engine(dnnl::engine::kind::cpu, 0);
}

}  // namespace

const dnnl::engine& Engine() {
  static const dnnl::engine& engine = *NewEngine();
  return engine;
}

dnnl::stream& Stream() {
  thread_local dnnl::stream stream = NewStream();
  return stream;
}

int PrimitiveThreads([[maybe_unused]] int threads) {
#if DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_THREADPOOL
  return NOMO_ONEDNN_COUNTS_THREADS ? threads : 1;
#elif DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_OMP
  // oneDNN knows no other threads than OpenMP's.
  return CurrentThreadPool() != nullptr ? 1 : threads;
#else
  return 1;
#endif
}

PrimitiveThreadsScope::PrimitiveThreadsScope(int threads)
    : previous_(CurrentThreads()), changed_(threads != previous_) {
  if (changed_) SetCurrentThreads(threads);
}

PrimitiveThreadsScope::~PrimitiveThreadsScope() {
  if (changed_) SetCurrentThreads(previous_);
}

absl::Status ToStatus(const dnnl::error& error) {
  const std::string message = absl::StrCat("oneDNN: ", error.message);
  switch (error.status) {
    case dnnl_unimplemented:
      return absl::UnimplementedError(message);
    case dnnl_out_of_memory:
      return absl::ResourceExhaustedError(message);
    default:
      return absl::InternalError(message);
  }
}

absl::Status Sgemm(int64_t m, int64_t n, int64_t k, const SgemmMatrix& a, const SgemmMatrix& b,
                   float* c, int64_t c_step, bool add) {
  const char a_order = a.transposed ? 'T' : 'N', b_order = b.transposed ? 'T' : 'N';
  const float beta = add ? 1.0f : 0.0f;
#if DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_THREADPOOL
  const PrimitiveThreadsScope threads(PrimitiveThreads(DefaultThreads()));
  const dnnl_status_t status =
      dnnl_threadpool_interop_sgemm(a_order, b_order, m, n, k, 1.0f, a.data, a.step, b.data, b.step,
                                    beta, c, c_step, &ThisThreadsLoops());
#else
  const dnnl_status_t status =
      dnnl_sgemm(a_order, b_order, m, n, k, 1.0f, a.data, a.step, b.data, b.step, beta, c, c_step);
#endif
  if (status == dnnl_success) return absl::OkStatus();
  return ToStatus(dnnl::error(status, "a matrix product failed"));
}

}  // namespace nomograph::onednn
