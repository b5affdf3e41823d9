// Fast kernels of ops that multiply float32 by a constant matrix in bfloat16, whose factors they
// round themselves: core/narrow/bfloat16_product.h, and core/narrow/narrow_product.h for a few
// rows. They serve nodes whose types no graph can have: all is float32, but for the constant, which
// is bfloat16. Where they do, a program in bfloat16 has such nodes
// (core/compile/assign_precision.cc).
#ifndef NOMOGRAPH_OPS_MATH_BFLOAT16_KERNEL_H_
#define NOMOGRAPH_OPS_MATH_BFLOAT16_KERNEL_H_

#include <functional>

#include "nomograph/ops/math/packed_kernel.h"

namespace nomograph {

// For OpDef::Fast: the forms "packed product in bfloat16" and "bfloat16 product of rows"
// (core/form/form.h), on machines that multiply bfloat16.
PrepareFn PrepareBFloat16(PackedNodeFn describe);
// For OpDef::TakesPostOps: `otherwise` is asked of the nodes that have other types.
std::function<bool(const PrepareContext&)> BFloat16TakesPostOps(
    PackedNodeFn describe, std::function<bool(const PrepareContext&)> otherwise);

}  // namespace nomograph

#endif  // NOMOGRAPH_OPS_MATH_BFLOAT16_KERNEL_H_
