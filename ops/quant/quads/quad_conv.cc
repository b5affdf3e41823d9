#include "nomograph/ops/quant/quads/quad_conv.h"

#include <algorithm>
#include <optional>

#include "nomograph/core/vector/vector_target.h"
#include "nomograph/ops/quant/pairs/quantized_conv.h"
#include "nomograph/ops/quant/quads/channel_loops.h"

namespace nomograph::quant {
namespace {

// What a loop may read past the end.
constexpr int64_t kSlack = 2 * kQuadTile;
// So many bytes of quads stay in the second cache while all blocks of channels pass.
constexpr int64_t kChunkBytes = 1 << 18;

// The bytes of `count` numbers, at most four of them, and zeros.
int32_t Joined(const int16_t* numbers, int64_t stride, int64_t count) {
  const auto byte = [&](int64_t i) {
    return static_cast<uint32_t>(numbers[i * stride] & 0xff) << (8 * i);
  };
  if (count >= 4) return static_cast<int32_t>(byte(0) | byte(1) | byte(2) | byte(3));
  uint32_t quad = 0;
  for (int64_t i = 0; i < count; ++i) quad |= byte(i);
  return static_cast<int32_t>(quad);
}

}  // namespace

bool FitQuads(const std::vector<int16_t>& weights) { return AreWithin(weights, -128, 127); }

QuadSums::QuadSums(const int16_t* weights, int64_t out_channels, int64_t terms)
    : sums_(out_channels) {
  for (int64_t o = 0; o < out_channels; ++o) {
    const int16_t* const from = weights + o * terms;
    uint32_t sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < terms; ++i) sum += static_cast<uint32_t>(from[i]);
    sums_[o] = static_cast<int32_t>(sum);
  }
}

QuadFinish QuadSums::Finish(const PairInput& x, const PairFinish& finish, int32_t* biases) const {
  const auto zero = static_cast<uint32_t>(x.zero_point + (x.is_signed ? 128 : 0));
  for (size_t o = 0; o < sums_.size(); ++o) {
    biases[o] = static_cast<int32_t>(static_cast<uint32_t>(finish.biases[o]) -
                                     zero * static_cast<uint32_t>(sums_[o]));
  }
  return {.biases = biases,
          .scales = finish.scales,
          .zero_point = finish.zero_point + (finish.is_signed ? 128 : 0),
          .flip = static_cast<uint8_t>(finish.is_signed ? 0x80 : 0)};
}

QuadConv::QuadConv(const PairConvSizes& sizes)
    : sizes_(sizes),
      rows_(sizes.rows, 1),
      columns_(sizes.columns, 1),
      plane_(rows_.pitch * columns_.pitch),
      quad_stride_(plane_ * rows_.num_phases() * columns_.num_phases()),
      quads_(CeilOfQuotient(sizes.in_channels, 4)),
      tiles_(quads_),
      by_tiles_(TilesPay()) {
  const bool by_channels = !by_tiles_ && ChannelsCost() < PlacesCost();
  way_ = by_channels ? Way::kChannels : is_whole() ? Way::kStrips : Way::kPlanes;
  blocks_ = CeilOfQuotient(sizes.out_channels, block_channels());
  PlaceChunks();
  for (int64_t i = 0; i < rows_.taps; ++i) {
    for (int64_t j = 0; j < columns_.taps; ++j) {
      const int64_t phase = rows_.phase(i) * columns_.num_phases() + columns_.phase(j);
      offsets_.push_back(phase * plane_ + rows_.shift(i) * columns_.pitch + columns_.shift(j));
    }
  }
}

bool QuadConv::is_whole() const {
  const auto whole = [](const WindowSpan& span) {
    return span.stride == 1 && span.taps == 1 && span.pad_begin == 0 && span.output == span.input;
  };
  return whole(sizes_.rows) && whole(sizes_.columns);
}

int64_t QuadConv::PlacesCost() const {
  const int64_t places = (sizes_.rows.output - 1) * columns_.pitch + sizes_.columns.output;
  // So few channels take no less time, which loading the places takes.
  constexpr int64_t kFew = 3;
  const int64_t channels = sizes_.out_channels, rest = channels % kQuadChannels;
  return CeilOfQuotient(places, kQuadLanes) * kQuadLanes *
         (channels - rest + (rest == 0 ? 0 : std::max(rest, kFew)));
}

int64_t QuadConv::ChannelsCost() const {
  const int64_t places = sizes_.rows.output * sizes_.columns.output;
  const int64_t channels = CeilOfQuotient(sizes_.out_channels, kQuadLanes) * kQuadLanes;
  // Results are turned, which takes as long as some terms of the sums.
  const int64_t terms = quads_ * rows_.taps * columns_.taps;
  constexpr int64_t kTurning = 6;
  return places * channels * (terms + kTurning) / terms;
}

// Cycles of a tap, where vectors take half a cycle and tiles, with what is loaded for them, twenty.
bool QuadConv::TilesPay() const {
  if (!HasTiles()) return false;
  constexpr double kVector = 0.5, kTile = 20;
  const int64_t places = (sizes_.rows.output - 1) * columns_.pitch + sizes_.columns.output;
  const int64_t vectors = std::min(PlacesCost(), ChannelsCost()) / kQuadLanes * quads_;
  const int64_t tiles = CeilOfQuotient(places, kQuadTile) * (kQuadTile / kQuadLanes) *
                        CeilOfQuotient(sizes_.out_channels, kTileChannels) * tiles_.count;
  return kTile * static_cast<double>(tiles) < kVector * static_cast<double>(vectors);
}

void QuadConv::PlaceChunks() {
  const int64_t of_chunk = kChunkBytes / (4 * quads_);
  const int64_t size = way_ == Way::kStrips ? kQuadTile : columns_.pitch;
  const int64_t count =
      way_ == Way::kStrips ? CeilOfQuotient(plane_, kQuadTile) : sizes_.rows.output;
  chunk_ = std::clamp<int64_t>(of_chunk / size, 1, count);
  // Rows are best taken two at once.
  if (way_ == Way::kChannels && chunk_ < count) chunk_ += chunk_ % 2;
  chunks_ = CeilOfQuotient(count, chunk_);
}

int64_t QuadConv::block_channels() const {
  if (by_tiles_) return kTileChannels;
  return way_ == Way::kChannels ? kChannelBlock : kQuadChannels;
}

int64_t QuadConv::ChannelsOf(int64_t block) const {
  return std::min(block_channels(), sizes_.out_channels - block * block_channels());
}

int64_t QuadConv::PackedChannelsOf(int64_t block) const {
  const int64_t channels = ChannelsOf(block);
  if (by_tiles_) return kTileChannels;
  return way_ == Way::kChannels ? CeilOfQuotient(channels, kQuadLanes) * kQuadLanes : channels;
}

int64_t QuadConv::packed_elements() const {
  const int64_t channels = (blocks_ - 1) * block_channels() + PackedChannelsOf(blocks_ - 1);
  return channels * PackedQuads() * static_cast<int64_t>(offsets_.size());
}

void QuadConv::PackTiles(const PairWeights& weights, int32_t* packed) const {
  const auto taps = static_cast<int64_t>(offsets_.size());
  for (int64_t block = 0; block < blocks_; ++block) {
    const int16_t* const of_block = weights.data + block * kTileChannels * weights.out_stride;
    for (int64_t t = 0; t < taps; ++t) {
      for (int64_t i = 0; i < tiles_.count; ++i) {
        for (int64_t c = 0; c < kTileChannels; ++c) {
          for (int64_t q = i * tiles_.each; q < (i + 1) * tiles_.each; ++q) {
            const int64_t count = c < ChannelsOf(block) ? sizes_.in_channels - 4 * q : 0;
            *packed++ = count <= 0 ? 0
                                   : Joined(of_block + c * weights.out_stride +
                                                4 * q * weights.in_stride + t * weights.tap_stride,
                                            weights.in_stride, count);
          }
        }
      }
    }
  }
}

void QuadConv::Pack(const PairWeights& weights, int32_t* packed) const {
  if (by_tiles_) return PackTiles(weights, packed);
  // So many quads of all channels are written before the next ones: few enough for the first cache,
  // and of each channel much that lies together.
  constexpr int64_t kTogether = 8;
  const auto taps = static_cast<int64_t>(offsets_.size());
  for (int64_t block = 0; block < blocks_; ++block) {
    const int64_t channels = PackedChannelsOf(block), there = ChannelsOf(block);
    for (int64_t begin = 0; begin < quads_; begin += kTogether) {
      const int64_t end = std::min(begin + kTogether, quads_);
      for (int64_t c = 0; c < there; ++c) {
        const int16_t* const from =
            weights.data + (block * block_channels() + c) * weights.out_stride;
        int32_t* to = packed + c;
        for (int64_t q = begin; q < end; ++q) {
          const int64_t count = sizes_.in_channels - 4 * q;
          const int16_t* tap = from + 4 * q * weights.in_stride;
          for (int64_t t = 0; t < taps; ++t, tap += weights.tap_stride, to += channels) {
            *to = Joined(tap, weights.in_stride, count);
          }
        }
      }
      for (int64_t i = 0; i < (end - begin) * taps; ++i, packed += channels) {
        std::fill(packed + there, packed + channels, 0);
      }
    }
  }
}

int64_t QuadConv::plane_elements() const {
  const int64_t more = PackedQuads() - quads_;  // are read
  if (way_ == Way::kStrips) {
    return CeilOfQuotient(plane_, kQuadTile) * kQuadTile * quads_ + more * kQuadTile;
  }
  return PackedQuads() * quad_stride_ + kSlack;
}

int64_t QuadConv::line_bytes() const {
  return (columns_.pitch + kQuadLanes) * columns_.stride + 3 * 64;
}

int64_t QuadConv::scratch_bytes() const {
  // Four lines, or else what is finished, and what may be read behind it.
  const int64_t lines = is_whole() ? 0 : 4 * line_bytes();
  const int64_t finished =
      way_ == Way::kPlanes ? block_channels() * chunk_ * columns_.pitch + 2 * 64 : 0;
  return CeilOfQuotient(std::max(lines, finished), 64) * 64;
}

void QuadConv::Split(const PairInput& x, int64_t piece, uint8_t* scratch, int32_t* planes) const {
  if (is_whole()) return SplitWhole(x, piece, planes);
  const WindowSpan &rows = sizes_.rows, &columns = sizes_.columns;
  const uint8_t flip = x.is_signed ? 0x80 : 0;
  const auto zero = static_cast<uint8_t>(x.zero_point);
  const uint32_t padding = (zero ^ flip) * 0x01010101u;
  std::fill_n(scratch, 4 * line_bytes(), zero);
  const int64_t skipped = std::max<int64_t>(0, -columns.pad_begin);
  const int64_t at = std::max<int64_t>(0, columns.pad_begin);
  const int64_t count = std::min(columns.input - skipped, columns_.extent - at);
  const int64_t channels = std::min<int64_t>(4, sizes_.in_channels - 4 * piece);
  const auto* const image =
      static_cast<const uint8_t*>(x.data) + 4 * piece * rows.input * columns.input + skipped;
  int32_t* to = planes + piece * quad_stride_;
  for (const int64_t row_phase : rows_.phases) {
    for (int64_t r = 0; r < rows_.pitch; ++r, to += columns_.pitch) {
      const int64_t row = r * rows_.stride + row_phase - rows.pad_begin;
      const bool is_padding = row < 0 || row >= rows.input || count <= 0;
      if (!is_padding) {
        for (int64_t c = 0; c < channels; ++c) {
          CopyLine(image + (c * rows.input + row) * columns.input, count, zero,
                   scratch + c * line_bytes() + at);
        }
      }
      for (int64_t p = 0; p < columns_.num_phases(); ++p) {
        if (is_padding) {
          std::fill_n(to + p * plane_, columns_.pitch, static_cast<int32_t>(padding));
          continue;
        }
        const uint8_t* lines[4];
        for (int64_t c = 0; c < 4; ++c) lines[c] = scratch + c * line_bytes() + columns_.phases[p];
        JoinLines(lines, columns_.pitch, columns_.stride, flip, to + p * plane_);
      }
    }
    to += (columns_.num_phases() - 1) * plane_;
  }
}

void QuadConv::SplitWhole(const PairInput& x, int64_t piece, int32_t* planes) const {
  const uint8_t flip = x.is_signed ? 0x80 : 0;
  const int64_t channels = std::min<int64_t>(4, sizes_.in_channels - 4 * piece);
  const uint8_t* lines[4];
  for (int64_t c = 0; c < 4; ++c) {
    // Where there is none, its weights are 0.
    const int64_t channel = 4 * piece + std::min(c, channels - 1);
    lines[c] = static_cast<const uint8_t*>(x.data) + channel * plane_;
  }
  if (way_ == Way::kChannels) {
    return JoinWholeLines(lines, plane_, flip, planes + piece * quad_stride_);
  }
  int32_t* to = planes + piece * kQuadTile;
  for (int64_t p = 0; p < plane_; p += kQuadTile, to += quads_ * kQuadTile) {
    JoinWholeLines(lines, std::min(kQuadTile, plane_ - p), flip, to);
    for (const uint8_t*& line : lines) line += kQuadTile;
  }
}

void QuadConv::Multiply(const int32_t* planes, const int32_t* packed, const QuadFinish& finish,
                        int64_t piece, uint8_t* scratch, uint8_t* y) const {
  const int64_t block = piece % blocks_, chunk = piece / blocks_;
  const int64_t first = block * block_channels();
  packed += first * PackedQuads() * static_cast<int64_t>(offsets_.size());
  y += first * sizes_.rows.output * sizes_.columns.output;
  QuadFinish of_block = finish;
  of_block.biases += first;
  of_block.scales += first;
  std::optional<QuadTileScope> tiles;
  if (by_tiles_) tiles.emplace(tiles_);
  if (way_ == Way::kStrips) return MultiplyStrips(planes, packed, of_block, block, chunk, y);
  MultiplyPlanes(planes, packed, of_block, block, chunk, scratch, y);
}

void QuadConv::MultiplyPlaces(const QuadProduct& product, const int32_t* x, int64_t count,
                              const int32_t* packed, int64_t channels, const QuadFinish& finish,
                              uint8_t* y, int64_t y_stride) const {
  if (by_tiles_) {
    MultiplyQuadTiles(product, tiles_, x, count, packed, channels, finish, y, y_stride);
  } else {
    MultiplyQuads(product, x, count, packed, channels, finish, y, y_stride);
  }
}

void QuadConv::MultiplyStrips(const int32_t* planes, const int32_t* packed,
                              const QuadFinish& finish, int64_t block, int64_t chunk,
                              uint8_t* y) const {
  const int64_t begin = chunk * chunk_ * kQuadTile;
  const int64_t end = std::min(begin + chunk_ * kQuadTile, plane_);
  const QuadProduct product{
      .quads = quads_, .quad_stride = kQuadTile, .offsets = offsets_.data(), .taps = 1};
  for (int64_t p = begin; p < end; p += kQuadTile) {
    MultiplyPlaces(product, planes + p * quads_, std::min(kQuadTile, end - p), packed,
                   ChannelsOf(block), finish, y + p, plane_);
  }
}

void QuadConv::MultiplyPlanes(const int32_t* planes, const int32_t* packed,
                              const QuadFinish& finish, int64_t block, int64_t chunk,
                              uint8_t* scratch, uint8_t* y) const {
  const int64_t first_row = chunk * chunk_;
  const int64_t rows = std::min(chunk_, sizes_.rows.output - first_row);
  const int64_t pitch = columns_.pitch, width = sizes_.columns.output;
  const int64_t image = sizes_.rows.output * width, channels = ChannelsOf(block);
  const QuadProduct product{.quads = quads_,
                            .quad_stride = quad_stride_,
                            .offsets = offsets_.data(),
                            .taps = static_cast<int64_t>(offsets_.size())};
  const int32_t* const x = planes + first_row * pitch;
  uint8_t* const to = y + first_row * width;
  if (way_ == Way::kChannels) {
    const QuadPlaces places =
        pitch == width ? QuadPlaces{1, rows * width, rows * width} : QuadPlaces{rows, width, pitch};
    return MultiplyChannels(product, x, places, packed, channels, finish, to, image);
  }
  const int64_t count = (rows - 1) * pitch + width;
  if (pitch == width) {
    return MultiplyPlaces(product, x, count, packed, channels, finish, to, image);
  }
  // What is between the rows among them.
  MultiplyPlaces(product, x, count, packed, channels, finish, scratch, chunk_ * pitch);
  for (int64_t c = 0; c < channels; ++c) {
    CopyRows(scratch + c * chunk_ * pitch, pitch, rows, width, to + c * image);
  }
}

}  // namespace nomograph::quant
