// The loops of winograd_conv.cc, which includes this file once for each instruction set.
#if defined(NOMOGRAPH_CORE_WINDOW_WINOGRAD_CONV_KERNEL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_WINDOW_WINOGRAD_CONV_KERNEL_H_
#undef NOMOGRAPH_CORE_WINDOW_WINOGRAD_CONV_KERNEL_H_
#else
#define NOMOGRAPH_CORE_WINDOW_WINOGRAD_CONV_KERNEL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "hwy/highway.h"
#include "nomograph/core/vector/panel_product.h"
#include "nomograph/core/vector/vector_steps.h"
#include "nomograph/core/window/padded_plane.h"
#include "nomograph/core/window/winograd_conv.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph {
namespace HWY_NAMESPACE {

constexpr int64_t kTileOut = 4, kTileIn = 6, kTilePoints = kTileIn * kTileIn;

inline int64_t RoundUp(int64_t n, int64_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

// A block is so many rows of tiles; rows of all images are numbered through.
struct Tiling {
  int64_t tile_columns, tile_rows;  // of one image
  int64_t all_rows, blocks;         // of all images
  int64_t tiles;                    // a block has at most so many, rounded up to vectors
  int64_t out_channels;             // rounded up to panels
  bool by_blocks;

  explicit Tiling(const WinogradConv& c)
      : tile_columns((c.out_columns + kTileOut - 1) / kTileOut),
        tile_rows((c.out_rows + kTileOut - 1) / kTileOut),
        all_rows(c.images * c.depth.output * tile_rows),
        out_channels(RoundUp(c.out_channels, kPanelRows)) {
    // The transformed tiles of input and output stay in the caches, and so many are multiplied with
    // the weights at once that reading those does not matter.
    constexpr int64_t kFloats = 1 << 18, kEnough = 96;
    const int64_t fit = kFloats / (kTilePoints * (c.terms() + out_channels));
    const int64_t wanted = std::max(fit, kEnough), all = all_rows * tile_columns;
    blocks = std::clamp<int64_t>((all + wanted / 2) / wanted, 1, std::max<int64_t>(1, all_rows));
    // What one thread has written another one reads slowly. So each has blocks of its own where
    // these fill vectors, and where the weights, which all of them read, are not too much.
    constexpr int64_t kFewWeights = 1 << 20;
    const int64_t weights = kTilePoints * c.terms() * out_channels;
    const int64_t least = weights <= kFewWeights ? kLanes + kLanes / 2 : kEnough;
    by_blocks = c.threads > 1 && all_rows >= c.threads && all >= c.threads * least;
    if (by_blocks) blocks = std::min(RoundUp(blocks, c.threads), all_rows);
    tiles = RoundUp((all_rows + blocks - 1) / blocks * tile_columns, kLanes);
  }
  // The first row of a block.
  int64_t FirstRow(int64_t block) const { return all_rows * block / blocks; }
  // Where the tiles of one point lie: [panels of tiles, in_channels, kPanelColumns] and
  // [out_channels, tiles]. Were the distance from point to point a multiple of a page's size, all
  // points would share one set of the first cache.
  int64_t in_floats(const WinogradConv& c) const {
    return c.terms() * RoundUp(tiles, kPanelColumns) + kPanelColumns;
  }
  int64_t out_floats() const { return out_channels * tiles + kPanelColumns; }
  // A line of the input or output under a row of tiles, with room for whole vectors.
  int64_t line() const { return kTileOut * (tile_columns + kLanes) + kTileIn; }
};

int64_t PackedFloats(int64_t in_channels, int64_t out_channels) {
  return kTilePoints * in_channels * RoundUp(out_channels, kPanelRows);
}

// Of the weights of a panel's rows: G g of three of them.
constexpr int64_t kPackWidth = 8;  // kPanelRows, rounded up to whole vectors
using PackLanes = double[kPackWidth];
HWY_INLINE void TransformTaps(const PackLanes& g0, const PackLanes& g1, const PackLanes& g2,
                              PackLanes (&out)[kTileIn]) {
  for (int64_t k = 0; k < kPackWidth; ++k) {
    const double ends = g0[k] + g2[k], scaled = g0[k] * (1.0 / 24) + g2[k] * (1.0 / 6);
    const double middle = g1[k] * (1.0 / 12);
    out[0][k] = g0[k] * 0.25;
    out[1][k] = (ends + g1[k]) * (-1.0 / 6);
    out[2][k] = (ends - g1[k]) * (-1.0 / 6);
    out[3][k] = scaled + middle;
    out[4][k] = scaled - middle;
    out[5][k] = g2[k];
  }
}

// The matrices of all points, one behind the other, each as panels of the left matrix.
void PackKernel(const WinogradKernel& kernel, int64_t in_channels, int64_t out_channels,
                float* packed, int part, int parts) {
  // So many terms of each point are collected before they are written.
  constexpr int64_t kSome = 64;
  // Rows are written as whole vectors: what is behind a term's is overwritten by the next one's.
  constexpr int64_t kRoom = kSome * kPanelRows + kPackWidth - kPanelRows;
  float collected[kTilePoints][kRoom];
  const int64_t rows = RoundUp(out_channels, kPanelRows), panels = rows / kPanelRows;
  const int64_t end = panels * (part + 1) / parts * kPanelRows;
  for (int64_t first = panels * part / parts * kPanelRows; first < end; first += kPanelRows) {
    const int64_t count = std::min(kPanelRows, out_channels - first);
    PackLanes taps[9] = {};  // beyond `count` they stay 0
    for (int64_t begin = 0; begin < in_channels; begin += kSome) {
      const int64_t some = std::min(kSome, in_channels - begin);
      for (int64_t i = 0; i < some; ++i) {
        PackLanes by_rows[3][kTileIn], points[kTileIn];
        for (int64_t o = 0; o < count; ++o) {
          const float* const from =
              kernel.data + (first + o) * kernel.out_stride + (begin + i) * kernel.in_stride;
          for (int64_t tap = 0; tap < 9; ++tap) taps[tap][o] = from[tap * kernel.tap_stride];
        }
        for (int64_t c = 0; c < 3; ++c)
          TransformTaps(taps[c], taps[3 + c], taps[6 + c], by_rows[c]);
        for (int64_t p = 0; p < kTileIn; ++p) {
          TransformTaps(by_rows[0][p], by_rows[1][p], by_rows[2][p], points);
          for (int64_t q = 0; q < kTileIn; ++q) {
            float* const to = collected[p * kTileIn + q] + i * kPanelRows;
            for (int64_t o = 0; o < kPackWidth; ++o) to[o] = static_cast<float>(points[q][o]);
          }
        }
      }
      for (int64_t point = 0; point < kTilePoints; ++point) {
        std::copy_n(collected[point], some * kPanelRows,
                    packed + (point * rows + first) * in_channels + begin * kPanelRows);
      }
    }
  }
}

int64_t Blocks(const WinogradConv& conv) { return Tiling(conv).blocks; }
bool ByBlocks(const WinogradConv& conv) { return Tiling(conv).by_blocks; }
int64_t SharedFloats(const WinogradConv& conv) {
  const Tiling tiling(conv);
  return kTilePoints * (tiling.in_floats(conv) + tiling.out_floats());
}
int64_t ScratchFloats(const WinogradConv& conv) {
  const Tiling tiling(conv);
  return RoundUp(conv.in_columns, kLanes) + RoundUp(kTileIn * tiling.line(), kLanes) +
         kTilePoints * (tiling.tiles + kLanes);
}

double Cost(const WinogradConv& conv) {
  // In multiplications of vectors, of which AVX-512 does half as many in a cycle as AVX2.
  constexpr bool kWide = kLanes == 16;
  constexpr double kTransformIn = kWide ? 700 : 1400, kTransformOut = kWide ? 330 : 1000;
  const Tiling tiling(conv);
  const double blocks = static_cast<double>(tiling.blocks), tiles = blocks * tiling.tiles;
  const double pairs = static_cast<double>(conv.terms()) * tiling.out_channels;
  const double transforms = kTransformIn * conv.terms() + kTransformOut * conv.out_channels;
  // The weights come from memory, one or two elements in the time of a multiplication.
  const double weights = (kWide ? 0.5 : 1) * blocks * kTilePoints * pairs;
  const double taps = 9, pixels = static_cast<double>(conv.images * conv.depth.output) *
                                  conv.out_rows * conv.out_columns;
  const double sum = pixels * taps * conv.terms() * conv.out_channels / kLanes;
  return (tiles / kLanes * (kTilePoints * pairs + transforms) + weights) / sum;
}

// B^T d of six vectors.
HWY_INLINE void TransformIn(V d0, V d1, V d2, V d3, V d4, V d5, V (&out)[kTileIn]) {
  const D d;
  const V four = hn::Set(d, 4.0f), five = hn::Set(d, 5.0f), two = hn::Set(d, 2.0f);
  const V even = hn::NegMulAdd(four, d2, d4), odd = hn::NegMulAdd(four, d1, d3);
  const V even2 = hn::Sub(d4, d2), odd2 = hn::Mul(two, hn::Sub(d3, d1));
  out[0] = hn::MulAdd(four, d0, hn::NegMulAdd(five, d2, d4));
  out[1] = hn::Add(even, odd);
  out[2] = hn::Sub(even, odd);
  out[3] = hn::Add(even2, odd2);
  out[4] = hn::Sub(even2, odd2);
  out[5] = hn::MulAdd(four, d1, hn::NegMulAdd(five, d3, d5));
}

// A^T m of six vectors.
HWY_INLINE void TransformOut(V m0, V m1, V m2, V m3, V m4, V m5, V (&out)[kTileOut]) {
  const D d;
  const V sum1 = hn::Add(m1, m2), difference1 = hn::Sub(m1, m2);
  const V sum2 = hn::Add(m3, m4), difference2 = hn::Sub(m3, m4);
  out[0] = hn::Add(hn::Add(m0, sum1), sum2);
  out[1] = hn::MulAdd(hn::Set(d, 2.0f), difference2, difference1);
  out[2] = hn::MulAdd(hn::Set(d, 4.0f), sum2, sum1);
  out[3] = hn::Add(hn::MulAdd(hn::Set(d, 8.0f), difference2, difference1), m5);
}

// The columns of a plane's six rows under one row of tiles, transformed, into six lines whose
// element pad_left is the plane's first. Adds 0 times each element to `check`.
void TransformRows(const WinogradConv& c, const float* plane, int64_t top, int64_t line,
                   const float* zeros, float* HWY_RESTRICT lines, V& check) {
  const D d;
  const float* row[kTileIn];
  for (int64_t r = 0; r < kTileIn; ++r) {
    const bool inside = top + r >= 0 && top + r < c.in_rows;
    row[r] = inside ? plane + (top + r) * c.in_columns : zeros;
  }
  float* const to = lines + c.pad_left;
  const auto transform = [&](int64_t i, const auto& load, const auto& store) HWY_ATTR {
    V x[kTileIn], y[kTileIn];
#pragma GCC unroll 6
    for (int64_t r = 0; r < kTileIn; ++r) {
      x[r] = load(row[r] + i);
    }
    TransformIn(x[0], x[1], x[2], x[3], x[4], x[5], y);
    // Each of the six is a term of one of these.
    check = hn::MulAdd(hn::Add(y[0], y[5]), hn::Zero(d), check);
#pragma GCC unroll 6
    for (int64_t r = 0; r < kTileIn; ++r) store(y[r], to + r * line + i);
  };
  if (c.in_columns < kLanes) {
    transform(
        0, [&](const float* from) HWY_ATTR { return LoadFirst(from, c.in_columns); },
        [&](V y, float* out) HWY_ATTR { StoreFirst(y, c.in_columns, out); });
    return;
  }
  for (int64_t i = 0; i < c.in_columns; i += kLanes) {
    // The last vector may overlap the one before it.
    transform(
        std::min(i, c.in_columns - kLanes),
        [&](const float* from) HWY_ATTR { return hn::LoadU(d, from); },
        [&](V y, float* out) HWY_ATTR { hn::StoreU(y, d, out); });
  }
}

// Tiles of one channel: tiled[(row * kTileIn + column) * stride + tile], with the rows transformed.
// A vector of DD has a row of tiles, or some of them.
template <typename DD>
void CutIntoTiles(DD d, const float* lines, int64_t line, int64_t count, int64_t stride,
                  float* HWY_RESTRICT tiled) {
  using VV = hn::Vec<DD>;
  for (int64_t r = 0; r < kTileIn; ++r, lines += line, tiled += kTileIn * stride) {
    for (int64_t t = 0; t < count; t += static_cast<int64_t>(hn::MaxLanes(d))) {
      VV v0, v1, v2, v3, next0, next1, next2, next3;
      hn::LoadInterleaved4(d, lines + kTileOut * t, v0, v1, v2, v3);
      hn::LoadInterleaved4(d, lines + kTileOut * (t + 1), next0, next1, next2, next3);
      hn::StoreU(v0, d, tiled + t);
      hn::StoreU(v1, d, tiled + stride + t);
      hn::StoreU(v2, d, tiled + 2 * stride + t);
      hn::StoreU(v3, d, tiled + 3 * stride + t);
      hn::StoreU(next0, d, tiled + 4 * stride + t);
      hn::StoreU(next1, d, tiled + 5 * stride + t);
    }
  }
}

void CutIntoTiles(const float* lines, int64_t line, int64_t count, int64_t stride,
                  float* HWY_RESTRICT tiled) {
  const hn::CappedTag<float, 4> quad;
  const hn::CappedTag<float, 8> eight;
  if (count <= static_cast<int64_t>(hn::MaxLanes(quad))) {
    CutIntoTiles(quad, lines, line, count, stride, tiled);
  } else if (count <= static_cast<int64_t>(hn::MaxLanes(eight))) {
    CutIntoTiles(eight, lines, line, count, stride, tiled);
  } else {
    CutIntoTiles(D(), lines, line, count, stride, tiled);
  }
}

// Rows of tiles [first, last) of the terms [begin, end).
bool TransformInput(const WinogradConv& c, const Tiling& tiling, int64_t first, int64_t last,
                    int64_t begin, int64_t end, float* shared, float* scratch) {
  const D d;
  const int64_t line = tiling.line(), stride = tiling.tiles + kLanes;
  const float* const zeros = scratch;  // a row above or below a plane
  float* const lines = scratch + RoundUp(c.in_columns, kLanes);
  float* const tiled = lines + RoundUp(kTileIn * line, kLanes);
  // What the planes do not reach stays zero.
  std::fill(scratch, tiled + kTilePoints * stride, 0.0f);
  V check = hn::Zero(d);
  for (int64_t term = begin; term < end; ++term) {
    for (int64_t row = first; row < last; ++row) {
      const int64_t plane = row / tiling.tile_rows, top = row % tiling.tile_rows * kTileOut;
      const int64_t image = plane / c.depth.output;
      const int64_t frame = plane % c.depth.output * c.depth.stride +
                            term % c.depth.taps * c.depth.dilation - c.depth.pad_begin;
      const int64_t first_frame = (image * c.in_channels + term / c.depth.taps) * c.depth.input;
      // All rows below a plane are zeros, as those of a frame that is not there.
      const bool inside = frame >= 0 && frame < c.depth.input;
      TransformRows(c, c.input + (first_frame + (inside ? frame : 0)) * c.in_rows * c.in_columns,
                    inside ? top - c.pad_top : c.in_rows, line, zeros, lines, check);
      CutIntoTiles(lines, line, tiling.tile_columns, stride,
                   tiled + (row - first) * tiling.tile_columns);
    }
    float* const to = shared + term * kPanelColumns;
    for (int64_t r = 0; r < kTileIn; ++r) {
      const float* const from = tiled + r * kTileIn * stride;
      for (int64_t t = 0; t < tiling.tiles; t += kLanes) {
        V y[kTileIn];
        const auto load = [&](int64_t column)
                              HWY_ATTR { return hn::LoadU(d, from + column * stride + t); };
        TransformIn(load(0), load(1), load(2), load(3), load(4), load(5), y);
        float* const panel = to + t / kPanelColumns * c.terms() * kPanelColumns + t % kPanelColumns;
#pragma GCC unroll 6
        for (int64_t column = 0; column < kTileIn; ++column) {
          hn::Store(y[column], d, panel + (r * kTileIn + column) * tiling.in_floats(c));
        }
      }
    }
  }
  return hn::AllTrue(d, hn::Eq(check, hn::Zero(d)));
}

// How many of so many tiles are multiplied: whole vectors, unless few are left over behind some.
inline int64_t MultipliedTiles(int64_t tiles) {
  const bool few = tiles > kLanes && tiles % kLanes <= kFewColumns;
  return few ? tiles : RoundUp(tiles, kLanes);
}

// The products of panels [begin, end) of rows; those of all points are numbered through.
void MultiplyTiles(const WinogradConv& c, const Tiling& tiling, int64_t tiles, int64_t begin,
                   int64_t end, float* shared) {
  const int64_t multiplied = MultipliedTiles(tiles);
  const int64_t panels = tiling.out_channels / kPanelRows, terms = c.terms();
  while (begin < end) {
    const int64_t point = begin / panels, row = begin % panels;
    const int64_t count = std::min(end - begin, panels - row);
    // The weights of all points are one large matrix, which comes from memory.
    PackedProduct product{.side = ProductSide::kLeft,
                          .other = {.rows = terms},
                          .size = kTilePoints * tiling.out_channels};
    product.output = shared + kTilePoints * tiling.in_floats(c) + point * tiling.out_floats();
    product.output_stride = tiling.tiles;
    const float* const left = c.packed + (point * panels + row) * terms * kPanelRows;
    const float* const right = shared + point * tiling.in_floats(c);
    for (int64_t column = 0; column < multiplied; column += kBlockColumns) {
      const Block columns{column, std::min(column + kBlockColumns, multiplied)};
      for (int64_t t = 0; t < terms; t += kTerms) {
        const int64_t some = std::min(kTerms, terms - t);
        MultiplyBlocks(product, {row * kPanelRows, (row + count) * kPanelRows}, columns, some,
                       left + t * kPanelRows, terms * kPanelRows,
                       right + column * terms + t * kPanelColumns, terms * kPanelColumns, t == 0,
                       t + some == terms);
      }
    }
    begin += count;
  }
}

// A row of tiles of output channel `channel` in plane number `plane` of those of all images:
// `height` rows of it from row `top` on, whose lines lie `line` floats apart, with the steps. The
// output is written once: what is read again behind stores that lie otherwise waits for them, and
// those for the caches.
void FinishRows(const WinogradConv& c, int64_t plane, int64_t channel, int64_t top, int64_t height,
                const float* from, int64_t line) {
  const int64_t row = plane / c.depth.output * c.out_channels + channel;
  const int64_t size = c.out_rows * c.out_columns, count = c.out_columns;
  int64_t at = plane % c.depth.output * size + top * count;
  float* to = c.output + row * c.depth.output * size + at;
  for (int64_t r = 0; r < height; ++r, from += line, to += count, at += count) {
    const float* source = from;
    for (const VectorStep& step : c.steps) {
      // A matrix of whole planes has one for each channel of each image.
      const bool planes = step.column_stride != 0;
      RunStep(step, planes ? row : channel, at, count, source, to);
      source = to;
    }
    if (source == from) CopyPart(from, count, to);
  }
}

// Rows of tiles [first, last) of the output channels [begin, end).
void TransformOutput(const WinogradConv& c, const Tiling& tiling, int64_t first, int64_t last,
                     int64_t begin, int64_t end, const float* shared, float* scratch) {
  const D d;
  const int64_t line = kTileOut * (tiling.tiles + kLanes);
  const int64_t multiplied = MultipliedTiles((last - first) * tiling.tile_columns);
  for (int64_t channel = begin; channel < end; ++channel) {
    const float* const from = shared + kTilePoints * tiling.in_floats(c) + channel * tiling.tiles;
    const V bias = hn::Set(d, c.bias == nullptr ? 0.0f : c.bias[channel]);
    for (int64_t t = 0; t < multiplied; t += kLanes) {
      const int64_t there = multiplied - t;
      V columns[kTileIn][kTileOut];
      for (int64_t column = 0; column < kTileIn; ++column) {
        const auto load = [&](int64_t row) HWY_ATTR {
          const float* const at = from + (row * kTileIn + column) * tiling.out_floats() + t;
          return there >= kLanes ? hn::Load(d, at) : LoadFirst(at, there);
        };
        TransformOut(load(0), load(1), load(2), load(3), load(4), load(5), columns[column]);
      }
      for (int64_t row = 0; row < kTileOut; ++row) {
        V y[kTileOut];
        TransformOut(columns[0][row], columns[1][row], columns[2][row], columns[3][row],
                     columns[4][row], columns[5][row], y);
        for (V& v : y) v = hn::Add(v, bias);
        hn::StoreInterleaved4(y[0], y[1], y[2], y[3], d, scratch + row * line + kTileOut * t);
      }
    }
    for (int64_t row = first; row < last; ++row) {
      const int64_t plane = row / tiling.tile_rows, top = row % tiling.tile_rows * kTileOut;
      const int64_t tile = (row - first) * tiling.tile_columns;
      const int64_t height = std::min(kTileOut, c.out_rows - top);
      FinishRows(c, plane, channel, top, height, scratch + kTileOut * tile, line);
    }
  }
}

bool RunStage(const WinogradConv& c, int64_t block, WinogradStage stage, int part, int parts,
              float* shared, float* scratch) {
  const Tiling tiling(c);
  const int64_t first = tiling.FirstRow(block), last = tiling.FirstRow(block + 1);
  const auto share = [&](int64_t count, int k) { return count * k / parts; };
  switch (stage) {
    case WinogradStage::kTransformInput:
      return TransformInput(c, tiling, first, last, share(c.terms(), part),
                            share(c.terms(), part + 1), shared, scratch);
    case WinogradStage::kMultiply: {
      const int64_t panels = kTilePoints * tiling.out_channels / kPanelRows;
      MultiplyTiles(c, tiling, (last - first) * tiling.tile_columns, share(panels, part),
                    share(panels, part + 1), shared);
      return true;
    }
    case WinogradStage::kTransformOutput:
      TransformOutput(c, tiling, first, last, share(c.out_channels, part),
                      share(c.out_channels, part + 1), shared, scratch);
      return true;
  }
  return true;
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_CORE_WINDOW_WINOGRAD_CONV_KERNEL_H_
