// Depthwise convolutions with masked loads, for depthwise_conv_kernel.h: where a load that leaves
// out elements is about as fast as any other, sums are formed from the planes as they lie. Nothing
// is copied; what lies in the padding is masked out or passed over.
#if defined(NOMOGRAPH_CORE_WINDOW_DEPTHWISE_MASKED_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_WINDOW_DEPTHWISE_MASKED_H_
#undef NOMOGRAPH_CORE_WINDOW_DEPTHWISE_MASKED_H_
#else
#define NOMOGRAPH_CORE_WINDOW_DEPTHWISE_MASKED_H_
#endif

#include <algorithm>
#include <cstdint>
#include <vector>

#include "hwy/highway.h"
#include "nomograph/core/vector/vector_steps.h"
#include "nomograph/core/window/depthwise_conv.h"

#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2  // elsewhere slow, or none

HWY_BEFORE_NAMESPACE();
namespace nomograph {
namespace HWY_NAMESPACE {

using Lanes = hn::Mask<D>;

// So many rows of so many vectors are summed up side by side: mobile networks' planes have 7, 14,
// 28, … rows. AVX-512 has registers for two vectors, or for twice as many rows.
constexpr bool kWideRegisters = HWY_TARGET == HWY_AVX3;
constexpr int64_t kMaskedRows = 7, kMaskedWidth = kWideRegisters ? 2 : 1, kMaskedTaps = 7;
// Rows that are no longer are computed for two channels at a time, in the halves of vectors.
constexpr int64_t kHalf = kLanes / 2;

// The first outputs of a vector: their lanes, or how many where the store of some lanes is slow.
#if HWY_TARGET == HWY_AVX2
using Stored = int64_t;
HWY_INLINE Stored FirstOutputs(int64_t count) { return count; }
HWY_INLINE void Store(V v, Stored outputs, float* to) {
  if (outputs == kLanes) return hn::StoreU(v, D(), to);
  StoreFirst(v, outputs, to);
}
#else
using Stored = Lanes;
HWY_INLINE Stored FirstOutputs(int64_t count) {
  return hn::FirstN(D(), static_cast<size_t>(count));
}
HWY_INLINE void Store(V v, Stored outputs, float* to) { hn::BlendedStore(v, outputs, D(), to); }
#endif

// Neighbouring columns of outputs.
struct alignas(64) ColumnBlock {
  int64_t column, vectors;
  Stored outputs[kMaskedWidth];  // of each vector
  // Under tap c, which of the elements that are loaded for vector v are in the plane. Where the
  // stride is 2 they are two vectors; under tap c + 1 are the odd ones of the same.
  Lanes first[kMaskedTaps][kMaskedWidth], second[kMaskedTaps][kMaskedWidth];
  // Of the elements behind the last vector under the first tap, those that the other taps reach.
  Lanes behind;
  bool has_behind;
};

// Lanes [begin, end), as far as there are such.
HWY_INLINE Lanes LanesBetween(int64_t begin, int64_t end) {
  const auto first = [](int64_t n) HWY_ATTR {
    return hn::FirstN(D(), static_cast<size_t>(std::clamp<int64_t>(n, 0, kLanes)));
  };
  return hn::AndNot(first(begin), first(end));
}

inline std::vector<ColumnBlock> ColumnBlocks(const WindowSpan& columns, bool pairs) {
  std::vector<ColumnBlock> blocks;
  const int64_t step = pairs ? kHalf : kLanes;
  for (int64_t column = 0; column < columns.output;) {
    ColumnBlock block{.column = column,
                      .vectors = 0,
                      .outputs = {},
                      .first = {},
                      .second = {},
                      .behind = {},
                      .has_behind = false};
    for (; block.vectors < kMaskedWidth && column < columns.output; column += step) {
      const int64_t v = block.vectors++;
      // Where the store of a part is slow, what is summed up twice is less.
      const bool overlaps = !kWideRegisters && !pairs && columns.output >= step;
      if (overlaps) block.column = column = std::min(column, columns.output - step);
      block.outputs[v] = FirstOutputs(std::min(step, columns.output - column));
      for (int64_t c = 0; c < columns.taps; ++c) {
        // Lane i has column from + i of the input.
        const int64_t from = column * columns.stride + c - columns.pad_begin;
        const int64_t end = columns.input - from;
        if (pairs && columns.stride == 1) {
          block.first[c][v] = LanesBetween(-from, std::min(end, kHalf));
          block.second[c][v] = LanesBetween(kHalf + std::max<int64_t>(-from, 0), kHalf + end);
        } else {
          const int64_t on = pairs ? 0 : kLanes;  // what is loaded second lies that far on
          block.first[c][v] = LanesBetween(-from, end);
          block.second[c][v] = LanesBetween(-from - on, end - on);
        }
      }
    }
    const int64_t from = column * columns.stride - columns.pad_begin;
    const int64_t last = (std::min(column, columns.output) - 1) * columns.stride + columns.taps - 1;
    const int64_t end = std::min(last + 1 - columns.pad_begin, columns.input);
    block.behind = LanesBetween(-from, end - from);
    block.has_behind = from < end;
    blocks.push_back(block);
  }
  return blocks;
}

// What the sums of an output plane, or of two, are made of.
struct MaskedSum {
  const float* input;
  int64_t rows, pitch;  // of the input
  int64_t row_pad, column_pad, column_taps;
  const float* weights;
  int64_t next_input, next_weights, next_output;  // from the first plane to the second
  V bias, low, high;
  float* output;
  int64_t columns;  // of the output
};

// Windows of kTapRows rows with the same stride along both axes, of one plane or of two.
template <int64_t kTapRows, int64_t kTapStride, bool kTapPairs, bool kTapShifts = false>
struct MaskedTaps {
  static constexpr int64_t kRows = kTapRows, kStride = kTapStride;
  static constexpr bool kPairs = kTapPairs;
  static constexpr bool kShifts = kTapShifts;  // AddShifted() serves them
};

#if HWY_TARGET == HWY_AVX3
// Elements kFrom, kFrom + 1, ... of two vectors side by side.
template <int kFrom>
HWY_INLINE V Shifted(V next, V v) {
  const auto bits =
      _mm512_alignr_epi32(_mm512_castps_si512(next.raw), _mm512_castps_si512(v.raw), kFrom);
  return V{_mm512_castsi512_ps(bits)};
}

// Windows of 3x3, all taps in one go: each element is loaded once, and moved to the lanes where the
// other taps need it.
template <typename T, int64_t kRows, int64_t kWidth>
HWY_INLINE void AddShifted(const MaskedSum& sum, const ColumnBlock& block, int64_t row,
                           V (&y)[kRows][kWidth]) {
  constexpr int64_t kTaps = 3;
  const D d;
  V w[kTaps][kTaps];
#pragma GCC unroll 3
  for (int64_t i = 0; i < kTaps; ++i) {
#pragma GCC unroll 3
    for (int64_t c = 0; c < kTaps; ++c) {
      const float* const weight = sum.weights + i * kTaps + c;
      w[i][c] = hn::Set(d, *weight);
      if constexpr (T::kPairs) {
        w[i][c] = hn::ConcatUpperLower(d, hn::Set(d, weight[sum.next_weights]), w[i][c]);
      }
    }
  }
  const int64_t top = row * T::kStride - sum.row_pad, rows = sum.rows, pitch = sum.pitch;
  // Of two planes what is under the middle tap is loaded where that suffices.
  constexpr int64_t kLoaded = T::kPairs && T::kStride == 1 ? 1 : 0;
  const float* x = sum.input + top * pitch + block.column * T::kStride + kLoaded - sum.column_pad;
  const int64_t second = T::kPairs ? sum.next_input - (T::kStride == 1 ? kHalf : 0) : kLanes;
  Lanes first[kWidth], second_lanes[kWidth];
#pragma GCC unroll 2
  for (int64_t v = 0; v < kWidth; ++v) {
    first[v] = block.first[kLoaded][v];
    second_lanes[v] = block.second[kLoaded][v];
  }
#pragma GCC unroll 32
  for (int64_t p = 0; p < (kRows - 1) * T::kStride + kTaps; ++p, x += pitch) {
    if (static_cast<uint64_t>(top + p) >= static_cast<uint64_t>(rows)) continue;
    V part[kWidth + 1], odd[kWidth];
#pragma GCC unroll 2
    for (int64_t v = 0; v < kWidth; ++v) {
      const float* const from = x + v * kLanes * T::kStride;
      part[v] = hn::MaskedLoad(first[v], d, from);
      if constexpr (T::kPairs || T::kStride == 2) {
        const V other = hn::MaskedLoad(second_lanes[v], d, from + second);
        if constexpr (T::kStride == 1) {
          part[v] = hn::Or(part[v], other);
        } else {
          odd[v] = hn::ConcatOdd(d, other, part[v]);
          part[v] = hn::ConcatEven(d, other, part[v]);
        }
      }
    }
    part[kWidth] = hn::Zero(d);
    if (!T::kPairs && block.has_behind) {
      part[kWidth] = hn::MaskedLoad(block.behind, d, x + kWidth * kLanes * T::kStride);
    }
#pragma GCC unroll 2
    for (int64_t v = 0; v < kWidth; ++v) {
      V under[kTaps] = {part[v], part[v], Shifted<1>(part[v + 1], part[v])};
      if constexpr (T::kStride == 2) {
        under[1] = odd[v];
      } else if constexpr (T::kPairs) {
        under[0] = Shifted<kLanes - 1>(part[v], part[kWidth]);
      } else {
        under[1] = under[2];
        under[2] = Shifted<2>(part[v + 1], part[v]);
      }
#pragma GCC unroll 3
      for (int64_t c = 0; c < kTaps; ++c) {
#pragma GCC unroll 3
        for (int64_t i = 0; i < kTaps; ++i) {
          const int64_t r = (p - i) / T::kStride;
          if (p < i || (p - i) % T::kStride != 0 || r >= kRows) continue;
          y[r][v] = hn::MulAdd(w[i][c], under[c], y[r][v]);
        }
      }
    }
  }
}

#endif

// The even and the odd elements of two vectors side by side, in an order that InOrder() mends: once
// for a sum of many of them. With AVX2 elements pass from half to half there alone.
#if HWY_TARGET == HWY_AVX2
HWY_INLINE V EvenOf(V v, V next) { return V{_mm256_shuffle_ps(v.raw, next.raw, 0x88)}; }
HWY_INLINE V OddOf(V v, V next) { return V{_mm256_shuffle_ps(v.raw, next.raw, 0xDD)}; }
HWY_INLINE V InOrder(V v) {
  return V{_mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(v.raw), 0xD8))};
}
#else
HWY_INLINE V EvenOf(V v, V next) { return hn::ConcatEven(D(), next, v); }
HWY_INLINE V OddOf(V v, V next) { return hn::ConcatOdd(D(), next, v); }
HWY_INLINE V InOrder(V v) { return v; }
#endif

// y[r][v] += what kOf taps of each row, from column c on, add to row r.
template <typename T, int64_t kOf, int64_t kRows, int64_t kWidth>
HWY_INLINE void AddMasked(const MaskedSum& sum, const ColumnBlock& block, int64_t row, int64_t c,
                          V (&y)[kRows][kWidth]) {
  const D d;
  V w[T::kRows][kOf];
#pragma GCC unroll 8
  for (int64_t i = 0; i < T::kRows; ++i) {
#pragma GCC unroll 2
    for (int64_t k = 0; k < kOf; ++k) {
      const float* const weight = sum.weights + i * sum.column_taps + c + k;
      w[i][k] = hn::Set(d, *weight);
      if constexpr (T::kPairs) {
        w[i][k] = hn::ConcatUpperLower(d, hn::Set(d, weight[sum.next_weights]), w[i][k]);
      }
    }
  }
  Lanes first[kWidth], second_lanes[kWidth];
#pragma GCC unroll 2
  for (int64_t v = 0; v < kWidth; ++v) {
    first[v] = block.first[c][v];
    second_lanes[v] = block.second[c][v];
  }
  const int64_t top = row * T::kStride - sum.row_pad, rows = sum.rows, pitch = sum.pitch;
  const float* x = sum.input + top * sum.pitch + block.column * T::kStride + c - sum.column_pad;
  const int64_t second = !T::kPairs        ? kLanes
                         : T::kStride == 1 ? sum.next_input - kHalf
                                           : sum.next_input;
#pragma GCC unroll 24
  for (int64_t p = 0; p < (kRows - 1) * T::kStride + T::kRows; ++p, x += pitch) {
    if (static_cast<uint64_t>(top + p) >= static_cast<uint64_t>(rows)) continue;
#pragma GCC unroll 2
    for (int64_t v = 0; v < kWidth; ++v) {
      const float* const from = x + v * kLanes * T::kStride;
      V part[2];
      part[0] = hn::MaskedLoad(first[v], d, from);
      if constexpr (T::kPairs || T::kStride == 2) {
        part[1] = hn::MaskedLoad(second_lanes[v], d, from + second);
        if constexpr (T::kStride == 1) {
          part[0] = hn::Or(part[0], part[1]);
        } else {
          const V even = EvenOf(part[0], part[1]);
          if constexpr (kOf > 1) part[1] = OddOf(part[0], part[1]);
          part[0] = even;
        }
      }
#pragma GCC unroll 8
      for (int64_t i = 0; i < T::kRows; ++i) {
        const int64_t r = (p - i) / T::kStride;
        if (p < i || (p - i) % T::kStride != 0 || r >= kRows) continue;
#pragma GCC unroll 2
        for (int64_t k = 0; k < kOf; ++k) y[r][v] = hn::MulAdd(w[i][k], part[k], y[r][v]);
      }
    }
  }
}

template <typename T, int64_t kRows, int64_t kWidth>
void SumMaskedBlock(const MaskedSum& sum, const ColumnBlock& block, int64_t row) {
  const D d;
  V y[kRows][kWidth];
#pragma GCC unroll 14
  for (int64_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int64_t v = 0; v < kWidth; ++v) y[r][v] = sum.bias;
  }
  if constexpr (T::kShifts) {
    AddShifted<T>(sum, block, row, y);
  } else {
    int64_t c = 0;
    for (; c + T::kStride <= sum.column_taps; c += T::kStride) {
      AddMasked<T, T::kStride>(sum, block, row, c, y);
    }
    if (c < sum.column_taps) AddMasked<T, 1>(sum, block, row, c, y);
  }
  const V low = sum.low, high = sum.high;
  const int64_t columns = sum.columns, next_output = sum.next_output;
  Stored outputs[kWidth];
#pragma GCC unroll 2
  for (int64_t v = 0; v < kWidth; ++v) outputs[v] = block.outputs[v];
  float* to = sum.output + row * columns + block.column;
#pragma GCC unroll 14
  for (int64_t r = 0; r < kRows; ++r, to += columns) {
#pragma GCC unroll 2
    for (int64_t v = 0; v < kWidth; ++v) {
      const V sums = Clip(low, high, T::kStride == 2 ? InOrder(y[r][v]) : y[r][v]);
      Store(sums, outputs[v], to + v * kLanes);
      if constexpr (T::kPairs) {
        Store(hn::ConcatUpperUpper(d, sums, sums), outputs[v], to + next_output);
      }
    }
  }
}

// Rows [row, row + kRows) of the outputs. With AVX2 the next rows of the input are fetched
// meanwhile, or the next plane's: from one end to the other, and not from many rows at once.
template <typename T, int64_t kRows>
void SumMaskedRows(const MaskedSum& sum, const std::vector<ColumnBlock>& blocks, int64_t row) {
  constexpr int64_t kLine = 16;
  const int64_t next_row = (row + kRows - 1) * T::kStride + T::kRows - sum.row_pad;
  const float* next = sum.input + next_row * sum.pitch;
  const int64_t count = static_cast<int64_t>(blocks.size());
  const int64_t part = (kRows * T::kStride * sum.pitch + count - 1) / count;
  for (const ColumnBlock& block : blocks) {
    if constexpr (!kWideRegisters) {
      for (int64_t i = 0; i < part; i += kLine) __builtin_prefetch(next + i, 0, 2);
      next += part;
    }
    if constexpr (!T::kPairs && kMaskedWidth > 1) {
      if (block.vectors == kMaskedWidth) {
        SumMaskedBlock<T, kRows, kMaskedWidth>(sum, block, row);
        continue;
      }
    }
    SumMaskedBlock<T, kRows, 1>(sum, block, row);
  }
}

template <typename T>
void SumMasked(const MaskedSum& sum, const std::vector<ColumnBlock>& blocks, int64_t row,
               int64_t end) {
  constexpr int64_t kFewRows = 3, kManyRows = 2 * kMaskedRows;
  // Of rows that fill no more than a vector the registers hold more.
  if constexpr (kWideRegisters && !T::kPairs && T::kStride == 1 && T::kRows <= 5) {
    if (blocks.size() == 1 && blocks[0].vectors == 1) {
      for (; row + kManyRows <= end; row += kManyRows) {
        SumMaskedBlock<T, kManyRows, 1>(sum, blocks[0], row);
      }
    }
  }
  for (; row + kMaskedRows <= end; row += kMaskedRows) {
    SumMaskedRows<T, kMaskedRows>(sum, blocks, row);
  }
  for (; row + kFewRows <= end; row += kFewRows) SumMaskedRows<T, kFewRows>(sum, blocks, row);
  for (; row < end; ++row) SumMaskedRows<T, 1>(sum, blocks, row);
}

using SumMaskedFn = void (*)(const MaskedSum& sum, const std::vector<ColumnBlock>& blocks,
                             int64_t row, int64_t end);

template <bool kPairs>
SumMaskedFn SumMaskedFunctionOf(int64_t taps, int64_t stride) {
  if (taps == 3 && stride == 1) return SumMasked<MaskedTaps<3, 1, kPairs>>;
  if (taps == 3 && stride == 2) return SumMasked<MaskedTaps<3, 2, kPairs>>;
  if (taps == 5 && stride == 1) return SumMasked<MaskedTaps<5, 1, kPairs>>;
  if (taps == 5 && stride == 2) return SumMasked<MaskedTaps<5, 2, kPairs>>;
  if (taps == 7 && stride == 1) return SumMasked<MaskedTaps<7, 1, kPairs>>;
  return nullptr;
}

inline bool HalvesSuffice(const DepthwiseConv& conv) {
  return kWideRegisters && conv.columns.output <= kHalf;
}

// Whether AddShifted() serves it. Of two planes in a vector no sum that is wanted may have elements
// of the other one: there is room behind the sums of a row, and in front of the second plane's
// elements, if they are moved back, a zero.
inline bool ShiftsSuffice(const DepthwiseConv& conv) {
  const WindowSpan& columns = conv.columns;
  if (columns.taps != 3 || conv.rows.taps != 3 || columns.stride > 2) return false;
  if (!HalvesSuffice(conv)) return true;
  const bool room = columns.output < kHalf;
  return room && (columns.stride == 2 || (columns.pad_begin == 1 && columns.input < kHalf));
}

// The function that sums up the convolution's planes; null where there is none.
inline SumMaskedFn SumMaskedFunction(const DepthwiseConv& conv) {
  const WindowSpan &rows = conv.rows, &columns = conv.columns;
  if (rows.dilation != 1 || columns.dilation != 1 || rows.stride != columns.stride ||
      columns.taps > kMaskedTaps) {
    return nullptr;
  }
#if HWY_TARGET == HWY_AVX3
  if (ShiftsSuffice(conv)) {
    if (columns.stride == 2) {
      return HalvesSuffice(conv) ? SumMasked<MaskedTaps<3, 2, true, true>>
                                 : SumMasked<MaskedTaps<3, 2, false, true>>;
    }
    return HalvesSuffice(conv) ? SumMasked<MaskedTaps<3, 1, true, true>>
                               : SumMasked<MaskedTaps<3, 1, false, true>>;
  }
#endif
  return HalvesSuffice(conv) ? SumMaskedFunctionOf<true>(rows.taps, rows.stride)
                             : SumMaskedFunctionOf<false>(rows.taps, rows.stride);
}

// Output channels [begin, end). `follow`(channel, channels, first, rows) for what has been summed
// up, which lies in one piece.
template <typename Follow>
void ConvolveMasked(const DepthwiseConv& conv, SumMaskedFn sum_rows, int64_t begin, int64_t end,
                    V low, V high, Follow follow) {
  const D d;
  const bool pairs = HalvesSuffice(conv);
  const std::vector<ColumnBlock> blocks = ColumnBlocks(conv.columns, pairs);
  const int64_t plane_in = conv.rows.input * conv.columns.input;
  const int64_t plane_out = conv.rows.output * conv.columns.output;
  const int64_t taps = conv.rows.taps * conv.columns.taps;
  const auto sum = [&](int64_t channel, int64_t next, int64_t first, int64_t rows) HWY_ATTR {
    const auto input = [&](int64_t c) { return c / conv.multiplier * plane_in; };
    const auto kernel = [&](int64_t c) { return c % conv.kernels; };
    const auto bias = [&](int64_t c) HWY_ATTR {
      return hn::Set(d, conv.bias == nullptr ? 0.0f : conv.bias[kernel(c)]);
    };
    const MaskedSum sum{.input = conv.input + input(channel),
                        .rows = conv.rows.input,
                        .pitch = conv.columns.input,
                        .row_pad = conv.rows.pad_begin,
                        .column_pad = conv.columns.pad_begin,
                        .column_taps = conv.columns.taps,
                        .weights = conv.packed + kernel(channel) * taps,
                        .next_input = input(next) - input(channel),
                        .next_weights = (kernel(next) - kernel(channel)) * taps,
                        .next_output = (next - channel) * plane_out,
                        .bias = hn::ConcatUpperLower(d, bias(next), bias(channel)),
                        .low = low,
                        .high = high,
                        .output = conv.output + channel * plane_out,
                        .columns = conv.columns.output};
    sum_rows(sum, blocks, first, first + rows);
  };
  // What is computed at a time, of one plane or of several whole ones, is still near when more is
  // done with it.
  constexpr int64_t kFloats = 1 << 12;
  const int64_t strip =
      std::max<int64_t>(1, kFloats / (conv.columns.output * kMaskedRows)) * kMaskedRows;
  const int64_t group = strip < conv.rows.output ? 1 : std::max<int64_t>(2, kFloats / plane_out);
  for (int64_t channel = begin; channel < end; channel += group) {
    const int64_t channels = std::min(group, end - channel);
    for (int64_t first = 0; first < conv.rows.output; first += strip) {
      const int64_t rows = std::min(strip, conv.rows.output - first);
      for (int64_t c = channel, next; c < channel + channels; c = next + 1) {
        next = pairs ? std::min(c + 1, channel + channels - 1) : c;  // the second, or the same
        sum(c, next, first, rows);
      }
      follow(channel, channels, first, rows);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2

#endif  // NOMOGRAPH_CORE_WINDOW_DEPTHWISE_MASKED_H_
