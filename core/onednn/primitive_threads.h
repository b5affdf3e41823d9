// How many threads compute a primitive of oneDNN's.
#ifndef NOMOGRAPH_CORE_ONEDNN_PRIMITIVE_THREADS_H_
#define NOMOGRAPH_CORE_ONEDNN_PRIMITIVE_THREADS_H_

#include "nomograph/core/op/kernel.h"

namespace nomograph::onednn {

// PrimitiveThreads() of the node's threads (runtime.h), or one for little work: a team of OpenMP's
// that sleeps, as other loops have helpers instead (core/numeric/helpers.h), takes as long as fifty
// microseconds' work, and on a busy machine longer.
int PrimitiveThreads(const PrepareContext& context);

}  // namespace nomograph::onednn

#endif  // NOMOGRAPH_CORE_ONEDNN_PRIMITIVE_THREADS_H_
