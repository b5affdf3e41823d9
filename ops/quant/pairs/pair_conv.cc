#include "nomograph/ops/quant/pairs/pair_conv.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "nomograph/core/vector/vector_target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nomograph/ops/quant/pairs/pair_conv_kernel.h"
#include "hwy/foreach_target.h"
//
#include "nomograph/ops/quant/pairs/pair_conv_kernel.h"

namespace nomograph::quant {
namespace {

struct Target {
  decltype(&HWY_STATIC_DISPATCH(MultiplyChannels)) multiply_channels = NOMO_BEST(MultiplyChannels);
  decltype(&HWY_STATIC_DISPATCH(MultiplyPlane)) multiply_plane = NOMO_BEST(MultiplyPlane);
  decltype(&HWY_STATIC_DISPATCH(FinishRow)) finish_row = NOMO_BEST(FinishRow);
  decltype(&HWY_STATIC_DISPATCH(SplitRows)) split_rows = NOMO_BEST(SplitRows);
  decltype(&HWY_STATIC_DISPATCH(JoinBytes)) join_bytes = NOMO_BEST(JoinBytes);
};

const Target& Best() {
  static const Target target;
  return target;
}

constexpr int64_t kBlockChannels = 6;  // that one loop has sums of
// What a loop may read and write past the end: four vectors of any machine.
constexpr int64_t kSlack = 64;

int64_t CeilOfQuotient(int64_t a, int64_t b) { return (a + b - 1) / b; }

int32_t Joined(int16_t low, int16_t high) {
  return static_cast<int32_t>(static_cast<uint32_t>(static_cast<uint16_t>(low)) |
                              static_cast<uint32_t>(static_cast<uint16_t>(high)) << 16);
}

}  // namespace

PairConv::PairConv(const PairConvSizes& sizes)
    : sizes_(sizes),
      rows_(sizes.rows, 1),
      columns_(sizes.columns, sizes.depthwise ? 2 : 1),
      plane_(rows_.pitch * columns_.pitch),
      pair_stride_(plane_ * rows_.num_phases() * columns_.num_phases()),
      pairs_(sizes.depthwise ? sizes.in_channels : CeilOfQuotient(sizes.in_channels, 2)),
      block_channels_(sizes.depthwise ? 1 : kBlockChannels) {
  const auto is_whole = [](const WindowSpan& span, const WindowAxis& axis) {
    return span.stride == 1 && span.pad_begin == 0 && axis.pitch == span.input;
  };
  planes_are_images_ =
      !sizes.depthwise && is_whole(sizes.rows, rows_) && is_whole(sizes.columns, columns_);
  blocks_ = CeilOfQuotient(sizes.out_channels, block_channels_);
  // So much of the planes as stays in the second cache while all blocks of channels pass.
  constexpr int64_t kChunk = 1 << 15;
  const int64_t row = columns_.pitch * (sizes.depthwise ? 1 : pairs_);
  chunk_rows_ = std::clamp<int64_t>(kChunk / row, 1, sizes.rows.output);
  chunks_ = CeilOfQuotient(sizes.rows.output, chunk_rows_);
  for (int64_t i = 0; i < rows_.taps; ++i) {
    for (int64_t j = 0; j < columns_.taps; ++j) {
      const int64_t phase = rows_.phase(i) * columns_.num_phases() + columns_.phase(j);
      offsets_.push_back(phase * plane_ + rows_.shift(i) * columns_.pitch + columns_.shift(j));
    }
  }
}

int64_t PairConv::packed_elements() const {
  return blocks_ * block_channels_ * (sizes_.depthwise ? 1 : pairs_) *
         static_cast<int64_t>(offsets_.size());
}

void PairConv::Pack(const PairWeights& weights, int32_t* packed) const {
  const auto element = [&](int64_t o, int64_t i, int64_t row, int64_t column) -> int16_t {
    const bool within = o < sizes_.out_channels && column < sizes_.columns.taps &&
                        (sizes_.depthwise || i < sizes_.in_channels);
    if (!within) return 0;
    return weights.data[o * weights.out_stride + i * weights.in_stride +
                        (row * sizes_.columns.taps + column) * weights.tap_stride];
  };
  const int64_t pairs = sizes_.depthwise ? 1 : pairs_;
  for (int64_t block = 0; block < blocks_; ++block) {
    for (int64_t p = 0; p < pairs; ++p) {
      for (int64_t row = 0; row < rows_.taps; ++row) {
        for (int64_t column = 0; column < columns_.taps; ++column) {
          for (int64_t c = 0; c < block_channels_; ++c) {
            const int64_t o = block * block_channels_ + c;
            *packed++ =
                sizes_.depthwise
                    ? Joined(element(o, 0, row, 2 * column), element(o, 0, row, 2 * column + 1))
                    : Joined(element(o, 2 * p, row, column), element(o, 2 * p + 1, row, column));
          }
        }
      }
    }
  }
}

int64_t PairConv::plane_elements() const { return pairs_ * pair_stride_ + kSlack; }

int64_t PairConv::sums_elements() const {
  return block_channels_ * (chunk_rows_ * columns_.pitch + kSlack);
}

int64_t PairConv::line_halves() const {
  return columns_.pitch * columns_.stride + columns_.dilation + 2 * kSlack;
}

int64_t PairConv::scratch_elements() const {
  // Sums, and behind them bytes that are finished; or else two lines of 16 bits.
  const int64_t finished = (chunk_rows_ * columns_.pitch + kSlack) / 4;
  return (std::max(sums_elements() + finished, line_halves()) + 15) / 16 * 16;
}

void PairConv::Split(const PairInput& x, int64_t piece, int32_t* scratch, int32_t* planes) const {
  const WindowSpan &rows = sizes_.rows, &columns = sizes_.columns;
  const int64_t channel = piece * (sizes_.depthwise ? 1 : 2), image = rows.input * columns.input;
  // The last one of an odd number has no partner.
  const bool paired = !sizes_.depthwise && channel + 1 < sizes_.in_channels;
  if (planes_are_images_) {
    return Best().join_bytes(x.data, x.is_signed, channel * image,
                             paired ? (channel + 1) * image : -1, image, x.zero_point,
                             planes + piece * pair_stride_);
  }
  int16_t* const first = reinterpret_cast<int16_t*>(scratch);
  int16_t* const second = first + line_halves();
  std::fill_n(first, 2 * line_halves(), int16_t{0});
  const int64_t skipped = std::max<int64_t>(0, -columns.pad_begin);
  SplitLines lines{.is_signed = x.is_signed,
                   .zero_point = x.zero_point,
                   .elements = sizes_.in_channels * image,
                   .input_rows = rows.input,
                   .input_columns = columns.input,
                   .first_element = channel * image + skipped,
                   .partner_elements = paired ? image : 0,
                   .at = std::max<int64_t>(0, columns.pad_begin),
                   .neighbour = sizes_.depthwise ? columns.dilation : 0,
                   .pad_rows = rows.pad_begin,
                   .row_stride = rows_.stride,
                   .column_stride = columns_.stride,
                   .rows = rows_.pitch,
                   .pitch = columns_.pitch,
                   .plane = plane_,
                   .column_phases = columns_.phases.data(),
                   .num_column_phases = columns_.num_phases()};
  lines.count = std::min(columns.input - skipped, columns_.extent - lines.at);
  int32_t* to = planes + piece * pair_stride_;
  for (const int64_t row_phase : rows_.phases) {
    Best().split_rows(lines, x.data, row_phase, first, second, to);
    to += lines.num_column_phases * plane_;
  }
}

void PairConv::Multiply(const int32_t* planes, const int32_t* packed, const PairFinish& finish,
                        int64_t piece, int32_t* scratch, void* y) const {
  const int64_t block = piece % blocks_, first_row = piece / blocks_ * chunk_rows_;
  const int64_t rows = std::min(chunk_rows_, sizes_.rows.output - first_row);
  const int64_t pitch = columns_.pitch, width = sizes_.columns.output;
  const int64_t count = (rows - 1) * pitch + width, stride = chunk_rows_ * pitch + kSlack;
  const auto taps = static_cast<int64_t>(offsets_.size());
  if (sizes_.depthwise) {
    Best().multiply_plane(planes + block * pair_stride_ + first_row * pitch, count, offsets_.data(),
                          taps, packed + block * taps, scratch);
  } else {
    Best().multiply_channels(planes + first_row * pitch, count, pairs_, pair_stride_,
                             offsets_.data(), taps, packed + block * pairs_ * taps * kBlockChannels,
                             scratch, stride);
  }
  // All places, what is between the rows among them, in whole vectors; and then the rows.
  constexpr int64_t kWhole = 32;
  const int64_t rounded = CeilOfQuotient(count, kWhole) * kWhole;
  auto* const finished = reinterpret_cast<std::byte*>(scratch + sums_elements());
  const int64_t first = block * block_channels_;
  const int64_t end = std::min(first + block_channels_, sizes_.out_channels);
  const int64_t runs = pitch == width ? 1 : rows, size = pitch == width ? count : width;
  for (int64_t o = first; o < end; ++o) {
    Best().finish_row(scratch + (o - first) * stride, rounded, finish.biases[o], finish.scales[o],
                      finish.zero_point, finish.is_signed, finished);
    auto* to = static_cast<std::byte*>(y) + (o * sizes_.rows.output + first_row) * width;
    for (int64_t r = 0; r < runs; ++r) std::memcpy(to + r * size, finished + r * pitch, size);
  }
}

}  // namespace nomograph::quant
