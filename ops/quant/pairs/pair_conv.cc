#include "nomograph/ops/quant/pairs/pair_conv.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "nomograph/ops/quant/pairs/pair_loops.h"

namespace nomograph::quant {
namespace {

// Places of a strip, a few vectors; and those of a channel that are split at once, which lie in one
// line of the caches.
constexpr int64_t kStrip = 32, kLine = 64;

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
  in_strips_ = planes_are_images_ && rows_.taps == 1 && columns_.taps == 1;
  blocks_ = CeilOfQuotient(sizes.out_channels, kPairChannels);
  // So much of the planes as stays in the second cache while all blocks of channels pass.
  constexpr int64_t kChunk = 1 << 15;
  const int64_t parts = in_strips_ ? CeilOfQuotient(places(), kStrip) : sizes.rows.output;
  const int64_t part_places = in_strips_ ? kStrip : columns_.pitch;
  chunk_ = std::clamp<int64_t>(kChunk / (part_places * pairs_), 1, parts);
  chunks_ = CeilOfQuotient(parts, chunk_);
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

int64_t PairConv::plane_elements() const {
  if (in_strips_) return CeilOfQuotient(places(), kStrip) * kStrip * pairs_;
  return pairs_ * pair_stride_ + kPairSlack;
}

int64_t PairConv::num_splits() const {
  return in_strips_ ? CeilOfQuotient(places(), kLine) : pairs_;
}

int64_t PairConv::chunk_places() const { return chunk_ * (in_strips_ ? kStrip : columns_.pitch); }

int64_t PairConv::sums_elements() const { return kPairChannels * (chunk_places() + kPairSlack); }

int64_t PairConv::line_halves() const {
  return columns_.pitch * columns_.stride + columns_.dilation + 2 * kPairSlack;
}

int64_t PairConv::scratch_elements() const {
  // Sums, and behind them bytes that are finished; or else two lines of 16 bits.
  const int64_t finished = (chunk_places() + kPairSlack) / 4;
  return (std::max(sums_elements() + finished, line_halves()) + 15) / 16 * 16;
}

void PairConv::Split(const PairInput& x, int64_t piece, int32_t* scratch, int32_t* planes) const {
  if (in_strips_) return SplitStrips(x, piece, planes);
  SplitPlanes(x, piece, scratch, planes);
}

void PairConv::SplitStrips(const PairInput& x, int64_t piece, int32_t* planes) const {
  const int64_t image = places(), end = std::min(image, (piece + 1) * kLine);
  const auto* a = static_cast<const std::byte*>(x.data);
  for (int64_t pair = 0; pair < pairs_; ++pair, a += 2 * image) {
    const bool paired = 2 * pair + 1 < sizes_.in_channels;
    for (int64_t p = piece * kLine; p < end; p += kStrip) {
      JoinBytes({.a = a + p,
                 .b = paired ? a + image + p : nullptr,
                 .is_signed = x.is_signed,
                 .zero_point = x.zero_point},
                std::min(kStrip, end - p), planes + p * pairs_ + pair * kStrip);
    }
  }
}

void PairConv::SplitPlanes(const PairInput& x, int64_t piece, int32_t* scratch,
                           int32_t* planes) const {
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

template <typename F>
void PairConv::FinishBlock(int64_t block, int64_t count, const PairFinish& finish, int32_t* scratch,
                           F write) const {
  auto* const finished = reinterpret_cast<std::byte*>(scratch + sums_elements());
  const int64_t first = block * kPairChannels;
  const int64_t end = std::min(first + kPairChannels, sizes_.out_channels);
  const int32_t* sums = scratch;
  for (int64_t o = first; o < end; ++o, sums += chunk_places() + kPairSlack) {
    FinishRow(sums, count, finish.OfChannel(o), finished);
    write(finished, o * places());
  }
}

void PairConv::Multiply(const int32_t* planes, const int32_t* packed, const PairFinish& finish,
                        int64_t piece, int32_t* scratch, void* y) const {
  const int64_t block = piece % blocks_, first = piece / blocks_ * chunk_;
  const int64_t stride = chunk_places() + kPairSlack;
  const auto taps = static_cast<int64_t>(offsets_.size());
  const PairProduct product{.pairs = pairs_,
                            .pair_stride = in_strips_ ? kStrip : pair_stride_,
                            .offsets = offsets_.data(),
                            .taps = taps};
  packed += block * pairs_ * taps * kPairChannels;
  auto* const bytes = static_cast<std::byte*>(y);
  if (in_strips_) {
    const int64_t begin = first * kStrip, end = std::min(places(), begin + chunk_places());
    for (int64_t p = begin; p < end; p += kStrip) {
      MultiplyPairs(product, planes + p * pairs_, std::min(kStrip, end - p), packed,
                    scratch + p - begin, stride);
    }
    return FinishBlock(block, end - begin, finish, scratch,
                       [&](const std::byte* finished, int64_t at) {
                         std::memcpy(bytes + at + begin, finished, end - begin);
                       });
  }
  // All places, what is between the rows among them; and then the rows.
  const int64_t rows = std::min(chunk_, sizes_.rows.output - first);
  const int64_t pitch = columns_.pitch, width = sizes_.columns.output;
  const int64_t count = (rows - 1) * pitch + width;
  MultiplyPairs(product, planes + first * pitch, count, packed, scratch, stride);
  FinishBlock(block, count, finish, scratch, [&](const std::byte* finished, int64_t at) {
    std::byte* to = bytes + at + first * width;
    if (pitch == width) {
      std::memcpy(to, finished, count);
      return;
    }
    for (int64_t r = 0; r < rows; ++r) std::memcpy(to + r * width, finished + r * pitch, width);
  });
}

}  // namespace nomograph::quant
