#include "nomograph/ops/quant/pairs/pair_conv.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "nomograph/ops/quant/pairs/pair_loops.h"

namespace nomograph::quant {
namespace {

int64_t CeilOfQuotient(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

PairConv::PairConv(const PairConvSizes& sizes)
    : sizes_(sizes),
      rows_(sizes.rows, 1),
      columns_(sizes.columns, 1),
      plane_(rows_.pitch * columns_.pitch),
      pair_stride_(plane_ * rows_.num_phases() * columns_.num_phases()),
      pairs_(CeilOfQuotient(sizes.in_channels, 2)) {
  const auto is_whole = [](const WindowSpan& span, const WindowAxis& axis) {
    return span.stride == 1 && span.pad_begin == 0 && axis.pitch == span.input;
  };
  planes_are_images_ = is_whole(sizes.rows, rows_) && is_whole(sizes.columns, columns_);
  blocks_ = CeilOfQuotient(sizes.out_channels, kPairChannels);
  // So much of the planes as stays in the second cache while all blocks of channels pass.
  constexpr int64_t kChunk = 1 << 15;
  chunk_rows_ = std::clamp<int64_t>(kChunk / (columns_.pitch * pairs_), 1, sizes.rows.output);
  chunks_ = CeilOfQuotient(sizes.rows.output, chunk_rows_);
  for (int64_t i = 0; i < rows_.taps; ++i) {
    for (int64_t j = 0; j < columns_.taps; ++j) {
      const int64_t phase = rows_.phase(i) * columns_.num_phases() + columns_.phase(j);
      offsets_.push_back(phase * plane_ + rows_.shift(i) * columns_.pitch + columns_.shift(j));
    }
  }
}

int64_t PairConv::packed_elements() const {
  return blocks_ * kPairChannels * pairs_ * static_cast<int64_t>(offsets_.size());
}

void PairConv::Pack(const PairWeights& weights, int32_t* packed) const {
  // So many pairs of all channels are written before the next ones: few enough for the first cache,
  // and of each channel much that lies together.
  constexpr int64_t kTogether = 16;
  const auto taps = static_cast<int64_t>(offsets_.size());
  for (int64_t block = 0; block < blocks_; ++block) {
    const int64_t first = block * kPairChannels;
    const int64_t there = std::min(kPairChannels, sizes_.out_channels - first);
    for (int64_t begin = 0; begin < pairs_; begin += kTogether) {
      const int64_t end = std::min(begin + kTogether, pairs_);
      std::fill_n(packed, (end - begin) * taps * kPairChannels, 0);
      for (int64_t c = 0; c < there; ++c) {
        const int16_t* const from = weights.data + (first + c) * weights.out_stride;
        int32_t* to = packed + c;
        for (int64_t p = begin; p < end; ++p) {
          const bool has_both = 2 * p + 1 < sizes_.in_channels;
          const int16_t* tap = from + 2 * p * weights.in_stride;
          for (int64_t t = 0; t < taps; ++t, tap += weights.tap_stride, to += kPairChannels) {
            *to = JoinedHalves(tap[0], has_both ? tap[weights.in_stride] : int16_t{0});
          }
        }
      }
      packed += (end - begin) * taps * kPairChannels;
    }
  }
}

int64_t PairConv::plane_elements() const { return pairs_ * pair_stride_ + kPairSlack; }

int64_t PairConv::sums_elements() const {
  return kPairChannels * (chunk_rows_ * columns_.pitch + kPairSlack);
}

int64_t PairConv::line_halves() const {
  return columns_.pitch * columns_.stride + columns_.dilation + 2 * kPairSlack;
}

int64_t PairConv::scratch_elements() const {
  // Sums, and behind them bytes that are finished; or else two lines of 16 bits.
  const int64_t finished = (chunk_rows_ * columns_.pitch + kPairSlack) / 4;
  return (std::max(sums_elements() + finished, line_halves()) + 15) / 16 * 16;
}

void PairConv::Split(const PairInput& x, int64_t piece, int32_t* scratch, int32_t* planes) const {
  const WindowSpan &rows = sizes_.rows, &columns = sizes_.columns;
  const int64_t channel = 2 * piece, image = rows.input * columns.input;
  // The last one of an odd number has no partner.
  const bool paired = channel + 1 < sizes_.in_channels;
  if (planes_are_images_) {
    const auto* const first = static_cast<const std::byte*>(x.data) + channel * image;
    return JoinBytes({.a = first,
                      .b = paired ? first + image : nullptr,
                      .is_signed = x.is_signed,
                      .zero_point = x.zero_point},
                     image, planes + piece * pair_stride_);
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
    SplitRows(lines, x.data, row_phase, first, second, to);
    to += lines.num_column_phases * plane_;
  }
}

void PairConv::Multiply(const int32_t* planes, const int32_t* packed, const PairFinish& finish,
                        int64_t piece, int32_t* scratch, void* y) const {
  const int64_t block = piece % blocks_, first_row = piece / blocks_ * chunk_rows_;
  const int64_t rows = std::min(chunk_rows_, sizes_.rows.output - first_row);
  const int64_t pitch = columns_.pitch, width = sizes_.columns.output;
  const int64_t count = (rows - 1) * pitch + width, stride = chunk_rows_ * pitch + kPairSlack;
  const auto taps = static_cast<int64_t>(offsets_.size());
  MultiplyPairs(
      {.pairs = pairs_, .pair_stride = pair_stride_, .offsets = offsets_.data(), .taps = taps},
      planes + first_row * pitch, count, packed + block * pairs_ * taps * kPairChannels, scratch,
      stride);
  // All places, what is between the rows among them; and then the rows.
  auto* const finished = reinterpret_cast<std::byte*>(scratch + sums_elements());
  const int64_t first = block * kPairChannels;
  const int64_t end = std::min(first + kPairChannels, sizes_.out_channels);
  const int64_t runs = pitch == width ? 1 : rows, size = pitch == width ? count : width;
  for (int64_t o = first; o < end; ++o) {
    FinishRow(scratch + (o - first) * stride, count, finish.OfChannel(o), finished);
    auto* to = static_cast<std::byte*>(y) + (o * sizes_.rows.output + first_row) * width;
    for (int64_t r = 0; r < runs; ++r) std::memcpy(to + r * size, finished + r * pitch, size);
  }
}

}  // namespace nomograph::quant
