#include "nomograph/core/layers/preprocessing.h"

#include <algorithm>
#include <cmath>

#include "nomograph/core/layers/internal.h"

namespace nomograph {
namespace {

// The floating-point type in which a layer computes on x.
DType FloatTypeFor(const Value& x) {
  return kFloats.Contains(x.dtype()) ? x.dtype() : DType::kFloat32;
}

class Normalizer {
 public:
  explicit Normalizer(NormalizationOptions options) : options_(std::move(options)) {
    for (const double variance : options_.variance)
      stddev_.push_back(std::max(std::sqrt(variance), 1e-7));
  }

  absl::Status CheckOptions() const {
    const size_t means = options_.mean.size(), variances = options_.variance.size();
    if (means == 0 || means != variances) {
      return InvalidArgument(
          "mean and variance: expected equally many numbers, at least one, found ", means, " and ",
          variances);
    }
    if (!options_.axis && means != 1)
      return InvalidArgument("mean: expected 1 number without an axis, found ", means);
    for (const double variance : options_.variance) {
      if (!(variance >= 0))
        return InvalidArgument("variance: expected at least 0, found ", variance);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Value> Apply(const Value& x) const {
    Attributes attrs = {{"mean", options_.mean}, {"std", stddev_}};
    const DType dtype = FloatTypeFor(x);
    if (dtype != DType::kFloat32) attrs.Set("dtype", dtype);
    const int rank = x.shape().rank();
    if (options_.mean.size() == 1) return Normalize(x, attrs);
    NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(*options_.axis, rank));
    const Dim& size = x.shape()[axis];
    if (size.known() && size.size() != static_cast<int64_t>(options_.mean.size())) {
      return InvalidArgument("mean: expected ", size.size(), " numbers for axis ", *options_.axis,
                             " of ", x.type().ToString(), ", found ", options_.mean.size());
    }
    if (axis == rank - 1) return Normalize(x, attrs);
    // The op normalises the last axis.
    std::vector<int64_t> perm;
    for (int i = 0; i < rank; ++i) perm.push_back(i);
    std::swap(perm[axis], perm.back());
    const Attributes swap = {{"perm", perm}};
    return internal::Op("array.Transpose",
                        {Normalize(internal::Op("array.Transpose", {x}, swap), attrs)}, swap);
  }

 private:
  Value Normalize(const Value& x, const Attributes& attrs) const {
    if (!options_.invert) return internal::Op("image.Normalize", {x}, attrs);
    // y = (x - m') / s' with s' = 1 / s and m' = -m / s.
    std::vector<double> mean, stddev;
    for (size_t i = 0; i < stddev_.size(); ++i) {
      stddev.push_back(1 / stddev_[i]);
      mean.push_back(-options_.mean[i] / stddev_[i]);
    }
    Attributes inverse = attrs;
    inverse.Set("mean", mean);
    inverse.Set("std", stddev);
    return internal::Op("image.Normalize", {x}, inverse);
  }

  NormalizationOptions options_;
  std::vector<double> stddev_;
};

// A layer that is one op on images. `attrs` has all but data_format.
Layer ImageLayer(const char* class_name, const std::string& name, const char* op, Attributes attrs,
                 const std::string& data_format, absl::Status options) {
  if (data_format != "channels_last") attrs.Set("data_format", data_format);
  const auto apply = [=](const Value& x) -> absl::StatusOr<Value> {
    return internal::Op(op, {x}, attrs);
  };
  return internal::WeightlessLayer(
      {.class_name = class_name,
       .name = name,
       .needs = internal::ImagesOfRank(2, data_format),
       .options = internal::AllOf({std::move(options), internal::CheckDataFormat(data_format)})},
      apply);
}

Attributes WithSeed(Attributes attrs, const std::optional<int64_t>& seed) {
  if (seed) attrs.Set("seed", *seed);
  return attrs;
}

absl::Status CheckSeed(const std::optional<int64_t>& seed) {
  return internal::AtLeast("seed", 0, seed.value_or(0));
}

absl::Status CheckSize(int64_t height, int64_t width) {
  return internal::AllOf(
      {internal::AtLeast("height", 1, height), internal::AtLeast("width", 1, width)});
}

absl::Status CheckFactor(const Factor& factor, double low, double high) {
  for (const double value : factor.values) {
    NOMO_RETURN_IF_ERROR(internal::InRange("factor", low, high, value));
  }
  return absl::OkStatus();
}

}  // namespace

Layer Rescaling(double scale, RescalingOptions options) {
  const auto apply = [=](const Value& x) -> absl::StatusOr<Value> {
    Attributes attrs = {{"scale", scale}, {"offset", options.offset}};
    if (FloatTypeFor(x) != DType::kFloat32) attrs.Set("dtype", x.dtype());
    return internal::Op("image.Rescale", {x}, std::move(attrs));
  };
  return internal::WeightlessLayer({.class_name = "Rescaling", .name = options.name}, apply);
}

Layer Normalization(NormalizationOptions options) {
  internal::LayerSpec spec = {
      .class_name = "Normalization", .name = options.name, .needs = {.rank_known = true}};
  const Normalizer normalizer(std::move(options));
  spec.options = normalizer.CheckOptions();
  return internal::WeightlessLayer(std::move(spec),
                                   [=](const Value& x) { return normalizer.Apply(x); });
}

Layer Resizing(int64_t height, int64_t width, ResizingOptions options) {
  return ImageLayer(
      "Resizing", options.name, "image.Resize",
      {{"sizes", std::vector<int64_t>{height, width}}, {"mode", options.interpolation}},
      options.data_format,
      internal::AllOf(
          {CheckSize(height, width),
           internal::OneOf("interpolation", {"bilinear", "nearest"}, options.interpolation)}));
}

Layer CenterCrop(int64_t height, int64_t width, CropOptions options) {
  return ImageLayer("CenterCrop", options.name, "image.CenterCrop",
                    {{"height", height}, {"width", width}}, options.data_format,
                    CheckSize(height, width));
}

Layer RandomCrop(int64_t height, int64_t width, RandomCropOptions options) {
  return ImageLayer("RandomCrop", options.name, "image.RandomCrop",
                    WithSeed({{"height", height}, {"width", width}}, options.seed),
                    options.data_format,
                    internal::AllOf({CheckSize(height, width), CheckSeed(options.seed)}));
}

Layer RandomFlip(std::string mode, RandomFlipOptions options) {
  const absl::Status valid = internal::AllOf(
      {internal::OneOf("mode", {"horizontal", "vertical", "horizontal_and_vertical"}, mode),
       CheckSeed(options.seed)});
  return ImageLayer("RandomFlip", options.name, "image.RandomFlip",
                    WithSeed({{"mode", mode}}, options.seed), options.data_format, valid);
}

Layer RandomRotation(Factor factor, RandomRotationOptions options) {
  const Attributes attrs = {{"factor", factor.values},
                            {"fill_mode", options.fill_mode},
                            {"interpolation", options.interpolation},
                            {"fill_value", options.fill_value}};
  const absl::Status valid = internal::AllOf(
      {CheckFactor(factor, -1, 1), CheckSeed(options.seed),
       internal::OneOf("fill_mode", {"reflect", "constant", "nearest", "wrap"}, options.fill_mode),
       internal::OneOf("interpolation", {"bilinear", "nearest"}, options.interpolation)});
  return ImageLayer("RandomRotation", options.name, "image.RandomRotation",
                    WithSeed(attrs, options.seed), options.data_format, valid);
}

Layer RandomBrightness(Factor factor, RandomColorOptions options) {
  return ImageLayer(
      "RandomBrightness", options.name, "image.RandomBrightness",
      WithSeed({{"factor", factor.values}, {"value_range", options.value_range}}, options.seed),
      "channels_last", internal::AllOf({CheckFactor(factor, -1, 1), CheckSeed(options.seed)}));
}

Layer RandomContrast(Factor factor, RandomContrastOptions options) {
  return ImageLayer(
      "RandomContrast", options.name, "image.RandomContrast",
      WithSeed({{"factor", factor.values}, {"value_range", options.value_range}}, options.seed),
      options.data_format, internal::AllOf({CheckFactor(factor, 0, 1), CheckSeed(options.seed)}));
}

}  // namespace nomograph
