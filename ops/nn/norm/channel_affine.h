// Affine maps of channels, y = x * factor + offset, and what is fused behind them, as a loop over
// the rows that have one channel each.
#ifndef NOMOGRAPH_OPS_NN_NORM_CHANNEL_AFFINE_H_
#define NOMOGRAPH_OPS_NN_NORM_CHANNEL_AFFINE_H_

#include <functional>
#include <optional>

#include "nomograph/core/op/op.h"

namespace nomograph::nn {

// That of a batch normalisation with these statistics. Scale and offset are 1 and 0 where they are
// invalid. REQUIRES: vectors of float32, of one size.
ChannelAffine AffineOfStatistics(int axis, const Tensor& scale, const Tensor& offset,
                                 const Tensor& mean, const Tensor& variance, double epsilon);

// The map that a node is; none where it is not known when the kernel is prepared.
using ChannelAffineOf = std::function<std::optional<ChannelAffine>(const PrepareContext&)>;

// For OpDef::Fast(). It serves float32, where channels have rows worth a loop and all post-ops are
// steps without operands (core/vector/steps.h).
FastKernel FastChannelAffine(ChannelAffineOf affine);

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_NORM_CHANNEL_AFFINE_H_
