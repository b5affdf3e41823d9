#include "nomograph/ops/image/resize_geometry.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace nomograph::image {
namespace {

absl::Status CheckArguments(const PartialShape& x, const Attributes& attrs) {
  const int spatial_rank = SpatialRank(attrs);
  if (attrs.Ints("sizes").empty() == attrs.Floats("scales").empty() || spatial_rank > 3) {
    return InvalidArgument(
        "attributes sizes and scales: expected 1 to 3 values in one of them, found ",
        attrs.Ints("sizes").size(), " and ", attrs.Floats("scales").size());
  }
  if (x.has_rank() && x.rank() != spatial_rank + 1 && x.rank() != spatial_rank + 2) {
    return InvalidArgument("input x: expected ", spatial_rank + 2, " axes (batch, ", spatial_rank,
                           " spatial ones and channels), or one less without a batch, found shape ",
                           x.ToString());
  }
  return absl::OkStatus();
}

absl::StatusOr<Dim> OutputSize(const Attributes& attrs, int spatial_axis, const Dim& input) {
  const auto& sizes = attrs.Ints("sizes");
  if (input.known() && input.size() > kMaxResized) {
    return InvalidArgument("input x: expected spatial sizes up to ", kMaxResized, ", found ",
                           input.size());
  }
  Dim output;
  if (!sizes.empty()) {
    output = sizes[spatial_axis];
  } else if (attrs.Floats("scales")[spatial_axis] == 1) {
    output = input;
  } else if (input.known()) {
    const double size =
        std::floor(static_cast<double>(input.size()) * attrs.Floats("scales")[spatial_axis]);
    if (size > static_cast<double>(kMaxResized)) {
      return InvalidArgument("attribute scales: expected sizes up to ", kMaxResized, ", found ",
                             size);
    }
    output = static_cast<int64_t>(size);
  }
  if (input == Dim(0) && output.known() && output.size() > 0) {
    return InvalidArgument("input x: expected spatial sizes of at least 1, found 0");
  }
  return output;
}

// Where the output's element i lies on the input's axis, whose elements are at 0, 1, ….
double SourceCoordinate(const Attributes& attrs, const Axis& axis, int64_t i) {
  const std::string& mode = attrs.String("coordinates");
  const double index = static_cast<double>(i);
  if (mode == "asymmetric") return index * axis.step;
  if (mode == "align_corners") {
    if (axis.output == 1) return 0;
    return index * static_cast<double>(axis.input - 1) / static_cast<double>(axis.output - 1);
  }
  if (mode == "pytorch_half_pixel" && axis.output == 1) return 0;
  return (index + 0.5) * axis.step - 0.5;
}

double NearestIndex(const std::string& nearest_mode, double coordinate) {
  if (nearest_mode == "floor") return std::floor(coordinate);
  if (nearest_mode == "ceil") return std::ceil(coordinate);
  if (nearest_mode == "round_prefer_floor") return std::ceil(coordinate - 0.5);
  return std::floor(coordinate + 0.5);
}

}  // namespace

int SpatialRank(const Attributes& attrs) {
  return static_cast<int>(attrs.Ints("sizes").size() + attrs.Floats("scales").size());
}

int FirstSpatialAxis(int rank, const Attributes& attrs) {
  const int last = attrs.String("data_format") == "channels_last" ? rank - 2 : rank - 1;
  return last - SpatialRank(attrs) + 1;
}

absl::StatusOr<std::vector<TensorType>> InferResize(const InferContext& context) {
  const Attributes& attrs = context.attrs();
  PartialShape shape = context.shape(0);
  NOMO_RETURN_IF_ERROR(CheckArguments(shape, attrs));
  if (shape.has_rank()) {
    const int first = FirstSpatialAxis(shape.rank(), attrs);
    for (int i = 0; i < SpatialRank(attrs); ++i) {
      NOMO_ASSIGN_OR_RETURN(shape[first + i], OutputSize(attrs, i, shape[first + i]));
    }
  }
  return std::vector<TensorType>{{context.dtype(0), shape}};
}

Sample SampleAt(const Attributes& attrs, const Axis& axis, int64_t i) {
  const double last = static_cast<double>(axis.input - 1);
  double coordinate = SourceCoordinate(attrs, axis, i);
  if (attrs.String("mode") == "nearest") {
    coordinate = NearestIndex(attrs.String("nearest_mode"), coordinate);
  }
  coordinate = std::clamp(coordinate, 0.0, last);
  const int64_t low = static_cast<int64_t>(coordinate);
  return {low, std::min(low + 1, axis.input - 1), coordinate - static_cast<double>(low)};
}

std::array<std::vector<Sample>, 3> AllSamples(const Attributes& attrs,
                                              const std::array<Axis, 3>& axes) {
  std::array<std::vector<Sample>, 3> samples;
  for (int a = 0; a < 3; ++a) {
    for (int64_t i = 0; i < axes[a].output; ++i) samples[a].push_back(SampleAt(attrs, axes[a], i));
  }
  return samples;
}

OpDef WithResizing(OpDef op) {
  return op.Attr("mode", "bilinear", "\"bilinear\" or \"nearest\"")
      .Choices({"bilinear", "nearest"})
      .Attr("sizes", std::vector<int64_t>{}, "the output's spatial sizes")
      .Min(0)
      .Max(static_cast<double>(kMaxResized))
      .Attr("scales", std::vector<double>{}, "the factors of the spatial sizes")
      .Min(1e-9)
      .Attr("coordinates", "half_pixel",
            "how output elements map to the input: \"half_pixel\" (Keras, PyTorch), "
            "\"pytorch_half_pixel\", \"asymmetric\" or \"align_corners\"")
      .Choices({"half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners"})
      .Attr("nearest_mode", "round_prefer_ceil",
            "how \"nearest\" rounds: \"round_prefer_ceil\" (Keras), \"round_prefer_floor\" "
            "(ONNX' default), \"floor\" or \"ceil\"")
      .Choices({"round_prefer_ceil", "round_prefer_floor", "floor", "ceil"})
      .Attr("data_format", "channels_last",
            "\"channels_last\": [batch, spatial..., channels]; \"channels_first\": [batch, "
            "channels, spatial...]")
      .Choices({"channels_last", "channels_first"});
}

}  // namespace nomograph::image
