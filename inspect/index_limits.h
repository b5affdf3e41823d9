// How large the numbers may be that a model takes as indices.
#ifndef NOMOGRAPH_INSPECT_INDEX_LIMITS_H_
#define NOMOGRAPH_INSPECT_INDEX_LIMITS_H_

#include <cstdint>
#include <optional>

#include "nomograph/core/graph/graph.h"

namespace nomograph {

// The rows of the smallest table that the input picks from by number (array.Gather, as embeddings
// are written), by way of casts and changes of shape, too. None where it indexes nothing of known
// size.
std::optional<int64_t> IndexLimit(const Graph& graph, ValueId input);

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_INDEX_LIMITS_H_
