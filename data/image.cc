#include "nomograph/data/image.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nomograph/core/io/file.h"
#include "nomograph/data/jpeg.h"

namespace nomograph {
namespace {

constexpr int64_t kMaxSide = 1 << 24;

// BT.601 with weights of 16 bits.
uint8_t Luma(const uint8_t* rgb) {
  return static_cast<uint8_t>((rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16);
}

// One pixel from 1 to 4 channels to 1, 3 or 4.
void ConvertPixel(const uint8_t* in, int64_t in_channels, uint8_t* out, int64_t out_channels) {
  const bool colour = in_channels >= 3;
  if (out_channels == 1) {
    *out = colour ? Luma(in) : *in;
    return;
  }
  for (int c = 0; c < 3; ++c) out[c] = colour ? in[c] : in[0];
  if (out_channels == 4) out[3] = in_channels % 2 == 0 ? in[in_channels - 1] : 255;
}

absl::StatusOr<Tensor> ConvertChannels(const Tensor& image, int64_t channels) {
  const int64_t in_channels = image.shape()[2];
  if (channels == 0 || channels == in_channels) return image;
  NOMO_ASSIGN_OR_RETURN(
      Tensor result, Tensor::Create(DType::kUInt8, {image.shape()[0], image.shape()[1], channels}));
  const uint8_t* in = image.data<uint8_t>().data();
  uint8_t* out = result.mutable_data<uint8_t>().data();
  for (int64_t i = 0; i < image.num_elements() / in_channels; ++i) {
    ConvertPixel(in + i * in_channels, in_channels, out + i * channels, channels);
  }
  return result;
}

// What an output position takes from an axis of the input: (1 - weight) of `low` and `weight` of
// `high`.
struct Tap {
  int64_t low, high;
  double weight;
};

std::vector<Tap> Taps(int64_t input, int64_t output) {
  std::vector<Tap> taps;
  for (int64_t i = 0; i < output; ++i) {
    const double position =
        (static_cast<double>(i) + 0.5) * static_cast<double>(input) / static_cast<double>(output) -
        0.5;
    const double clamped = std::clamp(position, 0.0, static_cast<double>(input - 1));
    const auto low = static_cast<int64_t>(clamped);
    taps.push_back({low, std::min(low + 1, input - 1), clamped - static_cast<double>(low)});
  }
  return taps;
}

}  // namespace

absl::StatusOr<Tensor> ParseImage(absl::string_view bytes, const ImageOptions& options) {
  if (options.channels != 0 && options.channels != 1 && options.channels != 3 &&
      options.channels != 4) {
    return InvalidArgument(
        "an image can be read with 1, 3 or 4 channels, or 0 for the file's own; found ",
        options.channels);
  }
  absl::StatusOr<Tensor> image;
  if (IsPng(bytes)) {
    image = ParsePng(bytes, options.max_pixels);
  } else if (IsJpeg(bytes)) {
    image = ParseJpeg(bytes, options.max_pixels);
  } else {
    image = InvalidArgument("it is neither a PNG nor a JPEG image");
  }
  if (!image.ok()) return image;
  return ConvertChannels(*image, options.channels);
}

absl::StatusOr<Tensor> ReadImage(const std::string& path, const ImageOptions& options) {
  NOMO_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path));
  auto image = ParseImage(bytes, options);
  if (!image.ok()) return Annotate(image.status(), absl::StrCat("\"", path, "\""));
  return image;
}

absl::StatusOr<Tensor> ResizeImage(const Tensor& image, int64_t height, int64_t width) {
  if (image.dtype() != DType::kUInt8 || image.shape().rank() != 3 || image.num_elements() == 0) {
    return InvalidArgument("an image is uint8[height,width,channels], with pixels; found ",
                           image.type().ToString());
  }
  if (height < 1 || width < 1 || height > kMaxSide || width > kMaxSide) {
    return InvalidArgument("an image cannot be resized to ", height, " x ", width);
  }
  const int64_t channels = image.shape()[2];
  NOMO_ASSIGN_OR_RETURN(Tensor result, Tensor::Create(DType::kUInt8, {height, width, channels}));
  const int64_t row = image.shape()[1] * channels;
  const std::vector<Tap> columns = Taps(image.shape()[1], width);
  uint8_t* out = result.mutable_data<uint8_t>().data();
  for (const Tap& y : Taps(image.shape()[0], height)) {
    const uint8_t* low = image.data<uint8_t>().data() + y.low * row;
    const uint8_t* high = image.data<uint8_t>().data() + y.high * row;
    for (const Tap& x : columns) {
      for (int64_t c = 0; c < channels; ++c) {
        const int64_t left = x.low * channels + c;
        const int64_t right = x.high * channels + c;
        const double above = low[left] + (low[right] - low[left]) * x.weight;
        const double below = high[left] + (high[right] - high[left]) * x.weight;
        *out++ = static_cast<uint8_t>(above + (below - above) * y.weight + 0.5);
      }
    }
  }
  return result;
}

}  // namespace nomograph
