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

}  // namespace

Layer Flatten(FlattenOptions options) {
  return internal::WeightlessLayer(
      {.class_name = "Flatten",
       .name = options.name,
       .needs = {.min_rank = 1, .axes = "(batch, ...)"},
       .options = internal::CheckDataFormat(options.data_format)},
      [=](const Value& x) -> absl::StatusOr<Value> { return FlattenOf(x, options.data_format); });
}

Layer Reshape(std::vector<int64_t> target_shape, LayerOptions options) {
  return internal::WeightlessLayer({.class_name = "Reshape",
                                    .name = options.name,
                                    .needs = {.min_rank = 1, .axes = "(batch, ...)"},
                                    .options = CheckTarget(target_shape)},
                                   [=](const Value& x) -> absl::StatusOr<Value> {
                                     Ints shape = {0};  // keeps the batch
                                     shape.insert(shape.end(), target_shape.begin(),
                                                  target_shape.end());
                                     return Op("array.Reshape", {x}, {{"shape", shape}});
                                   });
}

Layer Permute(std::vector<int64_t> dims, LayerOptions options) {
  const int rank = static_cast<int>(dims.size()) + 1;
  return internal::WeightlessLayer({.class_name = "Permute",
                                    .name = options.name,
                                    .needs = {.min_rank = rank,
                                              .max_rank = rank,
                                              .axes = "(the batch and one axis for each of dims)"},
                                    .options = CheckDims(dims)},
                                   [=](const Value& x) -> absl::StatusOr<Value> {
                                     Ints perm = {0};
                                     perm.insert(perm.end(), dims.begin(), dims.end());
                                     return Op("array.Transpose", {x}, {{"perm", perm}});
                                   });
}

Layer RepeatVector(int64_t n, LayerOptions options) {
  return internal::WeightlessLayer(
      {.class_name = "RepeatVector",
       .name = options.name,
       .needs = {.min_rank = 2, .max_rank = 2, .axes = "(batch, features)"},
       .options = internal::AtLeast("n", 1, n)},
      [=](const Value& x) -> absl::StatusOr<Value> {
        const Value row = Op("array.Unsqueeze", {x}, {{"axes", Ints{1}}});
        return Op("array.Tile", {row}, {{"repeats", Ints{1, n, 1}}});
      });
}

Layer UpSampling1D(Sizes size, UpSamplingOptions options) { return UpSampling(1, size, options); }
Layer UpSampling2D(Sizes size, UpSamplingOptions options) { return UpSampling(2, size, options); }
Layer UpSampling3D(Sizes size, UpSamplingOptions options) { return UpSampling(3, size, options); }

}  // namespace nomograph
