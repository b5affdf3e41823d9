// Runs one op at once, without a graph: for constant folding, tests, and trying things.
#ifndef NOMOGRAPH_CORE_OP_EAGER_H_
#define NOMOGRAPH_CORE_OP_EAGER_H_

#include <exception>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nomograph/core/op/op.h"
#include "nomograph/core/types/memory.h"

namespace nomograph {

// As CatchBadAlloc(), and Internal for every other std::exception: for kernels and functions that
// users write, which may run on threads where nobody else would catch what they throw.
template <typename Work>
auto CatchExceptions(Work&& work) -> decltype(work()) {
  try {
    return CatchBadAlloc(work);
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("an exception was thrown: ", error.what()));
  }
}

struct RunOpOptions {
  int num_outputs = 1;
  bool fast =
      false;  // the first fast kernel that serves the shapes; the reference kernel otherwise
  RunContext run;
  uint64_t node_key = 0;
  // Fills the kernel's scratch memory with signaling NaNs of float32, as what was there before may
  // look: a kernel that computes with it raises the flag "invalid operation" (core/op/keep_nan.h).
  bool poison_scratch = false;
  int threads = 1;  // that the kernel is prepared for
};

// Resolves attributes, infers shapes, prepares and runs the kernel. An op with a body only is
// Unimplemented here: it needs a graph. `inputs` that are absent are invalid tensors.
absl::StatusOr<std::vector<Tensor>> RunOp(const OpDef& op, absl::Span<const Tensor> inputs,
                                          const Attributes& attrs,
                                          const RunOpOptions& options = {});

enum class KernelChoice {
  kReference,
  kFast,
  kFastKeepingNan,  // of the fast ones those that cannot lose a NaN: core/op/keep_nan.h
};

// Chooses and prepares the kernel: the fast ones in their order, then, for 16-bit floating point,
// those for float32, then the reference kernel. ResourceExhausted where memory runs out meanwhile.
absl::StatusOr<std::unique_ptr<Kernel>> PrepareKernel(const OpDef& op,
                                                      const PrepareContext& context,
                                                      KernelChoice choice);

// Runs a prepared kernel. ResourceExhausted where memory runs out in it.
absl::Status RunKernel(const Kernel& kernel, KernelContext& context);

// The sizes that are known, and 0 for the others; a scalar's shape where the rank is not known:
// what a kernel sees of an output that it is to allocate.
Shape KnownSizes(const PartialShape& shape);
// InvalidArgument when output `i`, which a kernel has allocated, contradicts what was known of it.
absl::Status CheckAllocated(int i, const Shape& shape, const PartialShape& known);

// Puts a KernelContext together.
class KernelContextBuilder {
 public:
  KernelContextBuilder(absl::Span<const TensorView> inputs, absl::Span<TensorView> outputs,
                       absl::Span<Tensor> owned_outputs, const Attributes& attrs,
                       const RunContext& run, uint64_t node_key);
  void SetMemory(std::byte* scratch, KernelState* state, TensorPool* pool = nullptr);
  KernelContext& context() { return context_; }

 private:
  KernelContext context_;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_OP_EAGER_H_
