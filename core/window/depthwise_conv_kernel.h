// The loops of depthwise_conv.cc, which includes this file once for each instruction set.
#if defined(NOMOGRAPH_CORE_WINDOW_DEPTHWISE_CONV_KERNEL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_WINDOW_DEPTHWISE_CONV_KERNEL_H_
#undef NOMOGRAPH_CORE_WINDOW_DEPTHWISE_CONV_KERNEL_H_
#else
#define NOMOGRAPH_CORE_WINDOW_DEPTHWISE_CONV_KERNEL_H_
#endif

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "hwy/highway.h"
#include "nomograph/core/vector/vector_steps.h"
#include "nomograph/core/window/depthwise_conv.h"
#include "nomograph/core/window/depthwise_masked.h"
#include "nomograph/core/window/padded_plane.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph {
namespace HWY_NAMESPACE {

// So many sums are formed side by side, in vectors: enough that none waits for the one before it.
constexpr int64_t kSums = 8;
// So many of them, at most, of one row.
constexpr int64_t kVectors = 4;

// What is computed at a time reads so little that it stays in the first cache.
int64_t StripRows(const PaddedPlane& plane) {
  constexpr int64_t kFloats = 1 << 12;
  return plane.StripRows(1, kFloats, 2 * kSums);
}

int64_t DepthwiseFloats(const DepthwiseConv& conv) {
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
  if (SumMaskedFunction(conv) != nullptr) return 0;
#endif
  const PaddedPlane plane({conv.rows, conv.columns});
  return plane.RowsUnder(StripRows(plane)) * plane.pitch;
}

// What the sums of one output plane are made of.
struct PlaneSum {
  int64_t taps, column_taps;
  const int64_t* offsets;  // from the element under the first tap
  const float* weights;
  int64_t pitch;     // from row to row of the padded plane
  int64_t row_step;  // from the elements of one row of outputs to those of the next
  V bias, low, high;
};

// Windows whose taps lie in neighbouring rows: so many rows, so far from window to window. A vector
// is loaded once for all windows that it is under. With 0 rows: any window.
template <int64_t kTapRows, int64_t kTapStride>
struct Taps {
  static constexpr int64_t kRows = kTapRows, kStride = kTapStride;
};

// Vector v of kWidth at x, of which the last begins at column `last`.
template <int64_t kWidth>
HWY_INLINE V LoadPart(const float* x, int64_t v, int64_t last) {
  return hn::LoadU(D(), x + (v + 1 < kWidth ? v * kLanes : last));
}

// y[r][v] += the sums of row r at top + r * sum.row_step.
template <typename TapRows, int64_t kRows, int64_t kWidth>
HWY_INLINE void AddTaps(const PlaneSum& sum, const float* top, int64_t last,
                        V (&y)[kRows][kWidth]) {
  const D d;
  if constexpr (TapRows::kRows > 0) {
    constexpr int64_t kTapRows = TapRows::kRows, kStride = TapRows::kStride;
    for (int64_t c = 0; c < sum.column_taps; ++c) {
      V w[kTapRows];
#pragma GCC unroll 8
      for (int64_t i = 0; i < kTapRows; ++i) {
        w[i] = hn::Set(d, sum.weights[i * sum.column_taps + c]);
      }
      const float* x = top + sum.offsets[c];
#pragma GCC unroll 24
      for (int64_t p = 0; p < (kRows - 1) * kStride + kTapRows; ++p, x += sum.pitch) {
#pragma GCC unroll 4
        for (int64_t v = 0; v < kWidth; ++v) {
          const V part = LoadPart<kWidth>(x, v, last);
#pragma GCC unroll 8
          for (int64_t i = 0; i < kTapRows; ++i) {
            const int64_t r = (p - i) / kStride;
            if (p < i || (p - i) % kStride != 0 || r >= kRows) continue;
            y[r][v] = hn::MulAdd(w[i], part, y[r][v]);
          }
        }
      }
    }
  } else {
    for (int64_t t = 0; t < sum.taps; ++t) {
      const V w = hn::Set(d, sum.weights[t]);
      const float* x = top + sum.offsets[t];
#pragma GCC unroll 8
      for (int64_t r = 0; r < kRows; ++r, x += sum.row_step) {
#pragma GCC unroll 4
        for (int64_t v = 0; v < kWidth; ++v) {
          y[r][v] = hn::MulAdd(w, LoadPart<kWidth>(x, v, last), y[r][v]);
        }
      }
    }
  }
}

// Rows [0, rows) of outputs, kRows at a time, each of kWidth vectors, of which the last begins at
// column `last`: those of row r to out[r * stride].
template <typename TapRows, int64_t kRows, int64_t kWidth>
HWY_INLINE int64_t SumRows(const PlaneSum& sum, const float* from, int64_t rows, int64_t last,
                           float* out, int64_t stride) {
  const D d;
  int64_t row = 0;
  for (; row + kRows <= rows; row += kRows) {
    V y[kRows][kWidth];
#pragma GCC unroll 8
    for (int64_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
      for (int64_t v = 0; v < kWidth; ++v) y[r][v] = sum.bias;
    }
    AddTaps<TapRows>(sum, from + row * sum.row_step, last, y);
    float* to = out + row * stride;
#pragma GCC unroll 8
    for (int64_t r = 0; r < kRows; ++r, to += stride) {
#pragma GCC unroll 4
      for (int64_t v = 0; v < kWidth; ++v) {
        hn::StoreU(Clip(sum.low, sum.high, y[r][v]), d, to + (v + 1 < kWidth ? v * kLanes : last));
      }
    }
  }
  return row;
}

// At most kRows rows, all at once.
template <typename TapRows, int64_t kRows, int64_t kWidth>
HWY_INLINE void SumRest(const PlaneSum& sum, const float* from, int64_t rows, int64_t last,
                        float* out, int64_t stride) {
  if constexpr (kRows > 0) {
    if (rows < kRows) {
      return SumRest<TapRows, kRows - 1, kWidth>(sum, from, rows, last, out, stride);
    }
    SumRows<TapRows, kRows, kWidth>(sum, from, rows, last, out, stride);
  }
}

// A strip of a plane: all rows of kWidth vectors.
template <typename TapRows, int64_t kWidth>
void SumStrip(const PlaneSum& sum, const float* from, int64_t rows, int64_t last, float* out,
              int64_t stride) {
  constexpr int64_t kRows = kSums / kWidth;
  const int64_t done = SumRows<TapRows, kRows, kWidth>(sum, from, rows, last, out, stride);
  SumRest<TapRows, kRows - 1, kWidth>(sum, from + done * sum.row_step, rows - done, last,
                                      out + done * stride, stride);
}

// A plane whose rows have `columns` elements.
template <typename TapRows>
void SumPlane(const PlaneSum& sum, const float* from, int64_t rows, int64_t columns, float* out) {
  if (columns < kLanes) {
    // What a vector has behind its row is overwritten by the next ones, but for the last rows.
    const D d;
    const int64_t direct = rows - (kLanes - 1) / columns;
    alignas(64) float wide[kSums * kLanes];
    for (int64_t row = 0; row < rows; row += kSums) {
      const int64_t count = std::min(kSums, rows - row);
      SumStrip<TapRows, 1>(sum, from + row * sum.row_step, count, 0, wide, kLanes);
      for (int64_t r = 0; r < count; ++r) {
        float* const to = out + (row + r) * columns;
        if (row + r < direct) {
          hn::StoreU(hn::Load(d, wide + r * kLanes), d, to);
        } else {
          CopyPart(wide + r * kLanes, columns, to);
        }
      }
    }
    return;
  }
  for (int64_t column = 0; column < columns; column += kVectors * kLanes) {
    // The last vector may overlap the one before it.
    const int64_t count = std::min(kVectors * kLanes, columns - column), last = count - kLanes;
    const int64_t vectors = (count + kLanes - 1) / kLanes;
    const float* const x = from + column;
    float* const y = out + column;
    switch (vectors) {
      case 1:
        SumStrip<TapRows, 1>(sum, x, rows, last, y, columns);
        break;
      case 2:
        SumStrip<TapRows, 2>(sum, x, rows, last, y, columns);
        break;
      case 3:
        SumStrip<TapRows, 3>(sum, x, rows, last, y, columns);
        break;
      default:
        SumStrip<TapRows, kVectors>(sum, x, rows, last, y, columns);
    }
  }
}

using SumPlaneFn = void (*)(const PlaneSum& sum, const float* from, int64_t rows, int64_t columns,
                            float* out);
SumPlaneFn SumPlaneFunction(const WindowSpan& rows) {
  const bool dense = rows.dilation == 1, steps = rows.stride == 2;
  if (dense && rows.taps == 3 && rows.stride == 1) return SumPlane<Taps<3, 1>>;
  if (dense && rows.taps == 3 && steps) return SumPlane<Taps<3, 2>>;
  if (dense && rows.taps == 5 && rows.stride == 1) return SumPlane<Taps<5, 1>>;
  if (dense && rows.taps == 5 && steps) return SumPlane<Taps<5, 2>>;
  if (dense && rows.taps == 7 && rows.stride == 1) return SumPlane<Taps<7, 1>>;
  return SumPlane<Taps<0, 0>>;
}

void Convolve(const DepthwiseConv& conv, int64_t begin, int64_t end, float* scratch) {
  const D d;
  const int64_t width = conv.columns.output;
  // The most frequent case: nothing follows but bounds.
  const Steps steps(conv.steps);
  const bool clips_alone = steps.simple && steps.addend == nullptr;
  const float inf = std::numeric_limits<float>::infinity();
  const V low = hn::Set(d, clips_alone && steps.clip != nullptr ? steps.clip->a : -inf);
  const V high = hn::Set(d, clips_alone && steps.clip != nullptr ? steps.clip->b : inf);
  // Some rows of a channel, or all rows of several.
  const auto follow = [&](int64_t channel, int64_t channels, int64_t first, int64_t rows) {
    if (clips_alone) return;
    float* const out = conv.output + (channel * conv.rows.output + first) * width;
    const int64_t count = rows * width;
    for (const VectorStep& step : conv.steps) {
      if (!step.has_operand()) {
        RunStep(step, 0, 0, channels * count, out, out);
        continue;
      }
      // A matrix has a row for each channel of each image, a column an element for each kernel.
      for (int64_t c = channel; c < channel + channels; ++c) {
        float* const plane = out + (c - channel) * count;
        const int64_t row = step.column_stride != 0 ? c : c % conv.kernels;
        RunStep(step, row, first * width, count, plane, plane);
      }
    }
  };
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
  if (const SumMaskedFn sum_rows = SumMaskedFunction(conv)) {
    return ConvolveMasked(conv, sum_rows, begin, end, low, high, follow);
  }
#endif
  const PaddedPlane plane({conv.rows, conv.columns});
  std::memset(scratch, 0, DepthwiseFloats(conv) * sizeof(float));
  const int64_t taps = conv.rows.taps * conv.columns.taps;
  const std::vector<int64_t> offsets = plane.TapOffsets();
  const std::vector<PaddedPlane::Part> parts = plane.Parts();
  const SumPlaneFn sum_plane = SumPlaneFunction(conv.rows);
  const int64_t strip = StripRows(plane);
  const auto sum_strip = [&](int64_t channel, int64_t first, int64_t rows) HWY_ATTR {
    const int64_t kernel = channel % conv.kernels;
    const PlaneSum sum{.taps = taps,
                       .column_taps = conv.columns.taps,
                       .offsets = offsets.data(),
                       .weights = conv.packed + kernel * taps,
                       .pitch = plane.pitch,
                       .row_step = conv.rows.stride * plane.pitch,
                       .bias = hn::Set(d, conv.bias == nullptr ? 0.0f : conv.bias[kernel]),
                       .low = low,
                       .high = high};
    sum_plane(sum, scratch, rows, width,
              conv.output + (channel * conv.rows.output + first) * width);
    follow(channel, 1, first, rows);
  };
  for (int64_t channel = begin; channel < end;) {
    const int64_t input = channel / conv.multiplier;
    const int64_t same = std::min(end, (input + 1) * conv.multiplier);  // channels of this input
    const float* const in = conv.input + input * conv.rows.input * conv.columns.input;
    for (int64_t first = 0; first < conv.rows.output; first += strip) {
      const int64_t rows = std::min(strip, conv.rows.output - first);
      const int64_t top = first * conv.rows.stride;
      plane.Fill(parts, in, top, top + plane.RowsUnder(rows), scratch);
      for (int64_t c = channel; c < same; ++c) sum_strip(c, first, rows);
    }
    channel = same;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_CORE_WINDOW_DEPTHWISE_CONV_KERNEL_H_
