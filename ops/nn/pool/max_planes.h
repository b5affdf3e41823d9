// The maximum over windows of float32 planes that lie row by row, channel by channel (NCHW).
// oneDNN's loops want channels in blocks, and copies into them and back take longer than a loop.
#ifndef NOMOGRAPH_OPS_NN_POOL_MAX_PLANES_H_
#define NOMOGRAPH_OPS_NN_POOL_MAX_PLANES_H_

#include "nomograph/core/op/kernel.h"

namespace nomograph::nn {

// The fast kernel of nn.MaxPool for planes, of one or two axes, without indices. NaN is greater
// than all else, and a window of padding alone yields -infinity. Null where it does not serve.
absl::StatusOr<std::unique_ptr<Kernel>> PrepareMaxPlanes(const PrepareContext& context);

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_POOL_MAX_PLANES_H_
