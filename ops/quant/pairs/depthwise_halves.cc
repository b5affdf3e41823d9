#include "nomograph/ops/quant/pairs/depthwise_halves.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace nomograph::quant {
namespace {

constexpr int64_t kAtOnce = 32;  // places, with AVX2

}  // namespace

// Lines a stride apart lie together, as in PairConv.
DepthwiseHalves::DepthwiseHalves(const PairConvSizes& sizes) : sizes_(sizes), rows_(sizes.rows, 1) {
  const WindowSpan &rows = sizes.rows, &columns = sizes.columns;
  // With a dilation, pairs are of one tap and a factor of 0.
  const bool paired = columns.dilation == 1;
  pairs_ = paired ? CeilOfQuotient(columns.taps, 2) : columns.taps;
  pair_step_ = paired ? 2 : columns.dilation;
  pitch_ = WindowAxis(columns, 1).pitch * columns.stride;
  for (int64_t t = 0; t < rows.taps; ++t) {
    offsets_.push_back((rows_.phase(t) * rows_.pitch + rows_.shift(t)) * pitch_);
  }
  // Rows of the output are then as far apart as lines are, in steps of the columns.
  flat_ = rows.output * pitch_ / columns.stride <=
          rows.output * CeilOfQuotient(columns.output, kAtOnce) * kAtOnce;
  sums_pitch_ = flat_ ? pitch_ / columns.stride : CeilOfQuotient(columns.output, kAtOnce) * kAtOnce;
}

void DepthwiseHalves::Pack(const PairWeights& weights, int32_t* packed) const {
  const int64_t taps = sizes_.columns.taps;
  const bool paired = sizes_.columns.dilation == 1;
  for (int64_t o = 0; o < sizes_.out_channels; ++o) {
    for (int64_t row = 0; row < sizes_.rows.taps; ++row) {
      const auto element = [&](int64_t column) {
        return column >= taps
                   ? int16_t{0}
                   : weights
                         .data[o * weights.out_stride + (row * taps + column) * weights.tap_stride];
      };
      for (int64_t q = 0; q < pairs_; ++q) {
        *packed++ =
            paired ? JoinedHalves(element(2 * q), element(2 * q + 1)) : JoinedHalves(element(q), 0);
      }
    }
  }
}

int64_t DepthwiseHalves::lines_elements() const {
  return CeilOfQuotient(rows_.num_phases() * rows_.pitch * pitch_ + 4 * kPairSlack, 32) * 16;
}

int64_t DepthwiseHalves::sums_elements() const {
  return sizes_.rows.output * sums_pitch_ + kPairSlack;
}

int64_t DepthwiseHalves::scratch_elements() const {
  return CeilOfQuotient(lines_elements() + sums_elements() + sums_elements() / 4 + 1, 16) * 16;
}

void DepthwiseHalves::Multiply(const PairInput& x, int64_t channel, const int32_t* packed,
                               const PairFinish& finish, int32_t* scratch, void* y) const {
  const WindowSpan &rows = sizes_.rows, &columns = sizes_.columns;
  auto* const lines = reinterpret_cast<int16_t*>(scratch);
  int32_t* const sums = scratch + lines_elements();
  auto* const finished = reinterpret_cast<std::byte*>(sums + sums_elements());
  const int64_t skipped = std::max<int64_t>(0, -columns.pad_begin);
  const int64_t left = std::max<int64_t>(0, columns.pad_begin);
  for (int64_t phase = 0; phase < rows_.num_phases(); ++phase) {
    PadHalves(
        static_cast<const std::byte*>(x.data) + channel * rows.input * columns.input + skipped,
        {.x_rows = rows.input,
         .count = std::min(columns.input - skipped, pitch_ - left),
         .x_pitch = columns.input,
         .rows = rows_.pitch,
         .pitch = pitch_,
         .top = rows.pad_begin,
         .left = left,
         .row_stride = rows.stride,
         .first_row = rows_.phases[phase],
         .is_signed = x.is_signed,
         .zero_point = x.zero_point},
        lines + phase * rows_.pitch * pitch_);
  }
  const int64_t width = columns.output, count = (rows.output - 1) * sums_pitch_ + width;
  const int32_t* const w = packed + channel * kernel_elements();
  const HalvesProduct product{.rows = rows.taps,
                              .offsets = offsets_.data(),
                              .pairs = pairs_,
                              .pair_step = pair_step_,
                              .stride = columns.stride};
  if (flat_) {
    MultiplyHalves(product, lines, count, w, sums);
  } else {
    // What one row writes past its end the next one writes over.
    for (int64_t r = 0; r < rows.output; ++r) {
      MultiplyHalves(product, lines + r * pitch_, width, w, sums + r * sums_pitch_);
    }
  }
  FinishRow(sums, count, finish.OfChannel(channel), finished);
  auto* const to = static_cast<std::byte*>(y) + channel * rows.output * width;
  for (int64_t r = 0; r < rows.output; ++r) {
    std::memcpy(to + r * width, finished + r * sums_pitch_, static_cast<size_t>(width));
  }
}

}  // namespace nomograph::quant
