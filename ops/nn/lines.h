// Ops that treat every line along one axis by itself.
#ifndef NOMOGRAPH_OPS_NN_LINES_H_
#define NOMOGRAPH_OPS_NN_LINES_H_

#include "nomograph/core/op/op.h"

namespace nomograph::nn {

// The shape function: the shape of x, whose attribute `axis` must name one of its axes.
inline absl::StatusOr<std::vector<TensorType>> InferLines(const InferContext& context) {
  if (context.shape(0).has_rank()) {
    NOMO_RETURN_IF_ERROR(
        NormalizeAxis(context.attrs().Int("axis"), context.shape(0).rank()).status());
  }
  return SameAsInput(context);
}

// The same for an op whose input 1 has the shape of input 0.
inline absl::StatusOr<std::vector<TensorType>> InferGradLines(const InferContext& context) {
  if (!Compatible(context.shape(0), context.shape(1))) {
    return InvalidArgument("input 1: expected shape ", context.shape(0).ToString(), ", found ",
                           context.shape(1).ToString());
  }
  return InferLines(context);
}

// Calls f(first element, size, step between elements) for each line of x along `axis`, which is
// valid.
template <typename F>
void ForEachLine(const Shape& x, int64_t axis, F f) {
  const int a = *NormalizeAxis(axis, x.rank());
  int64_t outer = 1, inner = 1;
  for (int i = 0; i < a; ++i) outer *= x[i];
  for (int i = a + 1; i < x.rank(); ++i) inner *= x[i];
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t i = 0; i < inner; ++i) f(o * x[a] * inner + i, x[a], inner);
  }
}

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_LINES_H_
