// The check of the gradient that normalisations' gradients take.
#ifndef NOMOGRAPH_OPS_NN_NORM_GRADIENT_INPUT_H_
#define NOMOGRAPH_OPS_NN_NORM_GRADIENT_INPUT_H_

#include "nomograph/core/op/op.h"

namespace nomograph::nn {

// InvalidArgument unless input `dy` can have the shape of x.
inline absl::Status CheckGradientInput(const InferContext& context, int dy, const PartialShape& x) {
  if (Compatible(context.shape(dy), x)) return absl::OkStatus();
  return InvalidArgument("input dy: expected the shape of x, ", x.ToString(), ", found ",
                         context.shape(dy).ToString());
}

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_NORM_GRADIENT_INPUT_H_
