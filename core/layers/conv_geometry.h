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

// The fields of a window, which all options of convolutions have.
template <typename Options>
void VisitWindow(FieldVisitor& v, Sizes& kernel_size, Options& options) {
  v.Required("kernel_size", kernel_size, "of the window, along each spatial axis");
  v("strides", options.strides, "the steps of the window");
  v("padding", options.padding, "valid or same; with one spatial axis also causal");
  VisitDataFormat(v, options.data_format);
  v("dilation_rate", options.dilation_rate, "the steps within the window");
}

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
