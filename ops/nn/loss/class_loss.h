// What the losses of classes share: NegativeLogLikelihoodLoss, SoftmaxCrossEntropyLoss.
#ifndef NOMOGRAPH_OPS_NN_LOSS_CLASS_LOSS_H_
#define NOMOGRAPH_OPS_NN_LOSS_CLASS_LOSS_H_

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/op.h"

namespace nomograph::nn {

// Adds the attributes.
OpDef ClassLossSchema(OpDef op);

// The shape of the loss. Input 0 has a number for each class along `axis`, input 1 the classes,
// input 2 (optional) the classes' weights.
absl::StatusOr<PartialShape> InferClassLoss(const InferContext& context);

// What the gradients of a loss are made of, each in the shape of the classes.
struct ClassLossParts {
  Value labels;   // 0 for those that are ignored
  Value counts;   // bool; absent where all count
  Value factors;  // of each -log-probability, its weight and the loss's gradient among them
  Value share;    // of each weight times -log-probability
};
ClassLossParts PartsOf(const GradientContext& g);

// The gradient of the weights, from the log-probabilities.
Value WeightGradient(const GradientContext& g, const ClassLossParts& parts,
                     const Value& log_probabilities);

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_LOSS_CLASS_LOSS_H_
