#include "nomograph/core/layers/pooling.h"

#include "nomograph/core/layers/internal.h"

namespace nomograph {
namespace {

Layer Pooling(const char* kind, int spatial_rank, const Sizes& pool_size,
              const PoolingOptions& options) {
  const auto size = pool_size.For("pool_size", spatial_rank);
  const auto strides =
      options.strides.given() ? options.strides.For("strides", spatial_rank) : size;
  const absl::Status status =
      internal::AllOf({size.status(), options.strides.given() ? strides.status() : absl::OkStatus(),
                       internal::OneOf("padding", {"valid", "same"}, options.padding),
                       internal::CheckDataFormat(options.data_format)});
  const auto apply = [=](const Value& x) -> absl::StatusOr<Value> {
    Attributes attrs = {
        {"kernel_shape", *size}, {"strides", *strides}, {"padding", options.padding}};
    if (options.data_format != "channels_last") attrs.Set("data_format", options.data_format);
    return internal::Op(absl::StrCat("nn.", kind, "Pool"), {x}, std::move(attrs));
  };
  return internal::WeightlessLayer(
      {.class_name = absl::StrCat(kind, "Pooling", spatial_rank, "D"),
       .name = options.name,
       .needs = internal::ImagesOfRank(spatial_rank, options.data_format),
       .options = status},
      apply);
}

Layer GlobalPooling(const char* kind, int spatial_rank, const GlobalPoolingOptions& options) {
  const auto apply = [=](const Value& x) -> absl::StatusOr<Value> {
    Attributes attrs;
    if (options.data_format != "channels_last") attrs.Set("data_format", options.data_format);
    if (options.keepdims) attrs.Set("keepdims", true);
    return internal::Op(absl::StrCat("nn.Global", kind, "Pool"), {x}, std::move(attrs));
  };
  return internal::WeightlessLayer(
      {.class_name = absl::StrCat("Global", kind, "Pooling", spatial_rank, "D"),
       .name = options.name,
       .needs = internal::ImagesOfRank(spatial_rank, options.data_format),
       .options = internal::CheckDataFormat(options.data_format)},
      apply);
}

}  // namespace

Layer MaxPooling1D(Sizes pool_size, PoolingOptions options) {
  return Pooling("Max", 1, pool_size, options);
}
Layer MaxPooling2D(Sizes pool_size, PoolingOptions options) {
  return Pooling("Max", 2, pool_size, options);
}
Layer MaxPooling3D(Sizes pool_size, PoolingOptions options) {
  return Pooling("Max", 3, pool_size, options);
}
Layer AveragePooling1D(Sizes pool_size, PoolingOptions options) {
  return Pooling("Average", 1, pool_size, options);
}
Layer AveragePooling2D(Sizes pool_size, PoolingOptions options) {
  return Pooling("Average", 2, pool_size, options);
}
Layer AveragePooling3D(Sizes pool_size, PoolingOptions options) {
  return Pooling("Average", 3, pool_size, options);
}

Layer GlobalMaxPooling1D(GlobalPoolingOptions options) { return GlobalPooling("Max", 1, options); }
Layer GlobalMaxPooling2D(GlobalPoolingOptions options) { return GlobalPooling("Max", 2, options); }
Layer GlobalMaxPooling3D(GlobalPoolingOptions options) { return GlobalPooling("Max", 3, options); }
Layer GlobalAveragePooling1D(GlobalPoolingOptions options) {
  return GlobalPooling("Average", 1, options);
}
Layer GlobalAveragePooling2D(GlobalPoolingOptions options) {
  return GlobalPooling("Average", 2, options);
}
Layer GlobalAveragePooling3D(GlobalPoolingOptions options) {
  return GlobalPooling("Average", 3, options);
}

}  // namespace nomograph
