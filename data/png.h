// PNG images, through libpng.
#ifndef NOMOGRAPH_DATA_PNG_H_
#define NOMOGRAPH_DATA_PNG_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/types/tensor.h"

namespace nomograph {

bool IsPng(absl::string_view bytes);

// The pixels as a tensor uint8[height,width,channels] with the file's own channels: 1 grey, 2 grey
// and alpha, 3 RGB, 4 RGB and alpha. A palette becomes RGB, a transparent colour an alpha channel,
// samples of 1, 2 and 4 bits are spread over 0 to 255, those of 16 bits are rounded to 8. Values
// are taken as they are: gamma and colour profiles are not applied. InvalidArgument for what is no
// whole PNG; ResourceExhausted for more than `max_pixels`.
absl::StatusOr<Tensor> ParsePng(absl::string_view bytes, int64_t max_pixels);

// Writes a tensor uint8[height,width] or uint8[height,width,channels] with 1 to 4 channels as
// above. InvalidArgument for any other, and for images without pixels.
absl::Status WritePng(const std::string& path, const Tensor& image);
absl::StatusOr<std::string> FormatPng(const Tensor& image);

}  // namespace nomograph

#endif  // NOMOGRAPH_DATA_PNG_H_
