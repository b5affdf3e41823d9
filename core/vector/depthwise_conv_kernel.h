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

// So many vectors of a row at a time.
constexpr int64_t kVectors = 4;

// to[i] = from[i * stride]
HWY_INLINE void CopyStrided(const float* HWY_RESTRICT from, int64_t stride, int64_t count,
                            float* HWY_RESTRICT to) {
  int64_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  const D d;
  if (stride == 2) {
    // The last element of the second vector may not be there.
    for (; i + kLanes < count; i += kLanes) {
      const V a = hn::LoadU(d, from + 2 * i), b = hn::LoadU(d, from + 2 * i + kLanes);
      hn::StoreU(hn::ConcatEven(d, b, a), d, to + i);
    }
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
    const int64_t block = kVectors * kLanes;
    phase = (columns.output + block - 1) / block * block + reach + 1;
    pitch = phase * columns.stride;
  }

  int64_t TapOffset(int64_t row_tap, int64_t column_tap) const {
    const int64_t column = column_tap * columns.dilation;
    return row_tap * rows.dilation * pitch + column % columns.stride * phase +
           column / columns.stride;
  }

  // The padding is zero already.
  void Fill(const float* input, float* plane) const {
    for (int64_t row = 0; row < height; ++row) {
      const int64_t from = row - rows.pad_begin;
      if (from < 0 || from >= rows.input) continue;
      const float* in = input + from * columns.input;
      float* out = plane + row * pitch;
      for (int64_t p = 0; p < columns.stride; ++p, out += phase) {
        // Columns p, p + stride, ... of the padded row, as far as they are in the input and read.
        const int64_t s = columns.stride;
        const int64_t first = std::max<int64_t>(0, (columns.pad_begin - p + s - 1) / s);
        const int64_t column = p + first * s - columns.pad_begin;
        const int64_t count = std::min(phase - first, (columns.input - column + s - 1) / s);
        if (count <= 0) continue;
        if (s == 1) {
          std::memcpy(out + first, in + column, count * sizeof(float));
        } else {
          CopyStrided(in + column, s, count, out + first);
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

void Convolve(const DepthwiseConv& conv, int64_t begin, int64_t end, float* scratch) {
  const D d;
  const PaddedPlane plane(conv);
  std::memset(scratch, 0, plane.height * plane.pitch * sizeof(float));
  const int64_t taps = conv.rows.taps * conv.columns.taps;
  std::vector<int64_t> offsets;
  for (int64_t r = 0; r < conv.rows.taps; ++r) {
    for (int64_t c = 0; c < conv.columns.taps; ++c) offsets.push_back(plane.TapOffset(r, c));
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
      plane.Fill(conv.input + input * conv.rows.input * conv.columns.input, scratch);
      filled = input;
    }
    const int64_t kernel = channel % conv.kernels;
    const float* const weights = conv.taps + kernel * taps;
    float* const plane_out = conv.output + channel * conv.rows.output * conv.columns.output;
    const V bias = hn::Set(d, conv.bias == nullptr ? 0.0f : conv.bias[kernel]);
    for (int64_t row = 0; row < conv.rows.output; ++row) {
      const float* const from = scratch + row * conv.rows.stride * plane.pitch;
      const int64_t first = row * conv.columns.output;
      int64_t column = 0;
      for (; column + kVectors * kLanes <= conv.columns.output; column += kVectors * kLanes) {
        V y0 = bias, y1 = bias, y2 = bias, y3 = bias;
        for (int64_t t = 0; t < taps; ++t) {
          const V w = hn::Set(d, weights[t]);
          const float* const x = from + offsets[t] + column;
          y0 = hn::MulAdd(w, hn::LoadU(d, x), y0);
          y1 = hn::MulAdd(w, hn::LoadU(d, x + kLanes), y1);
          y2 = hn::MulAdd(w, hn::LoadU(d, x + 2 * kLanes), y2);
          y3 = hn::MulAdd(w, hn::LoadU(d, x + 3 * kLanes), y3);
        }
        float* const out = plane_out + first + column;
        hn::StoreU(Clip(low, high, y0), d, out);
        hn::StoreU(Clip(low, high, y1), d, out + kLanes);
        hn::StoreU(Clip(low, high, y2), d, out + 2 * kLanes);
        hn::StoreU(Clip(low, high, y3), d, out + 3 * kLanes);
      }
      for (; column < conv.columns.output; column += kLanes) {
        V y = bias;
        for (int64_t t = 0; t < taps; ++t) {
          y = hn::MulAdd(hn::Set(d, weights[t]), hn::LoadU(d, from + offsets[t] + column), y);
        }
        y = Clip(low, high, y);
        float* const out = plane_out + first + column;
        const int64_t count = conv.columns.output - column;
        if (count >= kLanes) {
          hn::StoreU(y, d, out);
        } else {
          alignas(64) float part[kLanes];
          hn::Store(y, d, part);
          for (int64_t i = 0; i < count; ++i) out[i] = part[i];
        }
      }
    }
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
