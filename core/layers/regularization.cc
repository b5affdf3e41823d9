#include "nomograph/core/layers/regularization.h"

#include <cmath>

#include "nomograph/core/layers/internal.h"

namespace nomograph {
namespace {

using Ints = std::vector<int64_t>;

absl::Status CheckRate(double rate) {
  // 1 would divide by 0.
  return rate >= 0 && rate < 1 ? absl::OkStatus()
                               : InvalidArgument("rate: expected a number in [0, 1), found ", rate);
}

absl::Status CheckSeed(const std::optional<int64_t>& seed) {
  return internal::AtLeast("seed", 0, seed.value_or(0));
}

// A layer that is one random op. `attrs` has all but the seed.
Layer RandomLayer(internal::LayerSpec spec, const std::string& op, Attributes attrs,
                  const std::optional<int64_t>& seed) {
  if (seed) attrs.Set("seed", *seed);
  spec.options = internal::AllOf({spec.options, CheckSeed(seed)});
  spec.supports_masking = true;
  return internal::WeightlessLayer(std::move(spec), [=](const Value& x) -> absl::StatusOr<Value> {
    return internal::Op(op, {x}, attrs);
  });
}

constexpr char kDropout[] = "Dropout", kGaussianDropout[] = "GaussianDropout",
               kAlphaDropout[] = "AlphaDropout";

// The layers that have a rate and are named after their ops.
template <const char* kName>
struct RateSpec {
  double rate = 0;
  DropoutOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v.Required("rate", rate, "in [0, 1)");
    internal::VisitSeed(v, options.seed);
    if (kName == kDropout) v.Only("noise_shape", nullptr, "SpatialDropout has what it is for");
  }
  Layer Make() const {
    return RandomLayer({.class_name = kName, .name = options.name, .options = CheckRate(rate)},
                       absl::StrCat("nn.", kName), {{"rate", rate}}, options.seed);
  }
};
NOMO_REGISTER_LAYER(RateSpec<kDropout>, "Dropout",
                    internal::Sample({{"rate", 0.25}, {"seed", 7}}, {{4}}));
NOMO_REGISTER_LAYER(RateSpec<kGaussianDropout>, "GaussianDropout",
                    internal::Sample({{"rate", 0.25}, {"seed", 7}}, {{4}}));
NOMO_REGISTER_LAYER(RateSpec<kAlphaDropout>, "AlphaDropout",
                    internal::Sample({{"rate", 0.25}, {"seed", 7}}, {{4}}));

template <int kRank>
struct SpatialDropoutSpec {
  double rate = 0;
  SpatialDropoutOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v.Required("rate", rate, "in [0, 1)");
    internal::VisitSeed(v, options.seed);
    if (kRank > 1) internal::VisitDataFormat(v, options.data_format);
  }
  Layer Make() const {
    Ints axes;
    for (int i = 0; i < kRank; ++i)
      axes.push_back(internal::FirstSpatialAxis(options.data_format) + i);
    return RandomLayer({.class_name = absl::StrCat("SpatialDropout", kRank, "D"),
                        .name = options.name,
                        .needs = internal::ImagesOfRank(kRank, options.data_format, kFloats),
                        .options = internal::AllOf(
                            {CheckRate(rate), internal::CheckDataFormat(options.data_format)})},
                       "nn.SpatialDropout", {{"rate", rate}, {"axes", axes}}, options.seed);
  }
};
NOMO_REGISTER_LAYER(SpatialDropoutSpec<1>, "SpatialDropout1D",
                    internal::Sample({{"rate", 0.25}}, {{3, 2}}));
NOMO_REGISTER_LAYER(SpatialDropoutSpec<2>, "SpatialDropout2D",
                    internal::Sample({{"rate", 0.25}, {"data_format", "channels_first"}},
                                     {{2, 3, 3}}));
NOMO_REGISTER_LAYER(SpatialDropoutSpec<3>, "SpatialDropout3D",
                    internal::Sample({{"rate", 0.25}}, {{2, 3, 3, 2}}));

struct GaussianNoiseSpec {
  double stddev = 0;
  DropoutOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v.Required("stddev", stddev, "the standard deviation of what is added");
    internal::VisitSeed(v, options.seed);
  }
  Layer Make() const {
    return RandomLayer({.class_name = "GaussianNoise",
                        .name = options.name,
                        .options = internal::InRange("stddev", 0, HUGE_VAL, stddev)},
                       "nn.GaussianNoise", {{"stddev", stddev}}, options.seed);
  }
};
NOMO_REGISTER_LAYER(GaussianNoiseSpec, "GaussianNoise", internal::Sample({{"stddev", 0.5}}, {{4}}));

}  // namespace

Layer Dropout(double rate, DropoutOptions options) {
  return Configured(RateSpec<kDropout>{rate, std::move(options)});
}
Layer GaussianDropout(double rate, DropoutOptions options) {
  return Configured(RateSpec<kGaussianDropout>{rate, std::move(options)});
}
Layer AlphaDropout(double rate, DropoutOptions options) {
  return Configured(RateSpec<kAlphaDropout>{rate, std::move(options)});
}
Layer SpatialDropout1D(double rate, DropoutOptions options) {
  return Configured(
      SpatialDropoutSpec<1>{rate, {.seed = options.seed, .name = std::move(options.name)}});
}
Layer SpatialDropout2D(double rate, SpatialDropoutOptions options) {
  return Configured(SpatialDropoutSpec<2>{rate, std::move(options)});
}
Layer SpatialDropout3D(double rate, SpatialDropoutOptions options) {
  return Configured(SpatialDropoutSpec<3>{rate, std::move(options)});
}
Layer GaussianNoise(double stddev, DropoutOptions options) {
  return Configured(GaussianNoiseSpec{stddev, std::move(options)});
}

}  // namespace nomograph
