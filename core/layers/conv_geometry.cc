#include "nomograph/core/layers/conv_geometry.h"

#include <algorithm>

namespace nomograph::internal {
namespace {

std::vector<int64_t> Dilations(const ConvGeometry& geometry) {
  return *geometry.dilation_rate.For("dilation_rate", geometry.spatial_rank);
}

}  // namespace

absl::Status CheckGeometry(const ConvGeometry& geometry) {
  const int rank = geometry.spatial_rank;
  std::vector<std::string> paddings = {"valid", "same"};
  if (rank == 1) paddings.push_back("causal");
  return AllOf({geometry.kernel_size.For("kernel_size", rank).status(),
                geometry.strides.For("strides", rank).status(),
                geometry.dilation_rate.For("dilation_rate", rank).status(),
                OneOf("padding", paddings, geometry.padding),
                CheckDataFormat(geometry.data_format)});
}

std::vector<int64_t> KernelSize(const ConvGeometry& geometry) {
  return *geometry.kernel_size.For("kernel_size", geometry.spatial_rank);
}

Shape KernelShape(const ConvGeometry& geometry, int64_t in, int64_t out) {
  Shape shape(KernelSize(geometry));
  shape.Append(in);
  shape.Append(out);
  return shape;
}

Attributes ConvAttributes(const ConvGeometry& geometry, int64_t groups) {
  const std::vector<int64_t> dilations = Dilations(geometry);
  Attributes attrs = {{"strides", *geometry.strides.For("strides", geometry.spatial_rank)},
                      {"padding", geometry.padding}};
  if (geometry.padding == "causal") {
    attrs.Set("padding", "explicit");
    attrs.Set("pads", std::vector<int64_t>{dilations[0] * (KernelSize(geometry)[0] - 1), 0});
  }
  if (std::count(dilations.begin(), dilations.end(), 1) != geometry.spatial_rank)
    attrs.Set("dilations", dilations);
  if (groups != 1) attrs.Set("groups", groups);
  if (geometry.data_format != "channels_last") attrs.Set("data_format", geometry.data_format);
  return attrs;
}

Value ConvOp(absl::string_view op, const Value& x, const Value& kernel, const Value& bias,
             Attributes attrs) {
  std::vector<Value> inputs = {x, kernel};
  if (bias.valid()) inputs.push_back(bias);
  return Op(op, std::move(inputs), std::move(attrs));
}

}  // namespace nomograph::internal
