#include "nomograph/core/layers/reshape.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_join.h"
#include "nomograph/core/layers/internal.h"

namespace nomograph {
namespace {

using internal::Op;
using Ints = std::vector<int64_t>;

absl::Status CheckTarget(const Ints& target) {
  for (const int64_t size : target) {
    if (size != -1) NOMO_RETURN_IF_ERROR(internal::AtLeast("target_shape", 1, size));
  }
  if (std::count(target.begin(), target.end(), -1) <= 1) return absl::OkStatus();
  return InvalidArgument("target_shape: -1 may stand once only, found [",
                         absl::StrJoin(target, ","), "]");
}

absl::Status CheckDims(const Ints& dims) {
  Ints sorted = dims, expected(dims.size());
  std::sort(sorted.begin(), sorted.end());
  std::iota(expected.begin(), expected.end(), 1);
  if (sorted == expected) return absl::OkStatus();
  return InvalidArgument("dims: expected each number from 1 to ", dims.size(), " once, found [",
                         absl::StrJoin(dims, ","), "]");
}

Value FlattenOf(const Value& x, const std::string& data_format) {
  const int rank = x.shape().rank();
  if (data_format == "channels_last" || rank < 3) return Op("array.Flatten", {x});
  Ints perm = {0};
  for (int i = 2; i < rank; ++i) perm.push_back(i);
  perm.push_back(1);
  return Op("array.Flatten", {Op("array.Transpose", {x}, {{"perm", perm}})});
}

Layer UpSampling(int spatial_rank, const Sizes& size, const UpSamplingOptions& options) {
  const auto factors = size.For("size", spatial_rank);
  const std::vector<std::string> modes = spatial_rank == 2
                                             ? std::vector<std::string>{"nearest", "bilinear"}
                                             : std::vector<std::string>{"nearest"};
  const absl::Status valid = internal::AllOf(
      {factors.status(), internal::OneOf("interpolation", modes, options.interpolation),
       internal::CheckDataFormat(options.data_format)});
  return internal::WeightlessLayer(
      {.class_name = absl::StrCat("UpSampling", spatial_rank, "D"),
       .name = options.name,
       .needs = internal::ImagesOfRank(spatial_rank, options.data_format, kNumbers),
       .options = valid},
      [=](const Value& x) -> absl::StatusOr<Value> {
        Attributes attrs = {{"scales", std::vector<double>(factors->begin(), factors->end())},
                            {"mode", options.interpolation}};
        if (options.data_format != "channels_last") attrs.Set("data_format", options.data_format);
        return Op("image.Resize", {x}, std::move(attrs));
      });
}

struct FlattenSpec {
  FlattenOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    internal::VisitDataFormat(v, options.data_format);
  }
  Layer Make() const {
    return internal::WeightlessLayer(
        {.class_name = "Flatten",
         .name = options.name,
         .needs = {.min_rank = 1, .axes = "(batch, ...)"},
         .options = internal::CheckDataFormat(options.data_format)},
        [format = options.data_format](const Value& x) -> absl::StatusOr<Value> {
          return FlattenOf(x, format);
        });
  }
};
NOMO_REGISTER_LAYER(FlattenSpec, "Flatten",
                    internal::Sample({{"data_format", "channels_first"}}, {{2, 3, 4}}));

struct ReshapeSpec {
  Ints target_shape;
  LayerOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v.Required("target_shape", target_shape, "without the batch; one size may be -1");
  }
  Layer Make() const {
    return internal::WeightlessLayer(
        {.class_name = "Reshape",
         .name = options.name,
         .needs = {.min_rank = 1, .axes = "(batch, ...)"},
         .options = CheckTarget(target_shape)},
        [target = target_shape](const Value& x) {
          Ints shape = {0};  // keeps the batch
          shape.insert(shape.end(), target.begin(), target.end());
          return absl::StatusOr<Value>(Op("array.Reshape", {x}, {{"shape", shape}}));
        });
  }
};
NOMO_REGISTER_LAYER(ReshapeSpec, "Reshape",
                    internal::Sample({{"target_shape", Ints{3, -1}}}, {{2, 6}}));

struct PermuteSpec {
  Ints dims;
  LayerOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v.Required("dims", dims,
               "the input's axes in their new order; 1 is the first behind the batch");
  }
  Layer Make() const {
    const int rank = static_cast<int>(dims.size()) + 1;
    return internal::WeightlessLayer(
        {.class_name = "Permute",
         .name = options.name,
         .needs = {.min_rank = rank,
                   .max_rank = rank,
                   .axes = "(the batch and one axis for each of dims)"},
         .options = CheckDims(dims)},
        [dims = dims](const Value& x) -> absl::StatusOr<Value> {
          Ints perm = {0};
          perm.insert(perm.end(), dims.begin(), dims.end());
          return Op("array.Transpose", {x}, {{"perm", perm}});
        });
  }
};
NOMO_REGISTER_LAYER(PermuteSpec, "Permute", internal::Sample({{"dims", Ints{2, 1}}}, {{3, 4}}));

struct RepeatVectorSpec {
  int64_t n = 0;
  LayerOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v.Required("n", n, "how often");
  }
  Layer Make() const {
    return internal::WeightlessLayer(
        {.class_name = "RepeatVector",
         .name = options.name,
         .needs = {.min_rank = 2, .max_rank = 2, .axes = "(batch, features)"},
         .options = internal::AtLeast("n", 1, n)},
        [n = n](const Value& x) -> absl::StatusOr<Value> {
          const Value row = Op("array.Unsqueeze", {x}, {{"axes", Ints{1}}});
          return Op("array.Tile", {row}, {{"repeats", Ints{1, n, 1}}});
        });
  }
};
NOMO_REGISTER_LAYER(RepeatVectorSpec, "RepeatVector", internal::Sample({{"n", 3}}, {{4}}));

template <int kRank>
struct UpSamplingSpec {
  Sizes size = 2;
  UpSamplingOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v("size", size, "how often each element, along each spatial axis");
    if (kRank == 1) return;
    internal::VisitDataFormat(v, options.data_format);
    if (kRank == 2) v("interpolation", options.interpolation, "nearest or bilinear");
  }
  Layer Make() const { return UpSampling(kRank, size, options); }
};
NOMO_REGISTER_LAYER(UpSamplingSpec<1>, "UpSampling1D", internal::Sample({{"size", 3}}, {{3, 2}}));
NOMO_REGISTER_LAYER(UpSamplingSpec<2>, "UpSampling2D",
                    internal::Sample({{"size", Ints{2, 3}}, {"interpolation", "bilinear"}},
                                     {{3, 3, 2}}));
NOMO_REGISTER_LAYER(UpSamplingSpec<3>, "UpSampling3D", internal::Sample({}, {{2, 2, 2, 1}}));

}  // namespace

Layer Flatten(FlattenOptions options) { return Configured(FlattenSpec{std::move(options)}); }
Layer Reshape(std::vector<int64_t> target_shape, LayerOptions options) {
  return Configured(ReshapeSpec{std::move(target_shape), std::move(options)});
}
Layer Permute(std::vector<int64_t> dims, LayerOptions options) {
  return Configured(PermuteSpec{std::move(dims), std::move(options)});
}
Layer RepeatVector(int64_t n, LayerOptions options) {
  return Configured(RepeatVectorSpec{n, std::move(options)});
}
Layer UpSampling1D(Sizes size, UpSamplingOptions options) {
  return Configured(UpSamplingSpec<1>{std::move(size), std::move(options)});
}
Layer UpSampling2D(Sizes size, UpSamplingOptions options) {
  return Configured(UpSamplingSpec<2>{std::move(size), std::move(options)});
}
Layer UpSampling3D(Sizes size, UpSamplingOptions options) {
  return Configured(UpSamplingSpec<3>{std::move(size), std::move(options)});
}

}  // namespace nomograph
