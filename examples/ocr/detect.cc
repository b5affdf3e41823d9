#include "nomograph/examples/ocr/detect.h"

#include <algorithm>
#include <cmath>

#include "nomograph/examples/ocr/image_ops.h"
#include "nomograph/examples/ocr/pixel_model.h"
#include "nomograph/examples/ocr/reading_order.h"

namespace nomograph::ocr {
namespace {

// ImageNet's figures for red, green and blue. PaddleOCR reads images as blue, green and red and
// applies them in this order all the same.
const Normalization kNormalization = {{0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}};

// The network halves an image five times.
constexpr int64_t kSideStep = 32;

int64_t NetworkSide(int64_t side, double scale) {
  const double steps = std::round(static_cast<double>(side) * scale / kSideStep);
  return std::max<int64_t>(1, static_cast<int64_t>(steps)) * kSideStep;
}

absl::Status CheckMap(const Tensor& map, int64_t height, int64_t width) {
  const Shape expected = {1, 1, height, width};
  if (map.dtype() == DType::kFloat32 && map.shape() == expected) return absl::OkStatus();
  return InvalidArgument("the detector: expected an output float32", expected.ToString(),
                         ", found ", map.type().ToString());
}

}  // namespace

absl::StatusOr<Detector> Detector::Open(const std::string& path, const DetectOptions& options) {
  NOMO_ASSIGN_OR_RETURN(std::unique_ptr<Session> session, OpenPixelModel(path, kNormalization));
  return Detector(std::move(session), options);
}

absl::StatusOr<std::vector<Box>> Detector::Detect(const Tensor& image) const {
  const int64_t height = image.shape()[2], width = image.shape()[3];
  const double scale = std::min(
      1.0, static_cast<double>(options_.max_side) / static_cast<double>(std::max(height, width)));
  const int64_t map_height = NetworkSide(height, scale), map_width = NetworkSide(width, scale);
  NOMO_ASSIGN_OR_RETURN(const Tensor pixels, Resized(image, map_height, map_width));
  NOMO_ASSIGN_OR_RETURN(const Tensor map, RunPixelModel(*session_, pixels, "the detector"));
  NOMO_RETURN_IF_ERROR(CheckMap(map, map_height, map_width));

  std::vector<Box> boxes = TextBoxes({map.data<float>(), map_height, map_width}, options_.boxes);
  for (Box& box : boxes) {
    box = AlongText(Scaled(box, static_cast<double>(width) / static_cast<double>(map_width),
                           static_cast<double>(height) / static_cast<double>(map_height)));
  }
  return InReadingOrder(std::move(boxes));
}

}  // namespace nomograph::ocr
