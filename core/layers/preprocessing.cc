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
Layer ImageLayer(const char* class_name, const std::string& name, const std::string& op,
                 Attributes attrs, const std::string& data_format, absl::Status options) {
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

absl::Status CheckFactor(absl::string_view option, const Factor& factor, double low, double high) {
  for (const double value : factor.values) {
    NOMO_RETURN_IF_ERROR(internal::InRange(option, low, high, value));
  }
  return absl::OkStatus();
}

absl::StatusOr<Value> Rescaled(const Value& x, const std::vector<double>& scale,
                               const std::vector<double>& offset) {
  const DType dtype = FloatTypeFor(x);
  if (scale.size() == 1 && offset.size() == 1) {
    Attributes attrs = {{"scale", scale[0]}, {"offset", offset[0]}};
    if (dtype != DType::kFloat32) attrs.Set("dtype", dtype);
    return internal::Op("image.Rescale", {x}, std::move(attrs));
  }
  const int rank = x.shape().rank();
  if (rank < 1) {
    return InvalidArgument(
        "numbers for each channel: expected an input with a known last axis, found ",
        x.type().ToString());
  }
  for (const auto& [option, numbers] : {std::pair("scale", &scale), std::pair("offset", &offset)}) {
    const Dim& size = x.shape()[rank - 1];
    const int64_t count = static_cast<int64_t>(numbers->size());
    if (count == 1 || !size.known() || size.size() == count) continue;
    return InvalidArgument(option, ": expected ", size.size(), " numbers for the last axis of ",
                           x.type().ToString(), ", found ", count);
  }
  const auto constant = [&](const std::vector<double>& numbers) {
    const Shape shape = {static_cast<int64_t>(numbers.size())};
    return Constant(Tensor::Of<double>(shape, numbers).Cast(dtype));
  };
  const Value wide = x.dtype() == dtype ? x : internal::Op("array.Cast", {x}, {{"to", dtype}});
  return wide * constant(scale) + constant(offset);
}

absl::Status CheckNumbers(absl::string_view option, const ChannelNumbers& numbers) {
  return numbers.values.empty() ? InvalidArgument(option, ": expected a number, found none")
                                : absl::OkStatus();
}

struct RescalingSpec {
  ChannelNumbers scale = 1;
  RescalingOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v.Required("scale", scale, "a factor, or one for each channel");
    v("offset", options.offset, "is added; likewise");
  }
  Layer Make() const {
    return internal::WeightlessLayer(
        {.class_name = "Rescaling",
         .name = options.name,
         .options = internal::AllOf(
             {CheckNumbers("scale", scale), CheckNumbers("offset", options.offset)}),
         .supports_masking = true},
        [scale = scale.values, offset = options.offset.values](const Value& x) {
          return Rescaled(x, scale, offset);
        });
  }
};
NOMO_REGISTER_LAYER(RescalingSpec, "Rescaling",
                    internal::Sample({{"scale", 0.5}, {"offset", -1}}, {{4, 4, 1}}),
                    internal::Sample({{"scale", std::vector<double>{0.5, -2}}}, {{4, 2}}));

struct NormalizationSpec {
  NormalizationOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v("axis", options.axis, "along which each place has its own numbers; null: one for all");
    v("mean", options.mean, "is subtracted");
    v("variance", options.variance, "by whose square root is divided");
    v("invert", options.invert, "whether to go the way back");
  }
  Layer Make() const {
    internal::LayerSpec spec = {
        .class_name = "Normalization", .name = options.name, .needs = {.rank_known = true}};
    const Normalizer normalizer(options);
    spec.options = normalizer.CheckOptions();
    return internal::WeightlessLayer(std::move(spec),
                                     [=](const Value& x) { return normalizer.Apply(x); });
  }
};
NOMO_REGISTER_LAYER(NormalizationSpec, "Normalization",
                    internal::Sample({{"mean", std::vector<double>{1, 2}},
                                      {"variance", std::vector<double>{4, 0.25}}},
                                     {{3, 2}}));

struct ResizingSpec {
  int64_t height = 0, width = 0;
  ResizingOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v.Required("height", height, "of the result");
    v.Required("width", width, "of the result");
    v("interpolation", options.interpolation, "bilinear or nearest");
    v.Only("crop_to_aspect_ratio", false, "the whole image is resized");
    v.Only("pad_to_aspect_ratio", false, "the whole image is resized");
    v.Only("antialias", false, "images that shrink are not smoothed");
    internal::VisitDataFormat(v, options.data_format);
  }
  Layer Make() const {
    return ImageLayer(
        "Resizing", options.name, "image.Resize",
        {{"sizes", std::vector<int64_t>{height, width}}, {"mode", options.interpolation}},
        options.data_format,
        internal::AllOf(
            {CheckSize(height, width),
             internal::OneOf("interpolation", {"bilinear", "nearest"}, options.interpolation)}));
  }
};
NOMO_REGISTER_LAYER(ResizingSpec, "Resizing",
                    internal::Sample({{"height", 3}, {"width", 5}}, {{4, 4, 1}}));

struct CenterCropSpec {
  int64_t height = 0, width = 0;
  CropOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v.Required("height", height, "of the result");
    v.Required("width", width, "of the result");
    internal::VisitDataFormat(v, options.data_format);
  }
  Layer Make() const {
    return ImageLayer("CenterCrop", options.name, "image.CenterCrop",
                      {{"height", height}, {"width", width}}, options.data_format,
                      CheckSize(height, width));
  }
};
NOMO_REGISTER_LAYER(CenterCropSpec, "CenterCrop",
                    internal::Sample({{"height", 2}, {"width", 3}}, {{4, 4, 1}}));

struct RandomCropSpec {
  int64_t height = 0, width = 0;
  RandomCropOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v.Required("height", height, "of the result");
    v.Required("width", width, "of the result");
    internal::VisitSeed(v, options.seed);
    internal::VisitDataFormat(v, options.data_format);
  }
  Layer Make() const {
    return ImageLayer("RandomCrop", options.name, "image.RandomCrop",
                      WithSeed({{"height", height}, {"width", width}}, options.seed),
                      options.data_format,
                      internal::AllOf({CheckSize(height, width), CheckSeed(options.seed)}));
  }
};
NOMO_REGISTER_LAYER(RandomCropSpec, "RandomCrop",
                    internal::Sample({{"height", 2}, {"width", 3}, {"seed", 1}}, {{4, 4, 1}}));

struct RandomFlipSpec {
  std::string mode = "horizontal_and_vertical";
  RandomFlipOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v("mode", mode, "horizontal, vertical or horizontal_and_vertical");
    internal::VisitSeed(v, options.seed);
    internal::VisitDataFormat(v, options.data_format);
  }
  Layer Make() const {
    const absl::Status valid = internal::AllOf(
        {internal::OneOf("mode", {"horizontal", "vertical", "horizontal_and_vertical"}, mode),
         CheckSeed(options.seed)});
    return ImageLayer("RandomFlip", options.name, "image.RandomFlip",
                      WithSeed({{"mode", mode}}, options.seed), options.data_format, valid);
  }
};
NOMO_REGISTER_LAYER(RandomFlipSpec, "RandomFlip",
                    internal::Sample({{"mode", "horizontal"}}, {{4, 4, 1}}));

// A layer that moves images: `attrs` says how far.
template <typename Options>
Layer MovingLayer(const char* class_name, Attributes attrs, const Options& options,
                  absl::Status valid) {
  attrs.Set("fill_mode", options.fill_mode);
  attrs.Set("interpolation", options.interpolation);
  attrs.Set("fill_value", options.fill_value);
  return ImageLayer(
      class_name, options.name, absl::StrCat("image.", class_name), WithSeed(attrs, options.seed),
      options.data_format,
      internal::AllOf(
          {std::move(valid), CheckSeed(options.seed),
           internal::OneOf("fill_mode", {"reflect", "constant", "nearest", "wrap"},
                           options.fill_mode),
           internal::OneOf("interpolation", {"bilinear", "nearest"}, options.interpolation)}));
}

template <typename Options>
void VisitSampling(FieldVisitor& v, Options& options) {
  v("fill_mode", options.fill_mode,
    "how the image goes on beyond its edges: reflect, constant, nearest or wrap");
  v("interpolation", options.interpolation, "bilinear or nearest");
  internal::VisitSeed(v, options.seed);
  v("fill_value", options.fill_value, "beyond the edges where fill_mode is constant");
  internal::VisitDataFormat(v, options.data_format);
}

struct RandomRotationSpec {
  Factor factor = 0;
  RandomRotationOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v.Required("factor", factor, "of a full turn, counter-clockwise");
    VisitSampling(v, options);
  }
  Layer Make() const {
    return MovingLayer("RandomRotation", {{"factor", factor.values}}, options,
                       CheckFactor("factor", factor, -1, 1));
  }
};
NOMO_REGISTER_LAYER(RandomRotationSpec, "RandomRotation",
                    internal::Sample({{"factor", 0.1}, {"fill_mode", "wrap"}}, {{4, 4, 1}}));

constexpr double kMaxZoom = 1e6;

struct RandomZoomSpec {
  Factor height_factor = 0;
  RandomZoomOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v.Required("height_factor", height_factor, "above 0 it gets smaller");
    v("width_factor", options.width_factor, "null: the same as the height's");
    VisitSampling(v, options);
  }
  Layer Make() const {
    Attributes attrs = {{"height_factor", height_factor.values}};
    absl::Status valid = CheckFactor("height_factor", height_factor, -1, kMaxZoom);
    if (options.width_factor) {
      attrs.Set("width_factor", options.width_factor->values);
      valid = internal::AllOf(
          {valid, CheckFactor("width_factor", *options.width_factor, -1, kMaxZoom)});
    }
    return MovingLayer("RandomZoom", std::move(attrs), options, std::move(valid));
  }
};
NOMO_REGISTER_LAYER(RandomZoomSpec, "RandomZoom",
                    internal::Sample({{"height_factor", std::vector<double>{-0.2, 0.3}}},
                                     {{4, 4, 1}}));

struct RandomTranslationSpec {
  Factor height_factor = 0, width_factor = 0;
  RandomTranslationOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v.Required("height_factor", height_factor, "of the height, downwards");
    v.Required("width_factor", width_factor, "of the width, to the right");
    VisitSampling(v, options);
  }
  Layer Make() const {
    return MovingLayer(
        "RandomTranslation",
        {{"height_factor", height_factor.values}, {"width_factor", width_factor.values}}, options,
        internal::AllOf({CheckFactor("height_factor", height_factor, -1, 1),
                         CheckFactor("width_factor", width_factor, -1, 1)}));
  }
};
NOMO_REGISTER_LAYER(RandomTranslationSpec, "RandomTranslation",
                    internal::Sample({{"height_factor", 0.1}, {"width_factor", 0.2}}, {{4, 4, 1}}));

struct RandomBrightnessSpec {
  Factor factor = 0;
  RandomColorOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v.Required("factor", factor, "of the value range");
    v("value_range", options.value_range, "of the pixels");
    internal::VisitSeed(v, options.seed);
  }
  Layer Make() const {
    return ImageLayer(
        "RandomBrightness", options.name, "image.RandomBrightness",
        WithSeed({{"factor", factor.values}, {"value_range", options.value_range}}, options.seed),
        "channels_last",
        internal::AllOf({CheckFactor("factor", factor, -1, 1), CheckSeed(options.seed)}));
  }
};
NOMO_REGISTER_LAYER(RandomBrightnessSpec, "RandomBrightness",
                    internal::Sample({{"factor", 0.2}}, {{4, 4, 1}}));

struct RandomContrastSpec {
  Factor factor = 0;
  RandomContrastOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v.Required("factor", factor, "the range is 1 - factor to 1 + factor");
    v("value_range", options.value_range, "of the pixels");
    internal::VisitSeed(v, options.seed);
    internal::VisitDataFormat(v, options.data_format);
  }
  Layer Make() const {
    return ImageLayer(
        "RandomContrast", options.name, "image.RandomContrast",
        WithSeed({{"factor", factor.values}, {"value_range", options.value_range}}, options.seed),
        options.data_format,
        internal::AllOf({CheckFactor("factor", factor, 0, 1), CheckSeed(options.seed)}));
  }
};
NOMO_REGISTER_LAYER(RandomContrastSpec, "RandomContrast",
                    internal::Sample({{"factor", 0.2}}, {{4, 4, 1}}));

}  // namespace

std::string FieldType<Factor>::Name() { return "float or list of two float"; }
absl::Status FieldType<Factor>::Read(const ConfigValue& from, Factor& to) {
  std::vector<double> values;
  if (!FieldType<std::vector<double>>::Read(from, values).ok() || values.empty() ||
      values.size() > 2) {
    return WrongFieldType(Name(), from);
  }
  to.values = std::move(values);
  return absl::OkStatus();
}
absl::StatusOr<ConfigValue> FieldType<Factor>::Write(const Factor& from) {
  if (from.values.size() == 1) return ConfigValue(from.values[0]);
  return ConfigValue(from.values);
}

std::string FieldType<ChannelNumbers>::Name() { return "float or list of float"; }
absl::Status FieldType<ChannelNumbers>::Read(const ConfigValue& from, ChannelNumbers& to) {
  // Axes of size 1 ahead of the last one: [[[1, 2, 3]]].
  const ConfigValue* value = &from;
  while (const auto* list = value->As<ConfigValue::List>()) {
    if (list->size() != 1) break;
    value = &list->front();
  }
  std::vector<double> values;
  if (!FieldType<std::vector<double>>::Read(*value, values).ok() || values.empty())
    return WrongFieldType(Name(), from);
  to.values = std::move(values);
  return absl::OkStatus();
}
absl::StatusOr<ConfigValue> FieldType<ChannelNumbers>::Write(const ChannelNumbers& from) {
  if (from.values.size() == 1) return ConfigValue(from.values[0]);
  return ConfigValue(from.values);
}

Layer Rescaling(ChannelNumbers scale, RescalingOptions options) {
  return Configured(RescalingSpec{std::move(scale), std::move(options)});
}
Layer Normalization(NormalizationOptions options) {
  return Configured(NormalizationSpec{std::move(options)});
}
Layer Resizing(int64_t height, int64_t width, ResizingOptions options) {
  return Configured(ResizingSpec{height, width, std::move(options)});
}
Layer CenterCrop(int64_t height, int64_t width, CropOptions options) {
  return Configured(CenterCropSpec{height, width, std::move(options)});
}
Layer RandomCrop(int64_t height, int64_t width, RandomCropOptions options) {
  return Configured(RandomCropSpec{height, width, std::move(options)});
}
Layer RandomFlip(std::string mode, RandomFlipOptions options) {
  return Configured(RandomFlipSpec{std::move(mode), std::move(options)});
}
Layer RandomRotation(Factor factor, RandomRotationOptions options) {
  return Configured(RandomRotationSpec{std::move(factor), std::move(options)});
}
Layer RandomZoom(Factor height_factor, RandomZoomOptions options) {
  return Configured(RandomZoomSpec{std::move(height_factor), std::move(options)});
}
Layer RandomTranslation(Factor height_factor, Factor width_factor,
                        RandomTranslationOptions options) {
  return Configured(
      RandomTranslationSpec{std::move(height_factor), std::move(width_factor), std::move(options)});
}
Layer RandomBrightness(Factor factor, RandomColorOptions options) {
  return Configured(RandomBrightnessSpec{std::move(factor), std::move(options)});
}
Layer RandomContrast(Factor factor, RandomContrastOptions options) {
  return Configured(RandomContrastSpec{std::move(factor), std::move(options)});
}

}  // namespace nomograph
