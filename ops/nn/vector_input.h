// The check of inputs that have one element per channel.
#ifndef NOMOGRAPH_OPS_NN_VECTOR_INPUT_H_
#define NOMOGRAPH_OPS_NN_VECTOR_INPUT_H_

#include "nomograph/core/op/op.h"

namespace nomograph::nn {

// InvalidArgument unless input i, where it is there, can be a vector of `size` elements: a bias, or
// the scale of a normalisation, with one element per channel.
inline absl::Status CheckVectorInput(const InferContext& context, int i, absl::string_view name,
                                     const Dim& size) {
  if (!context.has_input(i) || Compatible(context.shape(i), PartialShape{size}))
    return absl::OkStatus();
  return InvalidArgument("input ", name, ": expected shape ", PartialShape{size}.ToString(),
                         " (one element per channel), found ", context.shape(i).ToString());
}

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_VECTOR_INPUT_H_
