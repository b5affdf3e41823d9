// Elementwise nodes, and what is fused behind them, as one pass of vector steps
// (core/vector/elementwise_run.h): a primitive of oneDNN takes some hundred nanoseconds a call, and
// loses NaN here and there.
#ifndef NOMOGRAPH_CORE_ONEDNN_ELEMENTWISE_LOOP_H_
#define NOMOGRAPH_CORE_ONEDNN_ELEMENTWISE_LOOP_H_

#include <memory>
#include <optional>

#include "nomograph/core/op/kernel.h"
#include "nomograph/core/vector/steps.h"

namespace nomograph::onednn {

// The step that does what the post-op does; where it has an operand, its strides are to be set.
// None where there is no such step.
std::optional<VectorStep> StepOf(const PostOp& op);

// The kernel of a node that applies `op` to its input number `input` and then its post-ops. Null
// where not all of them have steps, or the operands' shapes are no rows and columns.
std::unique_ptr<Kernel> PrepareElementwiseLoop(const PrepareContext& context, int input,
                                               const PostOp& op);
// The same for operands that broadcast in any way, the node's input among them.
std::unique_ptr<Kernel> PrepareElementwiseRows(const PrepareContext& context, int input,
                                               const PostOp& op);
// Whether there is one, which there also is where there is the other.
bool ElementwiseRowsServe(const PrepareContext& context, int input, const PostOp& op);

}  // namespace nomograph::onednn

#endif  // NOMOGRAPH_CORE_ONEDNN_ELEMENTWISE_LOOP_H_
