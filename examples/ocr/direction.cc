#include "nomograph/examples/ocr/direction.h"

#include <algorithm>

#include "nomograph/examples/ocr/image_ops.h"
#include "nomograph/examples/ocr/pixel_model.h"

namespace nomograph::ocr {
namespace {

// What the network was trained with.
const Normalization kNormalization = {{0.5}, {0.5}};
constexpr int64_t kHeight = 48, kWidth = 192;
// Upright text is the rule, so the network must be sure.
constexpr float kMinProbability = 0.9F;

// The image at the network's height, narrowed where it is too wide.
absl::StatusOr<Tensor> Fit(const Tensor& image) {
  const int64_t height = image.shape()[2], width = image.shape()[3];
  const int64_t scaled = (width * kHeight + height - 1) / height;
  return Resized(image, kHeight, std::clamp<int64_t>(scaled, 1, kWidth));
}

}  // namespace

absl::StatusOr<DirectionClassifier> DirectionClassifier::Open(const std::string& path) {
  NOMO_ASSIGN_OR_RETURN(std::unique_ptr<Session> session, OpenPixelModel(path, kNormalization));
  return DirectionClassifier(std::move(session));
}

absl::StatusOr<std::vector<bool>> DirectionClassifier::UpsideDown(
    absl::Span<const Tensor> images) const {
  if (images.empty()) return std::vector<bool>();
  std::vector<Tensor> fitted;
  for (const Tensor& image : images) {
    NOMO_ASSIGN_OR_RETURN(fitted.emplace_back(), Fit(image));
  }
  NOMO_ASSIGN_OR_RETURN(const Tensor batch, Batched(fitted, kWidth));
  NOMO_ASSIGN_OR_RETURN(const Tensor probabilities,
                        RunPixelModel(*session_, batch, "the direction classifier"));
  const Shape expected = {batch.shape()[0], 2};
  if (probabilities.dtype() != DType::kFloat32 || probabilities.shape() != expected) {
    return InvalidArgument("the direction classifier: expected an output float32",
                           expected.ToString(), ", found ", probabilities.type().ToString());
  }
  std::vector<bool> upside_down;
  for (int64_t i = 0; i < expected[0]; ++i) {
    upside_down.push_back(probabilities.data<float>()[2 * i + 1] > kMinProbability);
  }
  return upside_down;
}

}  // namespace nomograph::ocr
