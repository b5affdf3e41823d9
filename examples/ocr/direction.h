// Whether text is upside down, by PP-OCR's direction classifier.
#ifndef NOMOGRAPH_EXAMPLES_OCR_DIRECTION_H_
#define NOMOGRAPH_EXAMPLES_OCR_DIRECTION_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "nomograph/core/run/session.h"

namespace nomograph::ocr {

class DirectionClassifier {
 public:
  static absl::StatusOr<DirectionClassifier> Open(const std::string& path);

  // For each image whether its text is upside down. `images` are float32[1,3,height,width].
  absl::StatusOr<std::vector<bool>> UpsideDown(absl::Span<const Tensor> images) const;

 private:
  explicit DirectionClassifier(std::unique_ptr<Session> session) : session_(std::move(session)) {}

  std::unique_ptr<Session> session_;
};

}  // namespace nomograph::ocr

#endif  // NOMOGRAPH_EXAMPLES_OCR_DIRECTION_H_
