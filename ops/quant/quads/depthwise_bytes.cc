#include "nomograph/ops/quant/quads/depthwise_bytes.h"

#include <algorithm>

namespace nomograph::quant {
namespace {

constexpr int64_t kMostTaps = 32;  // of a row
constexpr int64_t kBytes = 64;     // of a vector

// A bit for each of a vector's bytes from `at` on that is among `bytes`.
uint64_t BytesThere(int64_t at, int64_t bytes) {
  uint64_t there = 0;
  for (int64_t i = 0; i < kBytes; ++i) {
    if (at + i >= 0 && at + i < bytes) there |= uint64_t{1} << i;
  }
  return there;
}

}  // namespace

bool DepthwiseBytes::Serves(const PairConvSizes& sizes) {
  return sizes.columns.dilation == 1 && sizes.columns.stride <= 2 &&
         sizes.columns.taps <= kMostTaps;
}

DepthwiseBytes::DepthwiseBytes(const PairConvSizes& sizes) : sizes_(sizes) {
  const WindowSpan &rows = sizes.rows, &columns = sizes.columns;
  loop_.stride = columns.stride;
  loop_.taps = columns.taps;
  loop_.rows = rows.taps;
  loop_.row_step = rows.dilation * columns.input;
  loop_.plane_bytes = rows.input * columns.input;
  loop_.y_bytes = rows.output * columns.output;
  const int64_t of_row = CeilOfQuotient(columns.output, loop_.outputs_of_lane());
  const int64_t step = rows.stride * columns.input;  // from one row of the output to the next
  if (of_row <= kQuadLanes && columns.input <= kBytes) {
    // What is loaded has the inputs of as many rows of the output.
    const int64_t in_lanes = kQuadLanes / of_row;
    const int64_t in_bytes = (kBytes - columns.input) / step + 1;
    AddLanes(0, of_row, std::min({in_lanes, in_bytes, rows.output}), 0);
  } else {
    // Lanes whose windows end within what is loaded, in equal parts.
    const int64_t most =
        std::min((kBytes - (4 - columns.stride) - columns.taps) / 4 + 1, kQuadLanes);
    const int64_t parts = CeilOfQuotient(of_row, most), of_part = CeilOfQuotient(of_row, parts);
    for (int64_t lane = 0; lane < of_row; lane += of_part) {
      const int64_t column = lane * loop_.outputs_of_lane();
      AddLanes(
          column, std::min(of_part, of_row - lane), 1,
          std::clamp<int64_t>(column * columns.stride - columns.pad_begin, 0, columns.input - 1));
    }
  }
  std::stable_sort(loop_.outputs.begin(), loop_.outputs.end(),
                   [](const LaneOutputs& a, const LaneOutputs& b) { return a.y < b.y; });
  for (const LaneOutputs& some : loop_.outputs) {
    for (int64_t r = 0; r < loop_.rows; ++r) {
      loop_.there.push_back(BytesThere(some.x + r * loop_.row_step, loop_.plane_bytes));
    }
  }
}

void DepthwiseBytes::AddLanes(int64_t column, int64_t lanes, int64_t rows, int64_t from) {
  const WindowSpan &down = sizes_.rows, &along = sizes_.columns;
  const int64_t outputs = loop_.outputs_of_lane(), step = down.stride * along.input;
  LaneBytes bytes;
  bytes.quads.resize(loop_.quads());
  for (int64_t q = 0; q < loop_.quads(); ++q) {
    LaneBytes::Quad& quad = bytes.quads[q];
    quad.inside = 0;
    for (int64_t i = 0; i < kBytes; ++i) {
      const int64_t lane = i / 4 % lanes, row = i / 4 / lanes;
      const int64_t x = column * along.stride - along.pad_begin + 4 * (lane + q) + i % 4;
      const int64_t at = row * step + x - from;
      const bool inside = x >= 0 && x < along.input && at >= 0 && at < kBytes;
      quad.from[i] = static_cast<uint8_t>(inside ? at : 0);
      if (inside) quad.inside |= uint64_t{1} << i;
    }
  }
  const int64_t width = std::min(lanes * outputs, along.output - column);
  std::fill(std::begin(bytes.order), std::end(bytes.order), uint8_t{0});
  for (int64_t i = 0; i < rows * width; ++i) {
    const int64_t lane = i / width * lanes + i % width / outputs, output = i % width % outputs;
    bytes.order[i] = static_cast<uint8_t>(lane / 4 * 16 + output * 4 + lane % 4);
  }
  loop_.lanes.push_back(std::move(bytes));
  for (int64_t row = 0; row < down.output; row += rows) {
    loop_.outputs.push_back({.x = (row * down.stride - down.pad_begin) * along.input + from,
                             .y = row * along.output + column,
                             .count = std::min(rows, down.output - row) * width,
                             .lanes = static_cast<int>(loop_.lanes.size()) - 1});
  }
}

void DepthwiseBytes::Pack(const PairWeights& weights, int32_t* packed) const {
  for (int64_t o = 0; o < sizes_.out_channels; ++o) {
    for (int64_t row = 0; row < loop_.rows; ++row) {
      for (int64_t q = 0; q < loop_.quads(); ++q) {
        for (int64_t output = 0; output < loop_.outputs_of_lane(); ++output) {
          uint32_t quad = 0;
          for (int64_t i = 0; i < 4; ++i) {
            const int64_t tap = 4 * q + i - output * loop_.stride;
            if (tap < 0 || tap >= loop_.taps) continue;
            const int16_t weight =
                weights
                    .data[o * weights.out_stride + (row * loop_.taps + tap) * weights.tap_stride];
            quad |= static_cast<uint32_t>(weight & 0xff) << (8 * i);
          }
          *packed++ = static_cast<int32_t>(quad);
        }
      }
    }
  }
}

void DepthwiseBytes::Multiply(const PairInput& x, int64_t channel, const int32_t* packed,
                              const QuadFinish& finish, uint8_t* y) const {
  QuadFinish of_channel = finish;
  of_channel.biases += channel;
  of_channel.scales += channel;
  MultiplyWindows(loop_,
                  {.bytes = static_cast<const uint8_t*>(x.data) + channel * loop_.plane_bytes,
                   .padding = static_cast<uint8_t>(x.zero_point),
                   .flip = static_cast<uint8_t>(x.is_signed ? 0x80 : 0)},
                  packed + channel * kernel_elements(), of_channel, y + channel * loop_.y_bytes);
}

}  // namespace nomograph::quant
