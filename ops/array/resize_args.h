// What array.Resize is asked to do: its arguments, which are attributes or inputs, and what follows
// from them for each axis.
#ifndef NOMOGRAPH_OPS_ARRAY_RESIZE_ARGS_H_
#define NOMOGRAPH_OPS_ARRAY_RESIZE_ARGS_H_

#include <optional>
#include <vector>

#include "nomograph/core/op/op.h"
#include "nomograph/ops/array/resize_axis.h"

namespace nomograph {

// Declares the attributes, which array.ResizeGrad has as well.
OpDef WithResizeAttributes(OpDef op);

// The shape function.
absl::StatusOr<std::vector<TensorType>> InferResize(const InferContext& context);

// The taps of all axes; nothing where an argument is not known. REQUIRES: InferResize() accepts the
// node, whose shapes are concrete, and the output has elements.
absl::StatusOr<std::optional<std::vector<ResizeTaps>>> GetResizeTaps(const InferContext& context);

}  // namespace nomograph

#endif  // NOMOGRAPH_OPS_ARRAY_RESIZE_ARGS_H_
