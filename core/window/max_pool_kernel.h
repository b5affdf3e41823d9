// The loops of max_pool.cc, which includes this file once for each instruction set.
#if defined(NOMOGRAPH_CORE_WINDOW_MAX_POOL_KERNEL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_WINDOW_MAX_POOL_KERNEL_H_
#undef NOMOGRAPH_CORE_WINDOW_MAX_POOL_KERNEL_H_
#else
#define NOMOGRAPH_CORE_WINDOW_MAX_POOL_KERNEL_H_
#endif

#include <algorithm>
#include <cstdint>
#include <limits>

#include "hwy/highway.h"
#include "nomograph/core/vector/vector_steps.h"
#include "nomograph/core/window/max_pool.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph {
namespace HWY_NAMESPACE {

HWY_INLINE V Greater(V found, V other) {
  return KeepNan(found, KeepNan(other, hn::Max(found, other)));
}
inline float Greater(float found, float other) {
  return other > found || other != other ? other : found;
}

// Calls f(i) for vectors that together are `count` elements, the last of which may overlap the one
// before it; false, and no call, where there are not enough for one.
template <typename F>
HWY_INLINE bool ForEachWhole(int64_t count, F f) {
  if (count < kLanes) return false;
  for (int64_t i = 0; i < count; i += kLanes) f(std::min(i, count - kLanes));
  return true;
}

// to[i] is the greatest of the elements under each other in `rows` rows, `step` floats apart.
HWY_INLINE void MaxOfRows(const float* from, int64_t rows, int64_t step, int64_t count, float* to) {
  const D d;
  const bool whole = ForEachWhole(count, [&](int64_t i) HWY_ATTR {
    V y = hn::LoadU(d, from + i);
    for (int64_t r = 1; r < rows; ++r) y = Greater(y, hn::LoadU(d, from + r * step + i));
    hn::StoreU(y, d, to + i);
  });
  if (whole) return;
  for (int64_t i = 0; i < count; ++i) {
    float y = from[i];
    for (int64_t r = 1; r < rows; ++r) y = Greater(y, from[r * step + i]);
    to[i] = y;
  }
}

// Elements from[i * stride] for the lanes i; strides of 1 and 2.
HWY_INLINE V LoadStrided(const float* from, int64_t stride) {
  const D d;
  if (stride == 1) return hn::LoadU(d, from);
  V even, odd;
  hn::LoadInterleaved2(d, from, even, odd);
  return even;
}

// The maxima over the windows on a row with its padding.
template <int64_t kStride>
HWY_INLINE bool MaxOfColumnsIn(const WindowSpan& c, const float* row, float* to) {
  return ForEachWhole(c.output, [&](int64_t i) HWY_ATTR {
    V y = LoadStrided(row + i * kStride, kStride);
    for (int64_t t = 1; t < c.taps; ++t) {
      y = Greater(y, LoadStrided(row + i * kStride + t * c.dilation, kStride));
    }
    hn::StoreU(y, D(), to + i);
  });
}
void MaxOfColumns(const WindowSpan& c, const float* row, float* to) {
  if (c.stride == 1 && MaxOfColumnsIn<1>(c, row, to)) return;
  if (c.stride == 2 && MaxOfColumnsIn<2>(c, row, to)) return;
  for (int64_t i = 0; i < c.output; ++i) {
    float y = row[i * c.stride];
    for (int64_t t = 1; t < c.taps; ++t) y = Greater(y, row[i * c.stride + t * c.dilation]);
    to[i] = y;
  }
}

void MaxPlane(const WindowMatrix& window, const float* input, float* output, float* scratch) {
  const WindowSpan &rows = window.rows, &c = window.columns;
  constexpr float kLeast = -std::numeric_limits<float>::infinity();
  std::fill_n(scratch, MaxPoolScratchFloats(window), kLeast);
  for (int64_t r = 0; r < rows.output; ++r, output += c.output) {
    // The window's rows that lie on the plane.
    const int64_t top = r * rows.stride - rows.pad_begin, step = rows.dilation;
    const int64_t first = top >= 0 ? 0 : std::min(rows.taps, (-top + step - 1) / step);
    const int64_t room = rows.input - top;
    const int64_t last = room <= 0 ? 0 : std::min(rows.taps, (room + step - 1) / step);
    if (first >= last) {
      std::fill_n(output, c.output, kLeast);
      continue;
    }
    MaxOfRows(input + (top + first * step) * c.input, last - first, step * c.input, c.input,
              scratch + c.pad_begin);
    MaxOfColumns(c, scratch, output);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_CORE_WINDOW_MAX_POOL_KERNEL_H_
