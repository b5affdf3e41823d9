// JPEG images, through libjpeg(-turbo).
#ifndef NOMOGRAPH_DATA_JPEG_H_
#define NOMOGRAPH_DATA_JPEG_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/types/tensor.h"

namespace nomograph {

bool IsJpeg(absl::string_view bytes);

// The pixels as a tensor uint8[height,width,channels], 1 channel for grey and 3 for RGB. The
// orientation that a camera notes (EXIF) and colour profiles are not applied. InvalidArgument for
// what is no whole JPEG (damaged data is an error, not filled with grey), for the CMYK colours of
// print, for arithmetic coding, which hardly any program can read, and for more than 200 scans;
// ResourceExhausted for more than `max_pixels`.
absl::StatusOr<Tensor> ParseJpeg(absl::string_view bytes, int64_t max_pixels);

}  // namespace nomograph

#endif  // NOMOGRAPH_DATA_JPEG_H_
