// The threads of OpenMP; one where the code is compiled without it.
#ifndef NOMOGRAPH_CORE_NUMERIC_THREADS_H_
#define NOMOGRAPH_CORE_NUMERIC_THREADS_H_

#ifdef _OPENMP
#include <omp.h>
#endif

namespace nomograph {

#ifdef _OPENMP
// That a parallel region gets that does not say how many it wants.
inline int MaxThreads() { return omp_get_max_threads(); }
inline void SetMaxThreads(int threads) { omp_set_num_threads(threads); }
// Within a region: this thread's number, and how many there are, which may be fewer than the region
// asked for.
inline int ThreadNumber() { return omp_get_thread_num(); }
inline int TeamSize() { return omp_get_num_threads(); }
#else
inline int MaxThreads() { return 1; }
inline void SetMaxThreads(int /*threads*/) {}
inline int ThreadNumber() { return 0; }
inline int TeamSize() { return 1; }
#endif

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_NUMERIC_THREADS_H_
