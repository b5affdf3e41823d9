// The loops of direct_conv.cc, which includes this file once for each instruction set.
#if defined(NOMOGRAPH_CORE_WINDOW_DIRECT_CONV_KERNEL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_WINDOW_DIRECT_CONV_KERNEL_H_
#undef NOMOGRAPH_CORE_WINDOW_DIRECT_CONV_KERNEL_H_
#else
#define NOMOGRAPH_CORE_WINDOW_DIRECT_CONV_KERNEL_H_
#endif

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "hwy/highway.h"
#include "nomograph/core/vector/vector_steps.h"
#include "nomograph/core/window/direct_conv.h"
#include "nomograph/core/window/padded_plane.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph {
namespace HWY_NAMESPACE {

// So many vectors of each of the channels, at most: with kDirectChannels, and with what they are
// multiplied by, they fill the registers of AVX2. Those of AVX-512 hold two blocks of channels.
constexpr int64_t kDirectVectors = 3;
constexpr int64_t kDirectBlocks = HWY_TARGET == HWY_AVX3 ? 2 : 1;
// Long sums lose the last digits: those of so many terms are added to the output, one after the
// other.
constexpr int64_t kDirectTerms = 1 << 10;

// What the sums of some output channels are made of.
struct DirectSum {
  int64_t terms, all_terms;
  bool adds;               // to what the output holds
  const int64_t* offsets;  // of all terms, from what is under the first tap in the first channel
  const float* weights;    // of each block [all_terms, kDirectChannels]
  int64_t row_step;        // from the elements of one row of outputs to those of the next
  float bias[kDirectBlocks * kDirectChannels];
  V low, high;
  int64_t channels;              // at most those of kDirectBlocks
  int64_t out_channel, out_row;  // from channel to channel, from row to row of the output
  int64_t columns;
};

// kRows rows of kWidth vectors, of which the last begins at column `last`, of all channels of
// kBlocks blocks. A row that is shorter than a vector is a vector alone.
template <int64_t kBlocks, int64_t kRows, int64_t kWidth>
void SumTile(const DirectSum& sum, const float* from, int64_t last, float* out) {
  const D d;
  const auto column = [last](int64_t v) { return v + 1 < kWidth ? v * kLanes : last; };
  constexpr int64_t kChannels = kBlocks * kDirectChannels;
  V y[kChannels][kRows][kWidth];
#pragma GCC unroll 8
  for (int64_t o = 0; o < kChannels; ++o) {
#pragma GCC unroll 3
    for (int64_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 3
      for (int64_t v = 0; v < kWidth; ++v) y[o][r][v] = hn::Set(d, sum.bias[o]);
    }
  }
  if (sum.adds) {
#pragma GCC unroll 8
    for (int64_t o = 0; o < kChannels; ++o) {
      if (o >= sum.channels) break;
#pragma GCC unroll 3
      for (int64_t r = 0; r < kRows; ++r) {
        const float* const old = out + o * sum.out_channel + r * sum.out_row;
#pragma GCC unroll 3
        for (int64_t v = 0; v < kWidth; ++v) {
          y[o][r][v] =
              sum.columns >= kLanes ? hn::LoadU(d, old + column(v)) : LoadFirst(old, sum.columns);
        }
      }
    }
  }
  const float* w = sum.weights;
  for (int64_t t = 0; t < sum.terms; ++t, w += kDirectChannels) {
    const float* const top = from + sum.offsets[t];
    V x[kRows][kWidth];
#pragma GCC unroll 3
    for (int64_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 3
      for (int64_t v = 0; v < kWidth; ++v) {
        x[r][v] = hn::LoadU(d, top + r * sum.row_step + column(v));
      }
    }
#pragma GCC unroll 8
    for (int64_t o = 0; o < kChannels; ++o) {
      const int64_t block = o / kDirectChannels * sum.all_terms * kDirectChannels;
      const V factor = hn::Set(d, w[block + o % kDirectChannels]);
#pragma GCC unroll 3
      for (int64_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 3
        for (int64_t v = 0; v < kWidth; ++v) {
          y[o][r][v] = hn::MulAdd(factor, x[r][v], y[o][r][v]);
        }
      }
    }
  }
#pragma GCC unroll 8
  for (int64_t o = 0; o < kChannels; ++o) {
    if (o >= sum.channels) break;
#pragma GCC unroll 3
    for (int64_t r = 0; r < kRows; ++r) {
      float* const to = out + o * sum.out_channel + r * sum.out_row;
#pragma GCC unroll 3
      for (int64_t v = 0; v < kWidth; ++v) {
        const V part = Clip(sum.low, sum.high, y[o][r][v]);
        if (sum.columns >= kLanes) {
          hn::StoreU(part, d, to + column(v));
        } else {
          alignas(64) float wide[kLanes];
          hn::Store(part, d, wide);
          CopyPart(wide, sum.columns, to);
        }
      }
    }
  }
}

// Rows [0, rows) of some output channels; two and two vectors rather than three and one.
template <int64_t kBlocks>
void SumChannels(const DirectSum& sum, const float* from, int64_t rows, float* out) {
  const int64_t vectors = (sum.columns + kLanes - 1) / kLanes;
  if (vectors == 1) {
    for (int64_t r = 0; r < rows;) {
      const int64_t left = rows - r;
      const int64_t count = left == 1 ? 1 : left == 2 || left == 4 ? 2 : kDirectVectors;
      (count == 1   ? SumTile<kBlocks, 1, 1>
       : count == 2 ? SumTile<kBlocks, 2, 1>
                    : SumTile<kBlocks, kDirectVectors, 1>)(sum, from + r * sum.row_step, 0,
                                                           out + r * sum.out_row);
      r += count;
    }
    return;
  }
  for (int64_t r = 0; r < rows; ++r, from += sum.row_step, out += sum.out_row) {
    for (int64_t v = 0; v < vectors;) {
      const int64_t left = vectors - v;
      const int64_t count = left == 2 || left == 4 ? 2 : kDirectVectors;
      const int64_t at = v * kLanes;
      // The last vector may overlap the one before it.
      const int64_t last = std::min((count - 1) * kLanes, sum.columns - kLanes - at);
      (count == 2 ? SumTile<kBlocks, 1, 2> : SumTile<kBlocks, 1, kDirectVectors>)(sum, from + at,
                                                                                  last, out + at);
      v += count;
    }
  }
}

// How the work is cut up: the rows of outputs of a group in strips, each of which is a unit.
struct DirectPlan {
  explicit DirectPlan(const DirectConv& conv) : plane({conv.rows, conv.columns}) {
    // What is computed at a time reads so much that it stays near, and there is something to share
    // out.
    constexpr int64_t kFloats = 1 << 13, kFewRows = 3, kUnits = 16;
    rows = plane.StripRows(conv.in_channels, kFloats, kFewRows);
    const int64_t wanted = (kUnits + conv.images * conv.groups - 1) / (conv.images * conv.groups);
    const int64_t most = (conv.rows.output + wanted - 1) / wanted;
    rows = std::clamp(most, std::min(kFewRows, rows), rows);
    strips = rows == 0 ? 0 : (conv.rows.output + rows - 1) / rows;
    plane_floats = plane.RowsUnder(rows) * plane.pitch;
  }
  PaddedPlane plane;
  int64_t rows, strips, plane_floats;
};

// The vectors that are not full, and the copy of the planes.
double CostOfDirect(const DirectConv& conv) {
  const auto filled = [](int64_t size, int64_t block) {
    return static_cast<double>((size + block - 1) / block * block) / static_cast<double>(size);
  };
  const double outputs = static_cast<double>(conv.rows.output) *
                         static_cast<double>(conv.columns.output * conv.out_channels);
  const double terms = static_cast<double>(conv.in_channels * conv.rows.taps * conv.columns.taps);
  // A copied element takes as long as a few products, more where a vector's elements do not lie in
  // one or two; the end of a sum takes as long as some terms.
  constexpr double kEnd = 4;
  const double copy = conv.columns.stride <= 2 ? 4 : 16;
  const double copied = static_cast<double>(conv.in_channels * conv.rows.input) *
                        static_cast<double>(conv.columns.input);
  return filled(conv.out_channels, kDirectChannels) * filled(conv.columns.output, kLanes) *
             (1 + kEnd / terms) +
         copy * copied / (outputs * terms);
}

int64_t DirectFloats(const DirectConv& conv) {
  return conv.in_channels * DirectPlan(conv).plane_floats;
}

// The sums of `sum.terms` of the terms for output channels [begin, end) in a strip of a group,
// whose planes begin at `planes`; `sum.weights` are the first channel's. Only the last terms have
// steps behind them.
void SumStrip(const DirectConv& conv, const Steps& steps, DirectSum sum, bool last, int64_t image,
              int64_t group, int64_t begin, int64_t end, int64_t first, int64_t rows,
              const float* planes) {
  const int64_t width = conv.columns.output, plane = conv.rows.output * width;
  const int64_t all = conv.groups * conv.out_channels;  // channels of an image
  const bool clips_alone = steps.simple && steps.addend == nullptr;
  for (int64_t o = begin; o < end; o += sum.channels) {
    const int64_t kernel = group * conv.out_channels + o, left = end - o;
    const int64_t blocks = left > kDirectChannels ? kDirectBlocks : 1;
    sum.channels = std::min(blocks * kDirectChannels, left);
    for (int64_t k = 0; k < blocks * kDirectChannels; ++k) {
      const bool biased = conv.bias != nullptr && k < sum.channels;
      sum.bias[k] = biased ? conv.bias[kernel + k] : 0.0f;
    }
    float* const out = conv.output + (image * all + kernel) * plane + first * width;
    (blocks == 1 ? SumChannels<1> : SumChannels<kDirectBlocks>)(sum, planes, rows, out);
    sum.weights += sum.all_terms * blocks * kDirectChannels;
    if (clips_alone || !last) continue;
    for (int64_t k = 0; k < sum.channels; ++k) {
      float* const y = out + k * plane;
      for (const VectorStep& step : conv.steps) {
        const int64_t row = kernel + k + (step.column_stride != 0 ? image * all : 0);
        RunStep(step, row, first * width, rows * width, y, y);
      }
    }
  }
}

void Convolve(const DirectConv& conv, int part, int parts, float* scratch) {
  const D d;
  const DirectPlan plan(conv);
  // Of a strip, as a line is one, parts may have some of the output channels each.
  constexpr int64_t kPiece = kDirectBlocks * kDirectChannels;
  const int64_t pieces = (conv.out_channels + kPiece - 1) / kPiece;
  const int64_t all = conv.images * conv.groups * plan.strips * pieces;
  const int64_t begin = all * part / parts, end = all * (part + 1) / parts;
  if (begin == end) return;
  std::memset(scratch, 0, conv.in_channels * plan.plane_floats * sizeof(float));
  const std::vector<PaddedPlane::Part> columns = plan.plane.Parts();
  const std::vector<int64_t> taps = plan.plane.TapOffsets();
  std::vector<int64_t> offsets;
  for (int64_t i = 0; i < conv.in_channels; ++i) {
    for (const int64_t tap : taps) offsets.push_back(i * plan.plane_floats + tap);
  }
  const Steps steps(conv.steps);
  const bool clips = steps.simple && steps.addend == nullptr && steps.clip != nullptr;
  const float inf = std::numeric_limits<float>::infinity();
  const int64_t terms = static_cast<int64_t>(offsets.size());
  const int64_t turns = (terms + kDirectTerms - 1) / kDirectTerms;
  const int64_t blocks = (conv.out_channels + kDirectChannels - 1) / kDirectChannels;
  const int64_t plane_in = conv.rows.input * conv.columns.input;
  DirectSum sum{.terms = 0,
                .all_terms = terms,
                .adds = false,
                .offsets = nullptr,
                .weights = nullptr,
                .row_step = conv.rows.stride * plan.plane.pitch,
                .bias = {},
                .low = hn::Zero(d),
                .high = hn::Zero(d),
                .channels = 0,
                .out_channel = conv.rows.output * conv.columns.output,
                .out_row = conv.columns.output,
                .columns = conv.columns.output};
  for (int64_t at = begin, count; at < end; at += count) {
    const int64_t unit = at / pieces, piece = at % pieces;
    count = std::min(pieces - piece, end - at);
    const int64_t channel = piece * kPiece;
    const int64_t channels_end = std::min(channel + count * kPiece, conv.out_channels);
    const int64_t strip = unit % plan.strips, of_all = unit / plan.strips;
    const int64_t first = strip * plan.rows, top = first * conv.rows.stride;
    const int64_t rows = std::min(plan.rows, conv.rows.output - first);
    for (int64_t i = 0; i < conv.in_channels; ++i) {
      plan.plane.Fill(columns, conv.input + (of_all * conv.in_channels + i) * plane_in, top,
                      top + plan.plane.RowsUnder(rows), scratch + i * plan.plane_floats);
    }
    const int64_t group = of_all % conv.groups;
    for (int64_t turn = 0; turn < turns; ++turn) {
      const int64_t term = terms * turn / turns;
      const bool last = turn + 1 == turns;
      sum.terms = terms * (turn + 1) / turns - term;
      sum.adds = turn > 0;
      sum.offsets = offsets.data() + term;
      sum.weights =
          conv.packed + ((group * blocks + piece * kDirectBlocks) * terms + term) * kDirectChannels;
      sum.low = hn::Set(d, clips && last ? steps.clip->a : -inf);
      sum.high = hn::Set(d, clips && last ? steps.clip->b : inf);
      SumStrip(conv, steps, sum, last, of_all / conv.groups, group, channel, channels_end, first,
               rows, scratch);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_CORE_WINDOW_DIRECT_CONV_KERNEL_H_
