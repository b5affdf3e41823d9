// What is done to images, by the library's ops run at once. Images are float32[1,3,height,width],
// red, green and blue from 0 to 255.
#ifndef NOMOGRAPH_EXAMPLES_OCR_IMAGE_OPS_H_
#define NOMOGRAPH_EXAMPLES_OCR_IMAGE_OPS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "nomograph/core/types/tensor.h"
#include "nomograph/examples/ocr/geometry.h"

namespace nomograph::ocr {

// From uint8[height,width,3], as ReadImage() yields it.
absl::StatusOr<Tensor> ImageFromPixels(const Tensor& pixels);

// Bilinear. An image that shrinks is not smoothed: the networks were trained with images that
// OpenCV had made smaller, and the direction classifier errs where long lines are smooth.
absl::StatusOr<Tensor> Resized(const Tensor& image, int64_t height, int64_t width);

// What lies in the box, upright and `height` pixels high, as wide as the box' sides have it.
// Outside of the image its border goes on.
absl::StatusOr<Tensor> Cropped(const Tensor& image, const Box& box, int64_t height);

// Turned by a half turn.
absl::StatusOr<Tensor> HalfTurned(const Tensor& image);

// float32[batch,3,height,width] of images of one height: grey is added at the right of those that
// are narrower.
absl::StatusOr<Tensor> Batched(absl::Span<const Tensor> images, int64_t width);

}  // namespace nomograph::ocr

#endif  // NOMOGRAPH_EXAMPLES_OCR_IMAGE_OPS_H_
