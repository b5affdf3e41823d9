#include "nomograph/ops/quant/pairs/pair_winograd.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <limits>

namespace nomograph::quant {
namespace {

constexpr int64_t kTile = 2;          // outputs along an axis
constexpr int64_t kElements = 4 * 4;  // of a transformed tile

// Twice the transform of three elements of a kernel.
std::array<int32_t, 4> Transformed(int32_t a, int32_t b, int32_t c) {
  return {2 * a, a + b + c, a - b + c, 2 * c};
}

// Four times that of a kernel.
std::array<int32_t, kElements> TransformedKernel(const std::array<int32_t, 9>& kernel) {
  std::array<std::array<int32_t, 4>, 3> rows;
  for (int r = 0; r < 3; ++r) {
    rows[r] = Transformed(kernel[3 * r], kernel[3 * r + 1], kernel[3 * r + 2]);
  }
  std::array<int32_t, kElements> elements;
  for (int c = 0; c < 4; ++c) {
    const std::array<int32_t, 4> column = Transformed(rows[0][c], rows[1][c], rows[2][c]);
    for (int r = 0; r < 4; ++r) elements[4 * r + c] = column[r];
  }
  return elements;
}

}  // namespace

bool PairWinograd::Serves(const PairConvSizes& sizes) {
  const auto serves = [](const WindowSpan& span) {
    return span.taps == 3 && span.stride == 1 && span.dilation == 1;
  };
  return !sizes.depthwise && serves(sizes.rows) && serves(sizes.columns);
}

bool PairWinograd::Fits(const PairConvSizes& sizes, const PairWeights& weights) {
  constexpr int64_t kGreatest = 255;  // of a number less its zero point
  for (int64_t o = 0; o < sizes.out_channels; ++o) {
    int64_t sum = 0;
    for (int64_t i = 0; i < sizes.in_channels; ++i) {
      for (int64_t t = 0; t < 9; ++t) {
        sum += std::abs(
            weights.data[o * weights.out_stride + i * weights.in_stride + t * weights.tap_stride]);
      }
    }
    if (4 * kGreatest * sum > std::numeric_limits<int32_t>::max()) return false;
  }
  return true;
}

bool PairWinograd::Pays(const PairConvSizes& sizes) {
  // In instructions on a vector of one, for each pair of input channels or each output channel.
  constexpr int64_t kProduct = 2, kTransform = 64, kRestore = 64;
  const int64_t rows = sizes.rows.output, columns = sizes.columns.output;
  const int64_t tiles = CeilOfQuotient(rows, kTile) * CeilOfQuotient(columns, kTile);
  const int64_t pairs = CeilOfQuotient(sizes.in_channels, 2);
  const int64_t channels = CeilOfQuotient(sizes.out_channels, kPairChannels) * kPairChannels;
  const int64_t direct = 9 * kProduct * rows * (columns + 2) * pairs * channels;
  const int64_t here =
      tiles * (kElements * kProduct * pairs * channels + kTransform * pairs + kRestore * channels);
  return here < direct;
}

PairWinograd::PairWinograd(const PairConvSizes& sizes)
    : sizes_(sizes),
      pairs_(CeilOfQuotient(sizes.in_channels, 2)),
      blocks_(CeilOfQuotient(sizes.out_channels, kPairChannels)),
      tile_rows_(CeilOfQuotient(sizes.rows.output, kTile)),
      tile_columns_(CeilOfQuotient(sizes.columns.output, kTile)) {
  // So much of the tiles as stays in the second cache while all blocks of channels pass.
  constexpr int64_t kChunk = 1 << 16;
  chunk_rows_ = std::clamp<int64_t>(kChunk / (kElements * pairs_ * tile_columns_), 1, tile_rows_);
  chunks_ = CeilOfQuotient(tile_rows_, chunk_rows_);
}

int64_t PairWinograd::tile_rows_in(int64_t chunk) const {
  return std::min(chunk_rows_, tile_rows_ - chunk * chunk_rows_);
}

int64_t PairWinograd::packed_elements() const {
  return blocks_ * kPairChannels * pairs_ * kElements;
}

void PairWinograd::Pack(const PairWeights& weights, int32_t* packed) const {
  const auto transformed = [&](int64_t o, int64_t i) {
    std::array<int32_t, 9> kernel = {};
    for (int64_t t = 0; t < 9 && o < sizes_.out_channels && i < sizes_.in_channels; ++t) {
      kernel[t] =
          weights.data[o * weights.out_stride + i * weights.in_stride + t * weights.tap_stride];
    }
    return TransformedKernel(kernel);
  };
  for (int64_t block = 0; block < blocks_; ++block) {
    for (int64_t p = 0; p < pairs_; ++p) {
      for (int64_t c = 0; c < kPairChannels; ++c) {
        const int64_t o = block * kPairChannels + c;
        const auto low = transformed(o, 2 * p), high = transformed(o, 2 * p + 1);
        for (int64_t e = 0; e < kElements; ++e) {
          packed[((block * kElements + e) * pairs_ + p) * kPairChannels + c] =
              JoinedHalves(static_cast<int16_t>(low[e]), static_cast<int16_t>(high[e]));
        }
      }
    }
  }
}

// By chunk, element, pair and tile.
int64_t PairWinograd::plane_elements() const {
  return kElements * pairs_ * tile_rows_ * tile_columns_ + kPairSlack;
}

int64_t PairWinograd::line_halves() const { return 2 * line_pitch() + 2 * kPairSlack; }

int64_t PairWinograd::padded_elements() const {
  return (2 * (kTile * tile_rows_ + 2)) * line_pitch() + kPairSlack;
}

int64_t PairWinograd::scratch_elements() const {
  // A pair's planes of even and odd columns, and two lines of 16 bits; or else sums of the
  // elements, those of a channel's outputs, and bytes that are finished.
  const int64_t split = padded_elements() + line_halves();
  const int64_t sums = kElements * kPairChannels * (chunk_tiles() + kPairSlack) +
                       2 * row_elements() + row_elements() / 4;
  return CeilOfQuotient(std::max(split, sums), 16) * 16;
}

void PairWinograd::Split(const PairInput& x, int64_t piece, int32_t* scratch,
                         int32_t* planes) const {
  const WindowSpan &rows = sizes_.rows, &columns = sizes_.columns;
  const int64_t image = rows.input * columns.input, channel = 2 * piece;
  int32_t* const padded = scratch;
  auto* const first = reinterpret_cast<int16_t*>(scratch + padded_elements());
  std::fill_n(first, 2 * line_halves(), int16_t{0});
  const int64_t skipped = std::max<int64_t>(0, -columns.pad_begin);
  constexpr int64_t kPhases[] = {0, 1};
  const int64_t plane = (kTile * tile_rows_ + 2) * line_pitch();
  SplitLines lines{.is_signed = x.is_signed,
                   .zero_point = x.zero_point,
                   .elements = sizes_.in_channels * image,
                   .input_rows = rows.input,
                   .input_columns = columns.input,
                   .first_element = channel * image + skipped,
                   .partner_elements = channel + 1 < sizes_.in_channels ? image : 0,
                   .at = std::max<int64_t>(0, columns.pad_begin),
                   .pad_rows = rows.pad_begin,
                   .row_stride = 1,
                   .column_stride = 2,
                   .rows = kTile * tile_rows_ + 2,
                   .pitch = line_pitch(),
                   .plane = plane,
                   .column_phases = kPhases,
                   .num_column_phases = 2};
  lines.count = std::min(columns.input - skipped, 2 * line_pitch() - lines.at);
  SplitRows(lines, x.data, 0, first, first + line_halves(), padded);
  for (int64_t row = 0; row < tile_rows_; ++row) {
    const int64_t chunk = row / chunk_rows_, tiles = tile_rows_in(chunk) * tile_columns_;
    int32_t* const to = planes + chunk * chunk_tiles() * pairs_ * kElements + piece * tiles +
                        row % chunk_rows_ * tile_columns_;
    const int32_t* const from = padded + kTile * row * line_pitch();
    TransformTiles(from, from + plane, line_pitch(), tile_columns_, to, pairs_ * tiles);
  }
}

void PairWinograd::Multiply(const int32_t* planes, const int32_t* packed, const PairFinish& finish,
                            int64_t piece, int32_t* scratch, void* y) const {
  const int64_t block = piece % blocks_, chunk = piece / blocks_;
  const int64_t tile_rows = tile_rows_in(chunk), tiles = tile_rows * tile_columns_;
  const int64_t stride = chunk_tiles() + kPairSlack;  // of sums
  const int64_t no_offset = 0;
  const PairProduct product{
      .pairs = pairs_, .pair_stride = tiles, .offsets = &no_offset, .taps = 1};
  planes += chunk * chunk_tiles() * pairs_ * kElements;
  packed += block * kElements * pairs_ * kPairChannels;
  for (int64_t e = 0; e < kElements; ++e) {
    MultiplyPairs(product, planes + e * pairs_ * tiles, tiles, packed + e * pairs_ * kPairChannels,
                  scratch + e * kPairChannels * stride, stride);
  }
  // All rows above the others of their tiles, and then these.
  int32_t* const outputs = scratch + kElements * kPairChannels * stride;
  auto* const finished = reinterpret_cast<std::byte*>(outputs + 2 * row_elements());
  const int64_t pitch = kTile * tile_columns_, width = sizes_.columns.output;
  const int64_t first_row = chunk * chunk_rows_ * kTile;
  const int64_t rows = std::min(kTile * tile_rows, sizes_.rows.output - first_row);
  const int64_t first = block * kPairChannels;
  const int64_t end = std::min(first + kPairChannels, sizes_.out_channels);
  for (int64_t o = first; o < end; ++o) {
    RestoreTiles(scratch + (o - first) * stride, kPairChannels * stride, tiles, outputs,
                 outputs + row_elements());
    auto* const to = static_cast<std::byte*>(y) + (o * sizes_.rows.output + first_row) * width;
    for (int64_t of_tile = 0; of_tile < kTile; ++of_tile) {
      FinishRow(outputs + of_tile * row_elements(), kTile * tiles, finish.OfChannel(o), finished);
      for (int64_t r = of_tile; r < rows; r += kTile) {
        std::memcpy(to + r * width, finished + r / kTile * pitch, static_cast<size_t>(width));
      }
    }
  }
}

}  // namespace nomograph::quant
