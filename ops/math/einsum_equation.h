// Equations of math.Einsum: "bij,bjk->bik".
#ifndef NOMOGRAPH_OPS_MATH_EINSUM_EQUATION_H_
#define NOMOGRAPH_OPS_MATH_EINSUM_EQUATION_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "nomograph/core/types/shape.h"

namespace nomograph::math {

// The axes of one tensor: a letter each, and perhaps an ellipsis, which stands for any number of
// axes ahead of letter number `ellipsis`.
struct EinsumTerm {
  std::string letters;
  int ellipsis = -1;  // -1: there is none
  bool has_ellipsis() const { return ellipsis >= 0; }
};

struct EinsumEquation {
  std::vector<EinsumTerm> operands;
  EinsumTerm output;
};

// InvalidArgument says what is wrong where in the equation. Where it has no "->", the output has
// the ellipsis, if there is one, then the letters that occur once, in their order in ASCII.
absl::StatusOr<EinsumEquation> ParseEinsum(absl::string_view equation);

// An equation applied to operands: each axis of each of them runs along an index.
struct EinsumIndices {
  // By index. The output's indices come first, in the order of its axes; over the others is summed.
  std::vector<Dim> sizes;
  int output_rank = 0;
  // For each operand the indices of its axes. An axis has its index' size, or 1: then it is
  // broadcast.
  std::vector<std::vector<int>> operands;

  PartialShape OutputShape() const;
};

// InvalidArgument when the number of operands, their ranks or sizes do not fit.
// REQUIRES: the operands have a rank.
absl::StatusOr<EinsumIndices> BindEinsum(const EinsumEquation& equation,
                                         absl::Span<const PartialShape> operands);

}  // namespace nomograph::math

#endif  // NOMOGRAPH_OPS_MATH_EINSUM_EQUATION_H_
