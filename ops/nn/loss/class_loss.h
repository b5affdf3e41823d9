// What the losses of classes share: NegativeLogLikelihoodLoss, SoftmaxCrossEntropyLoss.
#ifndef NOMOGRAPH_OPS_NN_LOSS_CLASS_LOSS_H_
#define NOMOGRAPH_OPS_NN_LOSS_CLASS_LOSS_H_

#include "nomograph/core/op/op.h"

namespace nomograph::nn {

// Adds the attributes.
OpDef ClassLossSchema(OpDef op);

// The shape of the loss. Input 0 has a number for each class along `axis`, input 1 the classes,
// input 2 (optional) the classes' weights.
absl::StatusOr<PartialShape> InferClassLoss(const InferContext& context);

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_LOSS_CLASS_LOSS_H_
