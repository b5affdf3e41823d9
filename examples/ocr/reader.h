// Reads the text in a picture: detection, direction, recognition.
#ifndef NOMOGRAPH_EXAMPLES_OCR_READER_H_
#define NOMOGRAPH_EXAMPLES_OCR_READER_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "nomograph/examples/ocr/detect.h"
#include "nomograph/examples/ocr/direction.h"
#include "nomograph/examples/ocr/recognize.h"

namespace nomograph::ocr {

struct ReaderFiles {
  std::string detector, recognizer;  // .nomo or .onnx
  std::string direction;             // likewise; empty: all text is taken for upright
  std::string characters;            // the recogniser's dictionary
};

struct Line {
  Text text;
  Box box;  // in the picture's pixels; its first corner is at the top left of the text
};

// Seconds.
struct StageTimes {
  double detection = 0, cropping = 0, direction = 0, recognition = 0;
};

class TextReader {
 public:
  // What the files have is compiled when a picture first needs it, and kept.
  static absl::StatusOr<TextReader> Open(const ReaderFiles& files,
                                         const DetectOptions& options = {});

  // Lines of text in reading order. `picture` is uint8[height,width,3]. `times`, where not null,
  // are those that this took.
  absl::StatusOr<std::vector<Line>> Read(const Tensor& picture, StageTimes* times = nullptr) const;

 private:
  TextReader(Detector detector, std::optional<DirectionClassifier> direction, Recognizer recognizer)
      : detector_(std::move(detector)),
        direction_(std::move(direction)),
        recognizer_(std::move(recognizer)) {}

  // Turns the crops, and their boxes, whose text is upside down.
  absl::Status TurnUpright(std::vector<Tensor>& crops, std::vector<Box>& boxes) const;

  Detector detector_;
  std::optional<DirectionClassifier> direction_;
  Recognizer recognizer_;
};

}  // namespace nomograph::ocr

#endif  // NOMOGRAPH_EXAMPLES_OCR_READER_H_
