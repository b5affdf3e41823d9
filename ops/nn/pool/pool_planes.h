// The maximum or the mean over windows of float32 planes that lie row by row, channel by channel
// (NCHW). oneDNN's loops want channels in blocks, and copies into them and back take longer than a
// loop.
#ifndef NOMOGRAPH_OPS_NN_POOL_POOL_PLANES_H_
#define NOMOGRAPH_OPS_NN_POOL_POOL_PLANES_H_

#include "nomograph/core/op/kernel.h"

namespace nomograph::nn {

// The fast kernel of nn.MaxPool for planes, of one to three axes. NaN is greater than all else, and
// a window of padding alone yields -infinity. Null where it does not serve.
absl::StatusOr<std::unique_ptr<Kernel>> PrepareMaxPlanes(const PrepareContext& context);

// The same of nn.AveragePool. It sums in float32.
absl::StatusOr<std::unique_ptr<Kernel>> PrepareMeanPlanes(const PrepareContext& context);

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_POOL_POOL_PLANES_H_
