// A pass over lowered graphs.
#ifndef NOMOGRAPH_CORE_COMPILE_TABULATE_BYTES_H_
#define NOMOGRAPH_CORE_COMPILE_TABULATE_BYTES_H_

#include "nomograph/core/compile/lower.h"

namespace nomograph {

// Puts a table in the place of elementwise nodes (those that could be post-ops) between bytes that
// are dequantised and bytes that are quantised, each with one scale. Yields whether it changed
// something.
bool TabulateBytes(LoweredGraph& graph, const OpRegistry& registry);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_COMPILE_TABULATE_BYTES_H_
