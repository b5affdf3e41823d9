// The fast kernel of math.Einsum: operands are contracted two at a time, each pair by one product
// of batches of matrices.
#ifndef NOMOGRAPH_OPS_MATH_EINSUM_KERNEL_H_
#define NOMOGRAPH_OPS_MATH_EINSUM_KERNEL_H_

#include <memory>

#include "nomograph/core/op/kernel.h"
#include "nomograph/ops/math/einsum_equation.h"

namespace nomograph::math {

// Null where the node is not of float32, has an empty tensor, or would need a huge intermediate
// result. REQUIRES: `indices` are those of the node, with known sizes.
absl::StatusOr<std::unique_ptr<Kernel>> PrepareEinsum(const PrepareContext& context,
                                                      const EinsumIndices& indices);

}  // namespace nomograph::math

#endif  // NOMOGRAPH_OPS_MATH_EINSUM_KERNEL_H_
