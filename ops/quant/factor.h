// A factor of a sum of products: an operand of 8-bit integers with its zero points.
#ifndef NOMOGRAPH_OPS_QUANT_FACTOR_H_
#define NOMOGRAPH_OPS_QUANT_FACTOR_H_

#include "nomograph/core/op/kernel.h"

namespace nomograph::quant {

// Its shape is seen as [outer, depth, inner] around the axis that is summed over.
struct Factor {
  int input;       // of the node: int8 or uint8
  int zero_point;  // the input with the zero points, of the same type; it may be absent
  Shape shape;
  int depth_axis;

  // Element (o, d, i) has the zero point number o / outer_group * group_step + o % outer_group *
  // outer_step + i * inner_step.
  int64_t outer_group = 1, group_step = 0, outer_step = 0, inner_step = 0;
  // Of the second factor: whether o and i count through the output's channels. Where one does not,
  // the sums go over it, too.
  bool outer_is_channel = true, inner_is_channel = true;

  int64_t outer() const;
  int64_t depth() const { return shape[depth_axis]; }
  int64_t inner() const;
  Shape BlockShape(int64_t depth) const;
  bool has_one_zero_point() const { return group_step == 0 && outer_step == 0 && inner_step == 0; }
  int64_t ZeroIndex(int64_t o, int64_t i) const {
    return o / outer_group * group_step + o % outer_group * outer_step + i * inner_step;
  }
};

// A part of the depth.
struct Slab {
  int64_t begin, size;
};

// Writes the elements less their zero points (`zeros`, of the factor's type; null: none) and less
// `offset`, which To can hold, in the order of BlockShape(). To is float, int16_t, int8_t or
// uint8_t.
template <typename To>
void CopySlab(const Factor& factor, DType dtype, const std::byte* elements, const std::byte* zeros,
              int32_t offset, const Slab& slab, int threads, To* to);

// The greatest magnitude of an element less its zero point, whatever the element is. `zeros` is
// invalid where they are not known; `has_zeros` says whether there are any.
int64_t MagnitudeBound(DType dtype, bool has_zeros, const Tensor& zeros);

// Of the second factor: the greatest sum of the magnitudes that belong to one channel in the slab,
// for these elements less their zero points, ...
int64_t ChannelSum(const Factor& factor, absl::Span<const int16_t> values, const Slab& slab);
// ... or for elements of this magnitude.
int64_t ChannelSum(const Factor& factor, int64_t magnitude, const Slab& slab);

}  // namespace nomograph::quant

#endif  // NOMOGRAPH_OPS_QUANT_FACTOR_H_
