// Kernels that multiply float32 rows by a constant matrix of narrow elements:
// core/narrow/narrow_product.h.
#ifndef NOMOGRAPH_OPS_MATH_NARROW_KERNEL_H_
#define NOMOGRAPH_OPS_MATH_NARROW_KERNEL_H_

#include <memory>
#include <vector>

#include "nomograph/core/narrow/narrow_product.h"
#include "nomograph/core/op/op.h"
#include "nomograph/ops/math/packed_kernel.h"

namespace nomograph {

// The matrix with the memory that it needs.
struct NarrowWeights {
  NarrowMatrix matrix;  // points into the tensors
  Tensor packed, scales, zeros;
};

// What a node multiplies by such a matrix.
struct NarrowNode {
  int64_t rows = 0;
  int other_input = 0;     // the rows, one behind the other
  int constant_input = 1;  // read no more: the kernel has a copy
  int bias_input = -1;     // an element for each column
};

// The constant [rows, columns] in the narrowest floating-point type that holds each of its elements
// as it is: a model in 16 bits keeps its weights in them, though its kernels compute in float32.
// Null where they take float32.
absl::StatusOr<std::unique_ptr<NarrowWeights>> NarrowFloats(const MatrixView& constant);

// `steps` are FusedSteps() with ProductSide::kRight.
std::unique_ptr<Kernel> MakeNarrowKernel(std::unique_ptr<NarrowWeights> weights,
                                         const NarrowNode& node, std::vector<FusedStep> steps,
                                         int threads);

}  // namespace nomograph

#endif  // NOMOGRAPH_OPS_MATH_NARROW_KERNEL_H_
