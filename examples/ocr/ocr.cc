// Reads the text in a picture.
//
//   ocr --detector det.nomo --recognizer rec.nomo --characters ppocr_keys_v1.txt picture.png
//
// README.md says where the models come from.
#include <cstdio>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "nomograph/data/image.h"
#include "nomograph/examples/ocr/annotate.h"
#include "nomograph/examples/ocr/reader.h"

namespace nomograph::ocr {
namespace {

struct Arguments {
  ReaderFiles files;
  DetectOptions detect;
  std::string picture, annotated;
  double min_confidence = 0.5;  // what is less is mostly no text
  bool times = false;
};

void Declare(CLI::App& app, Arguments& arguments) {
  app.add_option("--detector", arguments.files.detector, "The detection model: .nomo or .onnx")
      ->required();
  app.add_option("--recognizer", arguments.files.recognizer, "The recognition model")->required();
  app.add_option("--characters", arguments.files.characters,
                 "The recogniser's dictionary, a character a line")
      ->required();
  app.add_option("--direction", arguments.files.direction,
                 "The direction classifier, for text that may be upside down");
  app.add_option("--max-side", arguments.detect.max_side,
                 "Text is searched for at no more than this size, in pixels")
      ->check(CLI::Range(32, 8192))
      ->capture_default_str();
  app.add_option("--min-score", arguments.detect.boxes.min_score,
                 "Of a box: the mean probability of text in it; less for lines that are bent")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--min-confidence", arguments.min_confidence, "Leaves out what is less sure")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--annotate", arguments.annotated, "Writes the picture with the boxes, as PNG");
  app.add_flag("--times", arguments.times, "Prints what the stages took, on standard error");
  app.add_option("picture", arguments.picture, "PNG or JPEG")->required();
}

// The text, its confidence, and its box' corners, between tabulators.
std::string Format(const Line& line) {
  const auto corner = [](std::string* out, const Point& point) {
    absl::StrAppendFormat(out, "%.0f,%.0f", point.x, point.y);
  };
  return absl::StrFormat("%s\t%.3f\t%s\n", line.text.text, line.text.confidence,
                         absl::StrJoin(Corners(line.box), " ", corner));
}

void PrintTimes(const StageTimes& times) {
  std::fprintf(stderr,
               "detection %.0f ms, cropping %.0f ms, direction %.0f ms, recognition %.0f ms\n",
               1000 * times.detection, 1000 * times.cropping, 1000 * times.direction,
               1000 * times.recognition);
}

absl::Status Run(const Arguments& arguments) {
  NOMO_ASSIGN_OR_RETURN(const TextReader reader,
                        TextReader::Open(arguments.files, arguments.detect));
  NOMO_ASSIGN_OR_RETURN(Tensor picture, ReadImage(arguments.picture, {.channels = 3}));
  StageTimes times;
  NOMO_ASSIGN_OR_RETURN(const std::vector<Line> lines, reader.Read(picture, &times));
  for (const Line& line : lines) {
    if (line.text.text.empty() || line.text.confidence < arguments.min_confidence) continue;
    std::fputs(Format(line).c_str(), stdout);
    DrawBox(line.box, picture);
  }
  if (arguments.times) PrintTimes(times);
  if (arguments.annotated.empty()) return absl::OkStatus();
  return WritePng(arguments.annotated, picture);
}

}  // namespace
}  // namespace nomograph::ocr

int main(int argc, char** argv) {
  CLI::App app("Reads the text in a picture, with PP-OCR's models.", "ocr");
  nomograph::ocr::Arguments arguments;
  nomograph::ocr::Declare(app, arguments);
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = nomograph::ocr::Run(arguments);
  if (!status.ok()) std::fprintf(stderr, "ocr: %s\n", std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}
