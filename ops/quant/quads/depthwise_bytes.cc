#include "nomograph/ops/quant/quads/depthwise_bytes.h"

#include <algorithm>
#include <array>

namespace nomograph::quant {
namespace {

constexpr int64_t kMostRows = 32;
constexpr int64_t kPlaces = 2 * kQuadLanes;  // that a loop has sums of
// What a loop may read, and CopyLine() write, past the end.
constexpr int64_t kSlack = 4 * 64;

int64_t CeilOfQuotient(int64_t a, int64_t b) { return (a + b - 1) / b; }

int64_t Extent(const WindowSpan& span) {
  return (span.output - 1) * span.stride + (span.taps - 1) * span.dilation + 1;
}

}  // namespace

bool DepthwiseBytes::Serves(const PairConvSizes& sizes) {
  return sizes.columns.dilation == 1 && sizes.columns.stride <= 2 && sizes.rows.taps <= kMostRows;
}

DepthwiseBytes::DepthwiseBytes(const PairConvSizes& sizes)
    : sizes_(sizes),
      quads_(CeilOfQuotient(sizes.columns.taps, 4)),
      extent_rows_(Extent(sizes.rows)),
      extent_columns_(Extent(sizes.columns)),
      pitch_(extent_columns_) {
  // Rows of the output are then `pitch_` places apart, if the strides are equal.
  const int64_t rows = sizes.rows.output, width = sizes.columns.output;
  const int64_t flat = CeilOfQuotient((rows - 1) * pitch_ + width, kPlaces);
  flat_ = sizes.rows.stride == sizes.columns.stride && flat < rows * CeilOfQuotient(width, kPlaces);
}

int64_t DepthwiseBytes::packed_elements() const {
  return sizes_.out_channels * sizes_.rows.taps * quads_;
}

void DepthwiseBytes::Pack(const PairWeights& weights, int32_t* packed) const {
  const int64_t taps = sizes_.columns.taps;
  for (int64_t o = 0; o < sizes_.out_channels; ++o) {
    for (int64_t row = 0; row < sizes_.rows.taps; ++row) {
      for (int64_t column = 0; column < taps; column += 4) {
        uint32_t quad = 0;
        for (int64_t i = 0; i < std::min<int64_t>(4, taps - column); ++i) {
          const int16_t weight =
              weights.data[o * weights.out_stride + (row * taps + column + i) * weights.tap_stride];
          quad |= static_cast<uint32_t>(weight & 0xff) << (8 * i);
        }
        *packed++ = static_cast<int32_t>(quad);
      }
    }
  }
}

int64_t DepthwiseBytes::lines_bytes() const {
  return CeilOfQuotient(extent_rows_ * pitch_ + kSlack, 64) * 64;
}

int64_t DepthwiseBytes::scratch_bytes() const {
  const int64_t finished = flat_ ? sizes_.rows.output * pitch_ + kSlack : 0;
  return lines_bytes() + CeilOfQuotient(finished, 64) * 64;
}

void DepthwiseBytes::Multiply(const PairInput& x, int64_t channel, const int32_t* packed,
                              const QuadFinish& finish, uint8_t* scratch, uint8_t* y) const {
  const WindowSpan &rows = sizes_.rows, &columns = sizes_.columns;
  const uint8_t flip = x.is_signed ? 0x80 : 0;
  const auto zero = static_cast<uint8_t>(x.zero_point);
  const int64_t skipped = std::max<int64_t>(0, -columns.pad_begin);
  const int64_t at = std::max<int64_t>(0, columns.pad_begin);
  const int64_t count = std::min(columns.input - skipped, extent_columns_ - at);
  const auto* const plane =
      static_cast<const uint8_t*>(x.data) + channel * rows.input * columns.input + skipped;
  PadPlane(plane,
           {.x_rows = rows.input,
            .count = count,
            .x_pitch = columns.input,
            .rows = extent_rows_,
            .pitch = pitch_,
            .top = rows.pad_begin,
            .left = at,
            .fill = zero,
            .flip = flip},
           scratch);
  const int32_t* const w = packed + channel * rows.taps * quads_;
  QuadFinish of_channel = finish;
  of_channel.biases += channel;
  of_channel.scales += channel;
  const int64_t width = columns.output;
  uint8_t* const to = y + channel * rows.output * width;
  std::array<const uint8_t*, kMostRows> lines;
  const auto multiply = [&](int64_t row, int64_t places, uint8_t* out) {
    for (int64_t t = 0; t < rows.taps; ++t) {
      lines[t] = scratch + (row * rows.stride + t * rows.dilation) * pitch_;
    }
    MultiplyLines(lines.data(), rows.taps, quads_, columns.stride, places, w, of_channel, out);
  };
  if (!flat_) {
    for (int64_t r = 0; r < rows.output; ++r) multiply(r, width, to + r * width);
    return;
  }
  uint8_t* const finished = scratch + lines_bytes();
  multiply(0, (rows.output - 1) * pitch_ + width, finished);
  CopyRows(finished, pitch_, rows.output, width, to);
}

}  // namespace nomograph::quant
