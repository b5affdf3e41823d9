// Which images run together: a batch is as wide as its widest image, and what a narrower one is
// filled up with costs as much time as letters do.
#ifndef NOMOGRAPH_EXAMPLES_OCR_BATCHES_H_
#define NOMOGRAPH_EXAMPLES_OCR_BATCHES_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace nomograph::ocr {

struct Batch {
  int64_t width = 0;             // of every image, once it is filled up
  std::vector<int64_t> members;  // indices, from the narrowest image to the widest
};

struct BatchOptions {
  int64_t max_members = 8;
  // The narrowest image of a batch has at least this share of the width of the widest.
  double min_share = 0.75;
  // Widths are multiples of it, so that few shapes are compiled.
  int64_t width_step = 32;
};

// Every index of `widths` is in one batch. Batches are in the order of their widths.
std::vector<Batch> PlanBatches(absl::Span<const int64_t> widths, const BatchOptions& options = {});

}  // namespace nomograph::ocr

#endif  // NOMOGRAPH_EXAMPLES_OCR_BATCHES_H_
