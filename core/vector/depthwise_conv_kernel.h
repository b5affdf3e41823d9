// The loops of depthwise_conv.cc, which includes this file once for each instruction set.
#if defined(NOMOGRAPH_CORE_VECTOR_DEPTHWISE_CONV_KERNEL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_VECTOR_DEPTHWISE_CONV_KERNEL_H_
#undef NOMOGRAPH_CORE_VECTOR_DEPTHWISE_CONV_KERNEL_H_
#else
#define NOMOGRAPH_CORE_VECTOR_DEPTHWISE_CONV_KERNEL_H_
#endif

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "hwy/highway.h"
#include "nomograph/core/vector/depthwise_conv.h"
#include "nomograph/core/vector/vector_steps.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph {
namespace HWY_NAMESPACE {

// So many sums are formed side by side, in vectors: enough that none waits for the one before it.
constexpr int64_t kSums = 8;
// So many of them, at most, of one row.
constexpr int64_t kVectors = 4;

// to[i] = from[i]
HWY_INLINE void CopyPart(const float* HWY_RESTRICT from, int64_t count, float* HWY_RESTRICT to) {
  const hn::CappedTag<float, 4> d4;
  const D d;
  constexpr int64_t kFew = static_cast<int64_t>(hn::MaxLanes(d4));
  // The last vector may overlap the one before it.
  if (count >= kLanes) {
    for (int64_t i = 0; i < count; i += kLanes) {
      const int64_t at = std::min(i, count - kLanes);
      hn::StoreU(hn::LoadU(d, from + at), d, to + at);
    }
  } else if (count >= kFew) {
    for (int64_t i = 0; i < count; i += kFew) {
      const int64_t at = std::min(i, count - kFew);
      hn::StoreU(hn::LoadU(d4, from + at), d4, to + at);
    }
  } else {
    for (int64_t i = 0; i < count; ++i) to[i] = from[i];
  }
}

// to[i] = from[i * stride]
HWY_INLINE void CopyStrided(const float* HWY_RESTRICT from, int64_t stride, int64_t count,
                            float* HWY_RESTRICT to) {
  int64_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  if (stride == 2) {
    // The last element of the second vector may not be there.
    const auto copy = [&](auto d) HWY_ATTR {
      const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
      for (; i + lanes < count; i += lanes) {
        const auto a = hn::LoadU(d, from + 2 * i), b = hn::LoadU(d, from + 2 * i + lanes);
        hn::StoreU(hn::ConcatEven(d, b, a), d, to + i);
      }
    };
    copy(D());
    copy(hn::CappedTag<float, 4>());
  }
#endif
  for (; i < count; ++i) to[i] = from[i * stride];
}

// A plane with its padding. A row is cut into the columns 0, s, 2s, ...; 1, s + 1, ...; and so on
// for a stride of s, so that what neighbouring outputs read always lies side by side.
struct PaddedPlane {
  explicit PaddedPlane(const DepthwiseConv& conv) : rows(conv.rows), columns(conv.columns) {
    height = (rows.output - 1) * rows.stride + (rows.taps - 1) * rows.dilation + 1;
    const int64_t reach = (columns.taps - 1) * columns.dilation / columns.stride;
    phase = std::max(columns.output, kLanes) + reach;
    pitch = phase * columns.stride;
  }

  int64_t TapOffset(int64_t row_tap, int64_t column_tap) const {
    const int64_t column = column_tap * columns.dilation;
    return row_tap * rows.dilation * pitch + column % columns.stride * phase +
           column / columns.stride;
  }

  // Columns p, p + stride, … of the padded rows, as far as they are in the input and read: where
  // the first lies in a row of the input and among these columns.
  struct Part {
    int64_t from, to, count;
  };
  Part PartOf(int64_t p) const {
    const int64_t s = columns.stride;
    const int64_t first = std::max<int64_t>(0, (columns.pad_begin - p + s - 1) / s);
    const int64_t column = p + first * s - columns.pad_begin;
    return {column, p * phase + first,
            std::min(phase - first, (columns.input - column + s - 1) / s)};
  }

  // The padding is zero already. `parts` are those of all columns.
  void Fill(const std::vector<Part>& parts, const float* input, float* plane) const {
    const int64_t begin = std::max<int64_t>(0, rows.pad_begin);
    const int64_t end = std::min(height, rows.input + rows.pad_begin);
    for (int64_t row = begin; row < end; ++row) {
      const float* const in = input + (row - rows.pad_begin) * columns.input;
      float* const out = plane + row * pitch;
      for (const Part& part : parts) {
        if (columns.stride == 1) {
          CopyPart(in + part.from, part.count, out + part.to);
        } else {
          CopyStrided(in + part.from, columns.stride, part.count, out + part.to);
        }
      }
    }
  }

  WindowSpan rows, columns;
  int64_t height, phase, pitch;
};

int64_t DepthwiseFloats(const DepthwiseConv& conv) {
  const PaddedPlane plane(conv);
  return plane.height * plane.pitch;
}

// What the sums of one output plane are made of.
struct PlaneSum {
  int64_t taps;
  const int64_t* offsets;  // from the element under the first tap
  const float* weights;
  int64_t row_step;  // from the elements of one row of outputs to those of the next
  V bias, low, high;
};

// Rows [0, rows) of outputs, kRows at a time, each of kWidth vectors, of which the last begins at
// column `last`: those of row r to out[r * stride].
template <int64_t kRows, int64_t kWidth>
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
    const float* const top = from + row * sum.row_step;
    for (int64_t t = 0; t < sum.taps; ++t) {
      const V w = hn::Set(d, sum.weights[t]);
      const float* x = top + sum.offsets[t];
#pragma GCC unroll 8
      for (int64_t r = 0; r < kRows; ++r, x += sum.row_step) {
#pragma GCC unroll 4
        for (int64_t v = 0; v + 1 < kWidth; ++v) {
          y[r][v] = hn::MulAdd(w, hn::LoadU(d, x + v * kLanes), y[r][v]);
        }
        y[r][kWidth - 1] = hn::MulAdd(w, hn::LoadU(d, x + last), y[r][kWidth - 1]);
      }
    }
    float* to = out + row * stride;
#pragma GCC unroll 8
    for (int64_t r = 0; r < kRows; ++r, to += stride) {
#pragma GCC unroll 4
      for (int64_t v = 0; v + 1 < kWidth; ++v) {
        hn::StoreU(Clip(sum.low, sum.high, y[r][v]), d, to + v * kLanes);
      }
      hn::StoreU(Clip(sum.low, sum.high, y[r][kWidth - 1]), d, to + last);
    }
  }
  return row;
}

// At most kRows rows, all at once.
template <int64_t kRows, int64_t kWidth>
HWY_INLINE void SumRest(const PlaneSum& sum, const float* from, int64_t rows, int64_t last,
                        float* out, int64_t stride) {
  if constexpr (kRows > 0) {
    if (rows < kRows) return SumRest<kRows - 1, kWidth>(sum, from, rows, last, out, stride);
    SumRows<kRows, kWidth>(sum, from, rows, last, out, stride);
  }
}

// A strip of a plane: all rows of kWidth vectors.
template <int64_t kWidth>
void SumStrip(const PlaneSum& sum, const float* from, int64_t rows, int64_t last, float* out,
              int64_t stride) {
  constexpr int64_t kRows = kSums / kWidth;
  const int64_t done = SumRows<kRows, kWidth>(sum, from, rows, last, out, stride);
  SumRest<kRows - 1, kWidth>(sum, from + done * sum.row_step, rows - done, last,
                             out + done * stride, stride);
}

// A plane whose rows have `columns` elements.
void SumPlane(const PlaneSum& sum, const float* from, int64_t rows, int64_t columns, float* out) {
  if (columns < kLanes) {
    alignas(64) float wide[kSums * kLanes];
    for (int64_t row = 0; row < rows; row += kSums) {
      const int64_t count = std::min(kSums, rows - row);
      SumStrip<1>(sum, from + row * sum.row_step, count, 0, wide, kLanes);
      for (int64_t r = 0; r < count; ++r) {
        CopyPart(wide + r * kLanes, columns, out + (row + r) * columns);
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
        SumStrip<1>(sum, x, rows, last, y, columns);
        break;
      case 2:
        SumStrip<2>(sum, x, rows, last, y, columns);
        break;
      case 3:
        SumStrip<3>(sum, x, rows, last, y, columns);
        break;
      default:
        SumStrip<kVectors>(sum, x, rows, last, y, columns);
    }
  }
}

void Convolve(const DepthwiseConv& conv, int64_t begin, int64_t end, float* scratch) {
  const D d;
  const PaddedPlane plane(conv);
  std::memset(scratch, 0, plane.height * plane.pitch * sizeof(float));
  const int64_t taps = conv.rows.taps * conv.columns.taps;
  std::vector<int64_t> offsets;
  for (int64_t r = 0; r < conv.rows.taps; ++r) {
    for (int64_t c = 0; c < conv.columns.taps; ++c) offsets.push_back(plane.TapOffset(r, c));
  }
  std::vector<PaddedPlane::Part> parts;
  for (int64_t p = 0; p < conv.columns.stride; ++p) {
    parts.push_back(plane.PartOf(p));
    if (parts.back().count <= 0) parts.pop_back();
  }
  // The most frequent case: nothing follows but bounds.
  const Steps steps(conv.steps);
  const bool clips_alone = steps.simple && steps.addend == nullptr;
  const float inf = std::numeric_limits<float>::infinity();
  const V low = hn::Set(d, clips_alone && steps.clip != nullptr ? steps.clip->a : -inf);
  const V high = hn::Set(d, clips_alone && steps.clip != nullptr ? steps.clip->b : inf);
  int64_t filled = -1;
  for (int64_t channel = begin; channel < end; ++channel) {
    const int64_t input = channel / conv.multiplier;
    if (input != filled) {
      plane.Fill(parts, conv.input + input * conv.rows.input * conv.columns.input, scratch);
      filled = input;
    }
    const int64_t kernel = channel % conv.kernels;
    float* const plane_out = conv.output + channel * conv.rows.output * conv.columns.output;
    const PlaneSum sum{.taps = taps,
                       .offsets = offsets.data(),
                       .weights = conv.taps + kernel * taps,
                       .row_step = conv.rows.stride * plane.pitch,
                       .bias = hn::Set(d, conv.bias == nullptr ? 0.0f : conv.bias[kernel]),
                       .low = low,
                       .high = high};
    SumPlane(sum, scratch, conv.rows.output, conv.columns.output, plane_out);
    if (clips_alone) continue;
    // A matrix has a row for each channel of each image, a column an element for each kernel.
    const int64_t size = conv.rows.output * conv.columns.output;
    for (const VectorStep& step : conv.steps) {
      const bool planes = step.column_stride != 0;
      RunStep(step, planes ? channel : kernel, 0, size, plane_out, plane_out);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_CORE_VECTOR_DEPTHWISE_CONV_KERNEL_H_
