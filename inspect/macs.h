// How many products of two numbers an op sums up.
#ifndef NOMOGRAPH_INSPECT_MACS_H_
#define NOMOGRAPH_INSPECT_MACS_H_

#include <cstdint>
#include <optional>

#include "absl/types/span.h"
#include "nomograph/core/op/op.h"

namespace nomograph {

// The multiply-accumulates of a node by the mathematics of its op, whatever kernel runs it: those
// of convolutions, products of matrices, recurrent layers and attention. Padding counts as data, as
// it does in papers; biases, activations and normalisations count nothing, nor do ops that are none
// of these. None where a shape that it takes is open. `attrs` are resolved; an absent input has an
// invalid dtype. Sums stop at kMaxWork.
std::optional<int64_t> MultiplyAccumulates(const OpDef& op, const Attributes& attrs,
                                           absl::Span<const TensorType> inputs,
                                           absl::Span<const TensorType> outputs);

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_MACS_H_
