// What convolution layers share: how their windows slide. Not for users.
#ifndef NOMOGRAPH_CORE_LAYERS_CONV_GEOMETRY_H_
#define NOMOGRAPH_CORE_LAYERS_CONV_GEOMETRY_H_

#include <string>
#include <vector>

#include "nomograph/core/layers/internal.h"

namespace nomograph::internal {

struct ConvGeometry {
  int spatial_rank;
  Sizes kernel_size, strides, dilation_rate;
  std::string padding, data_format;
};

absl::Status CheckGeometry(const ConvGeometry& geometry);

// What follows REQUIRES that CheckGeometry() is OK.
std::vector<int64_t> KernelSize(const ConvGeometry& geometry);
// KernelSize() with `in` and `out` behind it.
Shape KernelShape(const ConvGeometry& geometry, int64_t in, int64_t out);
// The attributes of nn.Conv.
Attributes ConvAttributes(const ConvGeometry& geometry, int64_t groups = 1);
// An nn.Conv or nn.ConvTranspose; `bias` may be absent.
Value ConvOp(absl::string_view op, const Value& x, const Value& kernel, const Value& bias,
             Attributes attrs);

}  // namespace nomograph::internal

#endif  // NOMOGRAPH_CORE_LAYERS_CONV_GEOMETRY_H_
