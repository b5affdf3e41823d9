// What a graph's values need, told before anything is paid for.
#ifndef NOMOGRAPH_CORE_COMPILE_MEMORY_NEEDS_H_
#define NOMOGRAPH_CORE_COMPILE_MEMORY_NEEDS_H_

#include <string>
#include <vector>

#include "nomograph/core/compile/lower.h"
#include "nomograph/core/graph/graph.h"

namespace nomograph {

// The bytes of a tensor of this type. -1 where the shape leaves something open; the largest int64_t
// where the number does not fit.
int64_t BytesNeeded(const TensorType& type);

// OK, or ResourceExhausted with a line for each node of which an output passes what the thread's
// memory account (core/types/memory.h) has left.
absl::Status CheckValuesFit(const LoweredGraph& graph);

// The same of an editable graph whose values are typed, without what is constant or an input: a
// line each.
std::vector<std::string> ValuesThatDoNotFit(const Graph& graph);

// `the largest is node "a" (nn.Conv): float32[1,8,8,64], 16.0 KB`. Empty where there is no node.
std::string LargestValue(const LoweredGraph& graph);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_COMPILE_MEMORY_NEEDS_H_
