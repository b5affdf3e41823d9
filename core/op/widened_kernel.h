// 16-bit floating point by kernels for float32: one way for all ops.
#ifndef NOMOGRAPH_CORE_OP_WIDENED_KERNEL_H_
#define NOMOGRAPH_CORE_OP_WIDENED_KERNEL_H_

#include <memory>

#include "absl/functional/function_ref.h"
#include "nomograph/core/op/op.h"

namespace nomograph {

// Yields the kernel for a node of float32, or null.
using PrepareWideFn =
    absl::FunctionRef<absl::StatusOr<std::unique_ptr<Kernel>>(const PrepareContext&)>;

// A kernel for a node with 16-bit floating-point inputs: it converts them to float32 (constants
// once and for all), runs the one that `prepare` yields for these, and rounds the results. Null
// where the op does not take float32 for them, has an effect, or `prepare` has none.
absl::StatusOr<std::unique_ptr<Kernel>> PrepareWidened(const OpDef& op,
                                                       const PrepareContext& context,
                                                       PrepareWideFn prepare);

// Converts the elements of `from` to those of `to`, which has as many, on so many threads.
void ConvertOnThreads(const TensorView& from, const TensorView& to, int threads);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_OP_WIDENED_KERNEL_H_
