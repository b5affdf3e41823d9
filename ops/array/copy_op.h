// Ops that only move elements: from a shape function and a plan both kernels follow.
#ifndef NOMOGRAPH_OPS_ARRAY_COPY_OP_H_
#define NOMOGRAPH_OPS_ARRAY_COPY_OP_H_

#include <functional>
#include <vector>

#include "nomograph/core/op/int_args.h"
#include "nomograph/core/op/op.h"
#include "nomograph/ops/array/strided_copy.h"

namespace nomograph {

// Adds to `plan` what fills the outputs, whose shapes are given, for inputs of concrete shapes and
// known parameters. The shape function has accepted them.
using PlanFn = std::function<absl::Status(const InferContext& node, absl::Span<const Shape> outputs,
                                          CopyPlan& plan)>;

// Gives `op`, whose shape function is set, its kernels. `parameters` are the inputs whose values,
// beside the shapes, decide what is copied; where they are constant the plan is made once,
// otherwise at every run.
OpDef CopyOp(OpDef op, PlanFn plan, std::vector<int> parameters = {});

// Gives an op whose output is input 0 under another shape its kernel, and declares it a view.
OpDef ViewOp(OpDef op);

// How attributes and examples spell lists of integers.
using Ints = std::vector<int64_t>;

}  // namespace nomograph

#endif  // NOMOGRAPH_OPS_ARRAY_COPY_OP_H_
