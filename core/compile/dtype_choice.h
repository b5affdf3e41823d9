// What passes that compute nodes in another dtype ask of their ops.
#ifndef NOMOGRAPH_CORE_COMPILE_DTYPE_CHOICE_H_
#define NOMOGRAPH_CORE_COMPILE_DTYPE_CHOICE_H_

#include <algorithm>
#include <cstddef>
#include <string>

#include "nomograph/core/compile/lower.h"
#include "nomograph/core/op/op.h"
#include "nomograph/core/types/float16.h"

namespace nomograph {

// Whether the input is of a type variable that this dtype can be as well.
inline bool TakesDType(const OpDef& op, size_t input, DType dtype) {
  const std::string& type = op.inputs[std::min(input, op.inputs.size() - 1)].type;
  const auto var = std::find_if(op.type_vars.begin(), op.type_vars.end(),
                                [&](const auto& v) { return v.first == type; });
  return var != op.type_vars.end() && var->second.Contains(dtype);
}

inline bool Has16BitFloats(const LoweredGraph& graph) {
  return std::any_of(graph.types.begin(), graph.types.end(),
                     [](const TensorType& type) { return Is16BitFloat(type.dtype); });
}

// Whether a node that reads float32 has products inside whose factors its kernel rounds to bfloat16
// once the node is marked (kRoundsFactors in core/narrow/bfloat16_product.h), and that pays.
bool RoundsItself(const LoweredGraph& graph, const LoweredNode& node);

// As MatchPatterns(), but what is no product in low precision itself, such as attention, does not
// take in the products of floating-point numbers that are to be, unless it rounds itself.
bool MatchPatternsAroundProducts(LoweredGraph& graph, const OpRegistry& registry);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_COMPILE_DTYPE_CHOICE_H_
