// How many threads compute a primitive of oneDNN's.
#ifndef NOMOGRAPH_CORE_ONEDNN_PRIMITIVE_THREADS_H_
#define NOMOGRAPH_CORE_ONEDNN_PRIMITIVE_THREADS_H_

#include "nomograph/core/op/kernel.h"

namespace nomograph::onednn {

// With OpenMP below it oneDNN knows no other threads than OpenMP's. A team of those that sleeps,
// other loops having helpers instead (core/numeric/helpers.h), takes as long as fifty microseconds'
// work, and on a busy machine longer.
int PrimitiveThreads(const PrepareContext& context);

}  // namespace nomograph::onednn

#endif  // NOMOGRAPH_CORE_ONEDNN_PRIMITIVE_THREADS_H_
