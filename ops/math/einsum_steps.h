// The steps of the fast kernel of math.Einsum, and the kernel that runs them.
#ifndef NOMOGRAPH_OPS_MATH_EINSUM_STEPS_H_
#define NOMOGRAPH_OPS_MATH_EINSUM_STEPS_H_

#include <memory>
#include <variant>
#include <vector>

#include "nomograph/core/op/kernel.h"

namespace nomograph::math::einsum {

// An array of floats: an input of the node, its output, or scratch memory from an offset on.
struct Place {
  enum class Kind { kInput, kOutput, kScratch } kind;
  int64_t number = 0;  // the input's, or the offset in bytes

  float* Address(const KernelContext& context) const;
};

// Along an axis an index of the equation runs.
struct Axis {
  int index;
  int64_t size, step;  // elements from one to the next
};
using Axes = std::vector<Axis>;

// to[kept...] = the sum of from[kept..., summed...] over the summed axes.
struct Gather {
  Place from, to;
  Axes kept, summed;

  void Run(const KernelContext& context) const;
};

// y[batch, rows, columns] = the sum over inner of a[batch, rows, inner] b[batch, inner, columns],
// where the matrices of a and b may be stored transposed.
struct Product {
  Place a, b, y;
  int64_t batch, rows, inner, columns;
  bool a_transposed, b_transposed;

  // Where Prepare() has found that oneDNN is faster than a loop: the kernel of math.MatMul.
  std::shared_ptr<const Kernel> kernel;
  Attributes attrs;
  Shape a_shape, b_shape, y_shape;  // as they are stored

  // `context` is that of the node: its constant inputs may be packed.
  absl::Status Prepare(const PrepareContext& context);
  absl::Status Run(KernelContext& context, KernelState* state, std::byte* scratch) const;
};

using Step = std::variant<Gather, Product>;

// Runs the steps in their order. `buffer_bytes` of scratch memory are theirs.
std::unique_ptr<Kernel> MakeKernel(std::vector<Step> steps, int64_t buffer_bytes);

}  // namespace nomograph::math::einsum

#endif  // NOMOGRAPH_OPS_MATH_EINSUM_STEPS_H_
