// How scales and zero points are spread over a tensor x: one for all of it, one for each index of
// an axis (of a convolution's channels, say), or one for each block of neighbouring indices along
// an axis.
#ifndef NOMOGRAPH_OPS_QUANT_GRANULARITY_H_
#define NOMOGRAPH_OPS_QUANT_GRANULARITY_H_

#include "nomograph/core/op/op.h"

namespace nomograph::quant {

// Declares the attributes axis and block_size.
OpDef WithGranularity(OpDef op);

// InvalidArgument unless inputs 1 (the scale) and 2 (the zero point, if it is there) fit input 0.
absl::Status CheckGranularity(const InferContext& context, absl::string_view scale_name,
                              absl::string_view zero_point_name);

// Elements [first, first + count) of x in row-major order. Element first + i has the scale and the
// zero point number parameter + i * step; step is 0 or 1.
struct Run {
  int64_t first, count, parameter, step;
};

// Cuts a concrete tensor into runs, which can be worked on in any order.
class Granularity {
 public:
  // REQUIRES: CheckGranularity() has passed the shapes.
  Granularity(const Shape& x, const Shape& scale, const Attributes& attrs);
  int64_t runs() const { return runs_; }
  Run run(int64_t i) const;

 private:
  enum class Kind { kTensor, kAxis, kBlocks };
  Kind kind_;
  int64_t axis_ = 1, inner_ = 1;    // sizes of the axis and of those behind it together
  int64_t block_ = 1, blocks_ = 1;  // indices in a block, blocks along the axis
  int64_t elements_ = 1, runs_ = 1;
};

}  // namespace nomograph::quant

#endif  // NOMOGRAPH_OPS_QUANT_GRANULARITY_H_
