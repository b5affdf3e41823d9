#include "nomograph/examples/ocr/reader.h"

#include <chrono>

#include "nomograph/examples/ocr/image_ops.h"

namespace nomograph::ocr {
namespace {

// Tells the time since it was last asked.
class Stopwatch {
 public:
  double Lap() {
    const auto now = std::chrono::steady_clock::now();
    const std::chrono::duration<double> lap = now - start_;
    start_ = now;
    return lap.count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

absl::StatusOr<std::vector<Tensor>> CropLines(const Tensor& image, absl::Span<const Box> boxes) {
  std::vector<Tensor> crops;
  for (const Box& box : boxes) {
    NOMO_ASSIGN_OR_RETURN(crops.emplace_back(), Cropped(image, box, Recognizer::kLineHeight));
  }
  return crops;
}

}  // namespace

absl::StatusOr<TextReader> TextReader::Open(const ReaderFiles& files,
                                            const DetectOptions& options) {
  NOMO_ASSIGN_OR_RETURN(Detector detector, Detector::Open(files.detector, options));
  std::optional<DirectionClassifier> direction;
  if (!files.direction.empty()) {
    NOMO_ASSIGN_OR_RETURN(direction, DirectionClassifier::Open(files.direction));
  }
  NOMO_ASSIGN_OR_RETURN(Recognizer recognizer,
                        Recognizer::Open(files.recognizer, files.characters));
  return TextReader(std::move(detector), std::move(direction), std::move(recognizer));
}

absl::Status TextReader::TurnUpright(std::vector<Tensor>& crops, std::vector<Box>& boxes) const {
  if (!direction_) return absl::OkStatus();
  NOMO_ASSIGN_OR_RETURN(const std::vector<bool> upside_down, direction_->UpsideDown(crops));
  for (size_t i = 0; i < crops.size(); ++i) {
    if (!upside_down[i]) continue;
    NOMO_ASSIGN_OR_RETURN(crops[i], HalfTurned(crops[i]));
    boxes[i] = UpsideDown(boxes[i]);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Line>> TextReader::Read(const Tensor& picture, StageTimes* times) const {
  StageTimes taken;
  Stopwatch watch;
  NOMO_ASSIGN_OR_RETURN(const Tensor image, ImageFromPixels(picture));
  NOMO_ASSIGN_OR_RETURN(std::vector<Box> boxes, detector_.Detect(image));
  taken.detection = watch.Lap();
  NOMO_ASSIGN_OR_RETURN(std::vector<Tensor> crops, CropLines(image, boxes));
  taken.cropping = watch.Lap();
  NOMO_RETURN_IF_ERROR(TurnUpright(crops, boxes));
  taken.direction = watch.Lap();
  NOMO_ASSIGN_OR_RETURN(std::vector<Text> texts, recognizer_.Recognize(crops));
  taken.recognition = watch.Lap();
  if (times != nullptr) *times = taken;

  std::vector<Line> lines;
  for (size_t i = 0; i < texts.size(); ++i) lines.push_back({std::move(texts[i]), boxes[i]});
  return lines;
}

}  // namespace nomograph::ocr
