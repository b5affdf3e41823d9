// What core.While, core.Loop and core.Scan share: the types of what a loop's body hands from one
// iteration to the next, and the outputs that are stacked from what each iteration yields.
#ifndef NOMOGRAPH_OPS_CORE_LOOP_BODY_H_
#define NOMOGRAPH_OPS_CORE_LOOP_BODY_H_

#include <vector>

#include "nomograph/core/op/op.h"

namespace nomograph {

// A body takes `count` carried values as its inputs `first_input` and on, and yields their next
// ones as its outputs `first_output` and on.
struct Carried {
  int count = 0;
  int first_input = 0, first_output = 0;
};

// The types of all that the function `body` yields when it is called over and over. `inputs` are
// the types that it takes in the first iteration; those of carried values become the types that
// they have in every iteration: sizes that change from one to the next are unknown.
// InvalidArgument when a carried value changes its dtype, or the body yields too few outputs.
absl::StatusOr<std::vector<TensorType>> InferLoopBody(const InferContext& context,
                                                      const Carried& carried,
                                                      std::vector<TensorType>& inputs);

// One output made of a slice from each iteration, which are put together along a new axis.
class StackedOutput {
 public:
  // `axis`, in [-rank, rank) of the output, is the new one. `backwards`: the last slice comes
  // first.
  explicit StackedOutput(int64_t axis = 0, bool backwards = false)
      : axis_(axis), backwards_(backwards) {}

  // InvalidArgument unless the slice has the dtype and shape of the first one.
  absl::Status Add(Tensor slice);
  // Writes output i of the running node. Without a slice it is empty, and of its other sizes those
  // are 0 that are not known.
  absl::Status Write(KernelContext& context, int i) const;

 private:
  absl::Status WriteEmpty(KernelContext& context, int i) const;

  int64_t axis_;
  bool backwards_;
  std::vector<Tensor> slices_;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_OPS_CORE_LOOP_BODY_H_
