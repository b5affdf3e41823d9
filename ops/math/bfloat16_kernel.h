// Fast kernels of ops that multiply float32 by a matrix, and round to bfloat16 what is not so
// already: core/narrow/bfloat16_product.h, and core/narrow/narrow_product.h for a few rows. They
// serve nodes that no graph can have: all is float32, but for a constant matrix, which is bfloat16;
// or all is float32, and the node is marked. Where they do, a program in bfloat16 has such nodes
// (core/compile/assign_precision.cc).
#ifndef NOMOGRAPH_OPS_MATH_BFLOAT16_KERNEL_H_
#define NOMOGRAPH_OPS_MATH_BFLOAT16_KERNEL_H_

#include <functional>

#include "nomograph/ops/math/packed_kernel.h"

namespace nomograph {

// Whether the node is all float32 and marked by kRoundsFactors, on a machine that multiplies
// bfloat16.
bool RoundsFactors(const PrepareContext& context);

// `kernel`, which says for itself alone what becomes of nodes that are `its`: whether they round,
// and with which post-ops. No other is asked of these.
FastKernel AloneAskedOf(bool (*its)(const PrepareContext&), FastKernel kernel);

// For OpDef::Fast: the forms "packed product in bfloat16" and "bfloat16 product of rows"
// (core/form/form.h), on machines that multiply bfloat16;
// kRoundingForm for marked nodes. `describe` is asked of nodes without a constant, too.
FastKernel FastBFloat16(PackedNodeFn describe);

}  // namespace nomograph

#endif  // NOMOGRAPH_OPS_MATH_BFLOAT16_KERNEL_H_
