// What a line of text says, by PP-OCR's recogniser.
#ifndef NOMOGRAPH_EXAMPLES_OCR_RECOGNIZE_H_
#define NOMOGRAPH_EXAMPLES_OCR_RECOGNIZE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "nomograph/core/run/session.h"
#include "nomograph/examples/ocr/ctc.h"

namespace nomograph::ocr {

class Recognizer {
 public:
  // The height of the lines that the network reads, in pixels.
  static constexpr int64_t kLineHeight = 48;

  // `characters` is the path of the dictionary that the network was trained with.
  static absl::StatusOr<Recognizer> Open(const std::string& path, const std::string& characters);

  // The text of each line. `lines` are float32[1,3,kLineHeight,width].
  absl::StatusOr<std::vector<Text>> Recognize(absl::Span<const Tensor> lines) const;

 private:
  Recognizer(std::unique_ptr<Session> session, std::vector<std::string> characters)
      : session_(std::move(session)), characters_(std::move(characters)) {}

  // Texts of lines that run together.
  absl::StatusOr<std::vector<Text>> RecognizeBatch(const Tensor& batch) const;

  std::unique_ptr<Session> session_;
  std::vector<std::string> characters_;
};

}  // namespace nomograph::ocr

#endif  // NOMOGRAPH_EXAMPLES_OCR_RECOGNIZE_H_
