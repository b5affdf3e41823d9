// What the control-flow ops share: core.If, core.While, core.Loop and core.Scan.
#ifndef NOMOGRAPH_OPS_CORE_CONTROL_FLOW_H_
#define NOMOGRAPH_OPS_CORE_CONTROL_FLOW_H_

#include <vector>

#include "nomograph/core/op/op.h"

namespace nomograph {

// What both shapes say: the sizes on which they agree. Unknown rank where the ranks differ.
PartialShape CommonShape(const PartialShape& a, const PartialShape& b);

// InvalidArgument unless the type is bool and could be of one element. `what` names it in the
// error.
absl::Status CheckCondition(const TensorType& type, absl::string_view what);

// The value of a condition: the one element of a bool tensor. InvalidArgument for another.
absl::StatusOr<bool> ConditionValue(const Tensor& condition, absl::string_view what);

// Inputs `first` and on of the running node, borrowed.
std::vector<Tensor> BorrowInputs(const KernelContext& context, int first);

// Calls the function that attribute `attr` names. `call` tells this call of the node from its
// others: random ops inside draw other numbers in each. FailedPrecondition where no session runs
// the node.
absl::StatusOr<std::vector<Tensor>> CallFunction(const KernelContext& context,
                                                 absl::string_view attr,
                                                 absl::Span<const Tensor> inputs, uint64_t call);

// Declares the attribute `key`, which CallFunction() heeds.
OpDef WithKey(OpDef op);

// Copies the first of `values` to the outputs.
absl::Status SetOutputs(KernelContext& context, absl::Span<const Tensor> values);

}  // namespace nomograph

#endif  // NOMOGRAPH_OPS_CORE_CONTROL_FLOW_H_
