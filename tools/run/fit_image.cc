#include "nomograph/tools/run/fit_image.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/memory.h"
#include "nomograph/core/types/status.h"
#include "nomograph/data/image.h"
#include "nomograph/tools/exit_code.h"

namespace nomograph {
namespace {

bool IsChannelCount(const Dim& dim) {
  return dim.size() == 1 || dim.size() == 3 || dim.size() == 4;
}

// The size that an axis asks for; `size` where it leaves it open.
int64_t SizeOr(const TensorType& type, int axis, int64_t size) {
  return axis >= 0 && type.shape[axis].known() ? type.shape[axis].size() : size;
}

// uint8[height,width,channels] in the order and the shape of the input.
absl::StatusOr<Tensor> Arrange(const Tensor& image, const TensorType& type, const ImageAxes& axes) {
  const int64_t height = image.shape()[0], width = image.shape()[1], channels = image.shape()[2];
  Tensor arranged = image;
  if (axes.channels >= 0 && axes.channels < axes.height) {
    NOMO_ASSIGN_OR_RETURN(arranged, Tensor::Create(DType::kUInt8, {channels, height, width}));
    const uint8_t* from = image.data<uint8_t>().data();
    uint8_t* to = arranged.mutable_data<uint8_t>().data();
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t i = 0; i < height * width; ++i) *to++ = from[i * channels + c];
    }
  }
  Shape shape;
  for (int axis = 0; axis < type.shape.rank(); ++axis) {
    shape.Append(axis == axes.height     ? height
                 : axis == axes.width    ? width
                 : axis == axes.channels ? channels
                                         : 1);
  }
  return arranged.Reshaped(shape);
}

}  // namespace

absl::StatusOr<ImageAxes> FindImageAxes(const TensorType& type) {
  const PartialShape& shape = type.shape;
  const auto refuse = [&] { return InvalidArgument("an image does not fit ", type.ToString()); };
  if (!shape.has_rank() || !kNumbers.Contains(type.dtype)) return refuse();
  const int rank = shape.rank();
  if (rank == 2) return ImageAxes{.height = 0, .width = 1};
  if (rank == 3 && !shape[0].known()) return ImageAxes{.batch = 0, .height = 1, .width = 2};
  if (rank != 3 && rank != 4) return refuse();
  const int first = rank - 3;  // the first axis behind the batch
  const bool last_is_channels = IsChannelCount(shape[rank - 1]) || !IsChannelCount(shape[first]);
  if (last_is_channels && shape[rank - 1].known() && !IsChannelCount(shape[rank - 1]))
    return refuse();
  ImageAxes axes{.batch = first - 1, .height = first, .width = first + 1, .channels = first + 2};
  if (!last_is_channels)
    axes = {.batch = first - 1, .height = first + 1, .width = first + 2, .channels = first};
  if (axes.batch >= 0 && shape[axes.batch].known() && shape[axes.batch].size() != 1)
    return refuse();
  return axes;
}

absl::StatusOr<Tensor> ReadImageFor(const TensorType& type, const std::string& path, bool resize) {
  NOMO_ASSIGN_OR_RETURN(const ImageAxes axes, WithExitCode(ExitCode::kUsage, FindImageAxes(type)));
  const int channels = static_cast<int>(axes.channels < 0 ? 1 : SizeOr(type, axes.channels, 3));
  NOMO_ASSIGN_OR_RETURN(
      Tensor image, WithExitCode(ExitCode::kUnreadable, ReadImage(path, {.channels = channels})));
  const int64_t height = SizeOr(type, axes.height, image.shape()[0]);
  const int64_t width = SizeOr(type, axes.width, image.shape()[1]);
  if (height != image.shape()[0] || width != image.shape()[1]) {
    if (!resize) {
      return WithExitCode(
          ExitCode::kUsage,
          InvalidArgument(Quoted(path), " is ", image.shape()[1], " pixels wide and ",
                          image.shape()[0], " high; expected ", width, " wide and ", height,
                          " high (--resize makes it fit)"));
    }
    NOMO_ASSIGN_OR_RETURN(image, WithExitCode(ExitCode::kUsage, ResizeImage(image, height, width)));
  }
  return ArrangeImage(type, image);
}

absl::StatusOr<Tensor> ArrangeImage(const TensorType& type, const Tensor& image) {
  NOMO_ASSIGN_OR_RETURN(const ImageAxes axes, FindImageAxes(type));
  NOMO_ASSIGN_OR_RETURN(Tensor arranged, Arrange(image, type, axes));
  if (type.dtype == DType::kUInt8) return arranged;
  return TryCast(arranged, type.dtype);
}

absl::StatusOr<std::vector<double>> ParseNumbers(absl::string_view text) {
  std::vector<double> numbers;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    const std::vector<absl::string_view> ratio = absl::StrSplit(part, absl::MaxSplits('/', 1));
    double number = 0, divisor = 1;
    if (!absl::SimpleAtod(ratio[0], &number) ||
        (ratio.size() == 2 && (!absl::SimpleAtod(ratio[1], &divisor) || divisor == 0)) ||
        !std::isfinite(number / divisor)) {
      return InvalidArgument(Quoted(part), " is no number");
    }
    numbers.push_back(number / divisor);
  }
  return numbers;
}

absl::StatusOr<Tensor> ScalePixels(const TensorType& type, Tensor image,
                                   const PixelScaling& scaling) {
  if (!scaling.is_set()) return image;
  if (!kFloats.Contains(type.dtype)) {
    return InvalidArgument("pixels of ", DTypeName(type.dtype),
                           " go in as they are: the model scales them");
  }
  NOMO_ASSIGN_OR_RETURN(const ImageAxes axes, FindImageAxes(type));
  const Shape& shape = image.shape();
  const int64_t channels = axes.channels < 0 ? 1 : shape[axes.channels];
  for (const auto* list : {&scaling.mean, &scaling.std}) {
    const auto count = static_cast<int64_t>(list->size());
    if (count > 1 && count != channels) {
      return InvalidArgument("there are ", count, " numbers for ", channels, " channels");
    }
  }
  if (std::find(scaling.std.begin(), scaling.std.end(), 0.0) != scaling.std.end()) {
    return InvalidArgument("a std of 0 divides by nothing");
  }
  if (scaling.bgr && channels != 3) {
    return InvalidArgument("only pictures of 3 channels are RGB or BGR, not of ", channels);
  }
  const auto at = [](const std::vector<double>& list, int64_t channel, double otherwise) {
    if (list.empty()) return otherwise;
    return list.size() == 1 ? list[0] : list[channel];
  };
  NOMO_ASSIGN_OR_RETURN(const Tensor pixels, TryCast(image, DType::kFloat64));
  NOMO_ASSIGN_OR_RETURN(Tensor scaled, Tensor::Create(DType::kFloat64, shape));
  int64_t inner = 1;  // elements from one channel to the next
  for (int axis = axes.channels + 1; axes.channels >= 0 && axis < shape.rank(); ++axis) {
    inner *= shape[axis];
  }
  const absl::Span<const double> from = pixels.data<double>();
  const absl::Span<double> to = scaled.mutable_data<double>();
  for (size_t i = 0; i < to.size(); ++i) {
    const int64_t channel = static_cast<int64_t>(i) / inner % channels;
    const size_t source = scaling.bgr ? i + (channels - 1 - 2 * channel) * inner : i;
    to[i] =
        (from[source] * scaling.scale - at(scaling.mean, channel, 0)) / at(scaling.std, channel, 1);
  }
  return TryCast(scaled, type.dtype);
}

bool WantsScaledPixels(const Graph& graph, ValueId input) {
  if (!kFloats.Contains(graph.value(input).type.dtype)) return false;
  std::vector<bool> same(graph.values.size(), false);  // the pixels, arranged in another way
  same[input] = true;
  for (const Node& node : graph.nodes) {
    if (node.inputs.empty() || node.inputs[0] == kNoValue || !same[node.inputs[0]]) continue;
    if (node.op == "nn.Conv") return true;
    const bool arranges = node.op == "array.Transpose" || node.op == "array.Pad" ||
                          node.op == "array.Cast" || node.op == "core.Identity";
    if (!arranges) return false;
    for (const ValueId id : node.outputs) {
      if (id != kNoValue) same[id] = true;
    }
  }
  return false;
}

}  // namespace nomograph
