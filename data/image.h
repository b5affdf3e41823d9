// Images as tensors uint8[height,width,channels].
#ifndef NOMOGRAPH_DATA_IMAGE_H_
#define NOMOGRAPH_DATA_IMAGE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/types/tensor.h"
#include "nomograph/data/png.h"

namespace nomograph {

struct ImageOptions {
  // 1 grey, 3 RGB, 4 RGB and alpha; 0 as in the file, which may also be 2, grey and alpha. RGB
  // becomes grey by ITU-R BT.601's luma, 0.299 R + 0.587 G + 0.114 B. An alpha channel that is not
  // wanted is dropped, so that transparent pixels show the colour below; one that is missing is
  // added as 255.
  int channels = 0;
  // A small file may claim a huge image.
  int64_t max_pixels = int64_t{1} << 28;
};

// Reads a PNG or a JPEG image, whichever the first bytes say (see png.h and jpeg.h).
// InvalidArgument for what is neither or is damaged; ResourceExhausted for too many pixels.
absl::StatusOr<Tensor> ReadImage(const std::string& path, const ImageOptions& options = {});
absl::StatusOr<Tensor> ParseImage(absl::string_view bytes, const ImageOptions& options = {});

// The image at another size, bilinear with half-pixel centres: output pixel i lies at (i + 0.5) *
// input / output - 0.5 of the input, clamped to its edges, rounded half up. Making an image smaller
// skips pixels and averages none, as tf.image.resize() does by default. InvalidArgument unless
// `image` is uint8[height,width,channels] with pixels and the sides of the result are from 1 to
// 2^24.
absl::StatusOr<Tensor> ResizeImage(const Tensor& image, int64_t height, int64_t width);

}  // namespace nomograph

#endif  // NOMOGRAPH_DATA_IMAGE_H_
