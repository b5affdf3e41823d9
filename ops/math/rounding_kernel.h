// Fast kernels of ops that multiply two matrices in float32 of which neither is constant, and round
// both to bfloat16 while they pack them (core/narrow/bfloat16_product.h): the products of training,
// and attention's. They serve nodes that are marked, on machines that multiply bfloat16; a program
// in bfloat16 has such nodes (core/compile/assign_precision.cc).
#ifndef NOMOGRAPH_OPS_MATH_ROUNDING_KERNEL_H_
#define NOMOGRAPH_OPS_MATH_ROUNDING_KERNEL_H_

#include <functional>
#include <optional>
#include <vector>

#include "nomograph/core/op/op.h"
#include "nomograph/core/vector/packed_product.h"

namespace nomograph {

// A node as products of matrices, each of which is [rows, inner] * [inner, columns]. What they
// yield lies one behind the other, rows together.
struct FactorsNode {
  // How the elements of a matrix lie, and of each product the number of its matrix; matrices lie
  // one behind the other.
  struct Factor {
    MatrixView view;  // without data
    std::vector<int64_t> numbers;
  };
  Factor left, right;
  int bias_input = -1;  // an element for each column

  int64_t products() const { return static_cast<int64_t>(left.numbers.size()); }
};

// None where the node is no such product.
using FactorsNodeFn = std::function<std::optional<FactorsNode>(const PrepareContext& context)>;

// For OpDef::Fast: the form kRoundingForm.
FastKernel FastRounding(FactorsNodeFn describe);

// For kernels with such products inside. Whether it pays to round both factors of this one.
bool RoundingPays(int64_t rows, int64_t terms, int64_t columns);
// Memory for a product of these sizes by so many threads, in floats. It lies best at a multiple of
// 64 bytes.
int64_t RoundedScratchFloats(int64_t rows, int64_t terms, int64_t columns, int threads);
// y = left right, or y += left right; its rows are `stride` apart. REQUIRES: HasBFloat16Products().
void MultiplyRounded(const MatrixView& left, const MatrixView& right, float* y, int64_t stride,
                     bool add, int threads, float* scratch);

}  // namespace nomograph

#endif  // NOMOGRAPH_OPS_MATH_ROUNDING_KERNEL_H_
