// From the detector's map of probabilities to boxes around lines of text: what comes after the
// network in M. Liao et al., Real-time Scene Text Detection with Differentiable Binarization
// (2020).
#ifndef NOMOGRAPH_EXAMPLES_OCR_TEXT_BOXES_H_
#define NOMOGRAPH_EXAMPLES_OCR_TEXT_BOXES_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "nomograph/examples/ocr/geometry.h"

namespace nomograph::ocr {

// Row-major values of height x width pixels, each the probability of text there.
struct ProbabilityMap {
  absl::Span<const float> values;
  int64_t height = 0, width = 0;

  float at(int64_t x, int64_t y) const { return values[y * width + x]; }
};

// PaddleOCR's figures.
struct BoxOptions {
  double threshold = 0.3;     // pixels above it are text
  double min_score = 0.6;     // of a box: its pixels' mean probability
  double unclip_ratio = 1.5;  // the network marks the middle of a line: boxes grow by
                              // ratio * area / perimeter on every side
  double min_side = 3;        // of a box ahead of growing, in pixels
};

// Groups of pixels above `threshold` that touch, by a side or a corner: of each group the pixels
// that have none of it at their left or right, which is where its convex hull has its corners. In
// the order of their first pixels.
std::vector<std::vector<Point>> FindRegions(const ProbabilityMap& map, double threshold);

// The mean probability of the pixels whose middles lie in the box; 0 where there are none.
double BoxScore(const ProbabilityMap& map, const Box& box);

// The boxes in the map's pixels.
std::vector<Box> TextBoxes(const ProbabilityMap& map, const BoxOptions& options = {});

}  // namespace nomograph::ocr

#endif  // NOMOGRAPH_EXAMPLES_OCR_TEXT_BOXES_H_
