// What oneDNN's primitives run on: the engine, streams, and the threads that oneDNN was built to
// use, which are OpenMP's, those of a pool that it is handed (its threadpool runtime), or the
// calling one alone (sequential).
#ifndef NOMOGRAPH_CORE_ONEDNN_RUNTIME_H_
#define NOMOGRAPH_CORE_ONEDNN_RUNTIME_H_

#include "nomograph/core/types/status.h"
#include "oneapi/dnnl/dnnl.hpp"

namespace nomograph::onednn {

// The one CPU engine of the process.
const dnnl::engine& Engine();
// This thread's stream. It is in order; wait for it before its results are used. With the
// threadpool runtime its work is done by the threads of our own loops (core/numeric/threads.h).
dnnl::stream& Stream();

// How many threads the primitives of a node take that is prepared for `threads` of our loops'.
int PrimitiveThreads(int threads);

// oneDNN divides work, and sizes its scratchpads, by a number of threads when a primitive is
// created, and relies on the same number when it runs. While this lives, it is `threads` on this
// thread.
class PrimitiveThreadsScope {
 public:
  explicit PrimitiveThreadsScope(int threads);
  ~PrimitiveThreadsScope();
  PrimitiveThreadsScope(const PrimitiveThreadsScope&) = delete;
  PrimitiveThreadsScope& operator=(const PrimitiveThreadsScope&) = delete;

 private:
  const int previous_;
  const bool changed_;
};

// Unimplemented where oneDNN has no such primitive, ResourceExhausted for want of memory, else
// Internal.
absl::Status ToStatus(const dnnl::error& error);

// c = a b, or c += a b with `add`, of row-major matrices of m x k and k x n elements whose rows, in
// memory, begin a_step, b_step and c_step elements apart. A transposed matrix lies as its
// transpose.
struct SgemmMatrix {
  const float* data;
  int64_t step;
  bool transposed = false;
};
absl::Status Sgemm(int64_t m, int64_t n, int64_t k, const SgemmMatrix& a, const SgemmMatrix& b,
                   float* c, int64_t c_step, bool add);

}  // namespace nomograph::onednn

#endif  // NOMOGRAPH_CORE_ONEDNN_RUNTIME_H_
