// The gradients of recurrent layers: backward through time. The gates are computed anew, unless
// they were kept, for all steps at once, because each step's h is known; so are the products with
// the weights. Only what a step hands back to the one before it goes step by step.
#ifndef NOMOGRAPH_OPS_NN_RECURRENT_RECURRENT_GRADIENT_H_
#define NOMOGRAPH_OPS_NN_RECURRENT_RECURRENT_GRADIENT_H_

#include <string>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/ops/nn/recurrent/recurrent.h"

namespace nomograph::nn {

enum class RecurrentCell { kRnn, kGru, kLstm };

// The op for the gradients of `of` (an op of RecurrentOp()). Its inputs are those of the layer,
// then Y, which the layer yielded, and the gradients of the layer's outputs; its outputs are the
// gradients of the layer's floating-point inputs. Left to add: the layer's own attributes,
// Examples.
OpDef RecurrentGradOp(const std::string& of, const RecurrentKind& kind, RecurrentCell cell);

// The shape of the gates' values that a layer keeps, from that of Y.
PartialShape KeptGatesShape(const PartialShape& y, int64_t gates);

// For OpDef::Gradient of the layer.
GradientFn RecurrentGradient(bool has_cell);

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_RECURRENT_RECURRENT_GRADIENT_H_
