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

// The average over the steps that the mask has.
Value MaskedAverage(const Value& x, const Value& mask, const GlobalPoolingOptions& options) {
  const int64_t steps = internal::FirstSpatialAxis(options.data_format);
  const int64_t channels = steps == 1 ? 2 : 1;
  const Value counts =
      internal::Op("array.Unsqueeze", {internal::Op("array.Cast", {mask}, {{"to", x.dtype()}})},
                   {{"axes", std::vector<int64_t>{channels}}});
  const Attributes over_steps = {{"axes", std::vector<int64_t>{steps}},
                                 {"keepdims", options.keepdims}};
  return internal::Op("math.ReduceSum", {x * counts}, over_steps) /
         internal::Op("math.ReduceSum", {counts}, over_steps);
}

Layer GlobalPooling(const char* kind, int spatial_rank, const GlobalPoolingOptions& options) {
  const bool masked = spatial_rank == 1 && kind == std::string("Average");
  const auto apply = [=](const Value& x) -> absl::StatusOr<Value> {
    if (const Value mask = MaskOf(x); masked && mask.valid())
      return MaskedAverage(x, mask, options);
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

constexpr char kMax[] = "Max", kAverage[] = "Average";

template <const char* kKind, int kRank>
struct PoolingSpec {
  Sizes pool_size = 2;
  PoolingOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v("pool_size", pool_size, "of the window, along each spatial axis");
    v("padding", options.padding, "valid or same");
    v("strides", options.strides, "the steps of the window; null: pool_size");
    internal::VisitDataFormat(v, options.data_format);
  }
  Layer Make() const { return Pooling(kKind, kRank, pool_size, options); }
};

template <const char* kKind, int kRank>
struct GlobalPoolingSpec {
  GlobalPoolingOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    internal::VisitDataFormat(v, options.data_format);
    v("keepdims", options.keepdims, "whether the spatial axes stay, of size 1");
  }
  Layer Make() const { return GlobalPooling(kKind, kRank, options); }
};

using MaxPooling1DSpec = PoolingSpec<kMax, 1>;
using MaxPooling2DSpec = PoolingSpec<kMax, 2>;
using MaxPooling3DSpec = PoolingSpec<kMax, 3>;
using AveragePooling1DSpec = PoolingSpec<kAverage, 1>;
using AveragePooling2DSpec = PoolingSpec<kAverage, 2>;
using AveragePooling3DSpec = PoolingSpec<kAverage, 3>;
using GlobalMaxPooling1DSpec = GlobalPoolingSpec<kMax, 1>;
using GlobalMaxPooling2DSpec = GlobalPoolingSpec<kMax, 2>;
using GlobalMaxPooling3DSpec = GlobalPoolingSpec<kMax, 3>;
using GlobalAveragePooling1DSpec = GlobalPoolingSpec<kAverage, 1>;
using GlobalAveragePooling2DSpec = GlobalPoolingSpec<kAverage, 2>;
using GlobalAveragePooling3DSpec = GlobalPoolingSpec<kAverage, 3>;

LayerSample WindowSample(const PartialShape& shape) {
  return internal::Sample({{"pool_size", 2}, {"padding", "same"}}, {shape});
}
LayerSample GlobalSample(const PartialShape& shape) {
  return internal::Sample({{"keepdims", true}}, {shape});
}
NOMO_REGISTER_LAYER(MaxPooling1DSpec, "MaxPooling1D", WindowSample({5, 2}));
NOMO_REGISTER_LAYER(MaxPooling2DSpec, "MaxPooling2D", WindowSample({5, 4, 2}));
NOMO_REGISTER_LAYER(MaxPooling3DSpec, "MaxPooling3D", WindowSample({3, 3, 3, 2}));
NOMO_REGISTER_LAYER(AveragePooling1DSpec, "AveragePooling1D", WindowSample({5, 2}));
NOMO_REGISTER_LAYER(AveragePooling2DSpec, "AveragePooling2D", WindowSample({5, 4, 2}));
NOMO_REGISTER_LAYER(AveragePooling3DSpec, "AveragePooling3D", WindowSample({3, 3, 3, 2}));
NOMO_REGISTER_LAYER(GlobalMaxPooling1DSpec, "GlobalMaxPooling1D", GlobalSample({5, 2}));
NOMO_REGISTER_LAYER(GlobalMaxPooling2DSpec, "GlobalMaxPooling2D", GlobalSample({5, 4, 2}));
NOMO_REGISTER_LAYER(GlobalMaxPooling3DSpec, "GlobalMaxPooling3D", GlobalSample({3, 3, 3, 2}));
NOMO_REGISTER_LAYER(GlobalAveragePooling1DSpec, "GlobalAveragePooling1D", GlobalSample({5, 2}));
NOMO_REGISTER_LAYER(GlobalAveragePooling2DSpec, "GlobalAveragePooling2D", GlobalSample({5, 4, 2}));
NOMO_REGISTER_LAYER(GlobalAveragePooling3DSpec, "GlobalAveragePooling3D",
                    GlobalSample({3, 3, 3, 2}));

}  // namespace

Layer MaxPooling1D(Sizes pool_size, PoolingOptions options) {
  return Configured(MaxPooling1DSpec{std::move(pool_size), std::move(options)});
}
Layer MaxPooling2D(Sizes pool_size, PoolingOptions options) {
  return Configured(MaxPooling2DSpec{std::move(pool_size), std::move(options)});
}
Layer MaxPooling3D(Sizes pool_size, PoolingOptions options) {
  return Configured(MaxPooling3DSpec{std::move(pool_size), std::move(options)});
}
Layer AveragePooling1D(Sizes pool_size, PoolingOptions options) {
  return Configured(AveragePooling1DSpec{std::move(pool_size), std::move(options)});
}
Layer AveragePooling2D(Sizes pool_size, PoolingOptions options) {
  return Configured(AveragePooling2DSpec{std::move(pool_size), std::move(options)});
}
Layer AveragePooling3D(Sizes pool_size, PoolingOptions options) {
  return Configured(AveragePooling3DSpec{std::move(pool_size), std::move(options)});
}

Layer GlobalMaxPooling1D(GlobalPoolingOptions options) {
  return Configured(GlobalMaxPooling1DSpec{std::move(options)});
}
Layer GlobalMaxPooling2D(GlobalPoolingOptions options) {
  return Configured(GlobalMaxPooling2DSpec{std::move(options)});
}
Layer GlobalMaxPooling3D(GlobalPoolingOptions options) {
  return Configured(GlobalMaxPooling3DSpec{std::move(options)});
}
Layer GlobalAveragePooling1D(GlobalPoolingOptions options) {
  return Configured(GlobalAveragePooling1DSpec{std::move(options)});
}
Layer GlobalAveragePooling2D(GlobalPoolingOptions options) {
  return Configured(GlobalAveragePooling2DSpec{std::move(options)});
}
Layer GlobalAveragePooling3D(GlobalPoolingOptions options) {
  return Configured(GlobalAveragePooling3DSpec{std::move(options)});
}

}  // namespace nomograph
