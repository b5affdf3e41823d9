#include "nomograph/examples/ocr/image_ops.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "nomograph/core/op/eager.h"
#include "nomograph/core/op/registry.h"

namespace nomograph::ocr {
namespace {

using Ints = std::vector<int64_t>;

// Networks that take pixels as (x / 255 - 0.5) / 0.5 see it as 0.
constexpr double kGrey = 127.5;

absl::StatusOr<Tensor> Apply(absl::string_view op, absl::Span<const Tensor> inputs,
                             const Attributes& attrs) {
  const OpDef* def = OpRegistry::Default().Find(op);
  if (def == nullptr) return OpRegistry::Default().NotFound(op, 0);
  auto outputs = RunOp(*def, inputs, attrs, {.fast = true});
  if (!outputs.ok()) return Annotate(outputs.status(), op);
  return std::move(outputs)->front();
}

int64_t Pixels(double length) { return std::max<int64_t>(1, std::llround(length)); }

// The affine map from the cropped image to the whole one, in the units of image.AffineGrid: -1 and
// 1 are an image's outer edges.
Tensor CropMap(const Tensor& image, const Box& box) {
  const auto height = static_cast<double>(image.shape()[2]);
  const auto width = static_cast<double>(image.shape()[3]);
  const double cosine = std::cos(box.angle), sine = std::sin(box.angle);
  const double rows[2][3] = {
      {box.width * cosine / width, -box.height * sine / width, (2 * box.center.x + 1) / width - 1},
      {box.width * sine / height, box.height * cosine / height,
       (2 * box.center.y + 1) / height - 1},
  };
  Tensor theta(DType::kFloat32, {1, 2, 3});
  std::transform(&rows[0][0], &rows[0][0] + 6, theta.mutable_data<float>().begin(),
                 [](double value) { return static_cast<float>(value); });
  return theta;
}

}  // namespace

absl::StatusOr<Tensor> ImageFromPixels(const Tensor& pixels) {
  if (pixels.dtype() != DType::kUInt8 || pixels.shape().rank() != 3 || pixels.shape()[2] != 3) {
    return InvalidArgument("expected an image uint8[height,width,3], found ",
                           pixels.type().ToString());
  }
  const Tensor batch = pixels.Reshaped({1, pixels.shape()[0], pixels.shape()[1], 3});
  NOMO_ASSIGN_OR_RETURN(const Tensor planes,
                        Apply("array.Transpose", {batch}, {{"perm", Ints{0, 3, 1, 2}}}));
  return planes.Cast(DType::kFloat32);
}

absl::StatusOr<Tensor> Resized(const Tensor& image, int64_t height, int64_t width) {
  return Apply("array.Resize", {image},
               {{"sizes", Ints{height, width}}, {"axes", Ints{2, 3}}, {"mode", "linear"}});
}

absl::StatusOr<Tensor> Cropped(const Tensor& image, const Box& box, int64_t height) {
  const Ints size = {1, 3, Pixels(box.height), Pixels(box.width)};
  NOMO_ASSIGN_OR_RETURN(const Tensor grid,
                        Apply("image.AffineGrid", {CropMap(image, box)}, {{"size", size}}));
  NOMO_ASSIGN_OR_RETURN(
      const Tensor crop,
      Apply("image.GridSample", {image, grid},
            {{"mode", "cubic"}, {"padding_mode", "border"}, {"data_format", "channels_first"}}));
  const double ratio = box.width / std::max(box.height, 1.0);
  return Resized(crop, height, Pixels(std::ceil(ratio * static_cast<double>(height))));
}

absl::StatusOr<Tensor> HalfTurned(const Tensor& image) {
  return Apply("array.Reverse", {image}, {{"axes", Ints{2, 3}}});
}

absl::StatusOr<Tensor> Batched(absl::Span<const Tensor> images, int64_t width) {
  std::vector<Tensor> rows;
  for (const Tensor& image : images) {
    const Ints pads = {0, width - image.shape()[3]};
    NOMO_ASSIGN_OR_RETURN(
        rows.emplace_back(),
        Apply("array.Pad", {image}, {{"pads", pads}, {"axes", Ints{3}}, {"value", kGrey}}));
  }
  return ConcatRows(rows);
}

}  // namespace nomograph::ocr
