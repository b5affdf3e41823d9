// Where text is in an image, by PP-OCR's detector.
#ifndef NOMOGRAPH_EXAMPLES_OCR_DETECT_H_
#define NOMOGRAPH_EXAMPLES_OCR_DETECT_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "nomograph/core/run/session.h"
#include "nomograph/examples/ocr/text_boxes.h"

namespace nomograph::ocr {

struct DetectOptions {
  // The network sees larger images at this size, in pixels.
  int64_t max_side = 960;
  BoxOptions boxes;
};

class Detector {
 public:
  static absl::StatusOr<Detector> Open(const std::string& path, const DetectOptions& options = {});

  // A box around each line of text, or part of one, in the image's pixels and in reading order.
  // `image` is float32[1,3,height,width].
  absl::StatusOr<std::vector<Box>> Detect(const Tensor& image) const;

 private:
  Detector(std::unique_ptr<Session> session, const DetectOptions& options)
      : session_(std::move(session)), options_(options) {}

  std::unique_ptr<Session> session_;
  DetectOptions options_;
};

}  // namespace nomograph::ocr

#endif  // NOMOGRAPH_EXAMPLES_OCR_DETECT_H_
