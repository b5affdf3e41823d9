// Pictures as PNG.
#ifndef NOMOGRAPH_INSPECT_PICTURE_PNG_IMAGE_H_
#define NOMOGRAPH_INSPECT_PICTURE_PNG_IMAGE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "nomograph/inspect/picture/picture.h"

namespace nomograph::picture {

struct PngOptions {
  // Pixels of the file for a pixel of the picture. 0: 2, or as many as there is room for, but no
  // fewer than a half.
  double scale = 0;
  bool dark = false;
  int64_t max_pixels = 100'000'000;
};

// In the machine's font of Helvetica's widths, or narrowed to them in another. ResourceExhausted
// for what is larger than allowed.
absl::StatusOr<std::string> Png(const Picture& picture, const PngOptions& options = {});

}  // namespace nomograph::picture

#endif  // NOMOGRAPH_INSPECT_PICTURE_PNG_IMAGE_H_
