// What the pooling ops share.
#ifndef NOMOGRAPH_OPS_NN_POOL_POOL_H_
#define NOMOGRAPH_OPS_NN_POOL_POOL_H_

#include <optional>
#include <vector>

#include "nomograph/core/onednn/onednn_kernel.h"
#include "nomograph/ops/nn/window.h"

namespace nomograph::nn {

// Declares kernel_shape, ceil_mode and the attributes of WithWindow().
OpDef WithPoolWindow(OpDef op);

// The shape of the pooled input 0; unknown where its rank is.
absl::StatusOr<PartialShape> InferPooled(const InferContext& context);

// The window of a concrete input.
absl::StatusOr<Window> PoolWindow(const Attributes& attrs, const Shape& x);

// For OpDef::AbsorbsPadding(), where padding counts for nothing: of a maximum, what is no greater
// than the least element.
std::optional<Attributes> MaximumWithPadding(const InferContext& node, const Padding& padding);

// Adds oneDNN's pooling of input 0 to output 0; false where it would not yield what the reference
// kernels yield.
bool BuildPool(onednn::Builder& b, dnnl::algorithm algorithm);

// The fast kernel of an op that `build` builds with oneDNN's maximum. oneDNN begins with the least
// finite number, which it yields for windows of -infinity, too: where it does, `reference` runs.
PrepareFn PrepareMaximum(onednn::BuildFn build, ComputeFn reference);

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_POOL_POOL_H_
