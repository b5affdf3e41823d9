// Text from a recogniser's outputs: greedy decoding of connectionist temporal classification
// (A. Graves et al., 2006).
#ifndef NOMOGRAPH_EXAMPLES_OCR_CTC_H_
#define NOMOGRAPH_EXAMPLES_OCR_CTC_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace nomograph::ocr {

struct Text {
  std::string text;       // UTF-8
  double confidence = 0;  // the characters' mean probability; 0 where there are none
};

// What the classes mean: a character a line, as PaddleOCR's dictionaries have them. Class 0 stands
// for none, the last one, which the file leaves out, for a space. NotFound, or InvalidArgument for
// a file without characters.
absl::StatusOr<std::vector<std::string>> ReadCharacters(const std::string& path);
std::vector<std::string> ParseCharacters(absl::string_view lines);

// `probabilities` has a row of characters.size() numbers for each step from left to right. Every
// step yields its likeliest class; of a class that repeats itself the first step counts.
Text DecodeCtc(absl::Span<const float> probabilities, absl::Span<const std::string> characters);

}  // namespace nomograph::ocr

#endif  // NOMOGRAPH_EXAMPLES_OCR_CTC_H_
