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

template <typename VV>
HWY_INLINE VV Greater(VV found, VV other) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR
  // There the second operand is the result where one is NaN.
  return hn::IfThenElse(hn::IsNaN(found), found, hn::Max(found, other));
#else
  return hn::IfThenElse(hn::IsNaN(found), found,
                        hn::IfThenElse(hn::IsNaN(other), other, hn::Max(found, other)));
#endif
}

// Calls f(d, i) for vectors d that together are `count` elements, the last of which may overlap the
// one before it. Where there are not enough for one they are shorter.
template <typename F>
HWY_INLINE void ForEachWhole(int64_t count, F f) {
  const auto with = [&](auto d) HWY_ATTR {
    const int64_t lanes = static_cast<int64_t>(hn::MaxLanes(d));
    if (count < lanes) return false;
    for (int64_t i = 0; i < count; i += lanes) f(d, std::min(i, count - lanes));
    return true;
  };
  with(D()) || with(hn::CappedTag<float, 8>()) || with(hn::CappedTag<float, 4>()) ||
      with(hn::CappedTag<float, 1>());
}

// to[i] is the greatest of the elements under each other in `rows` rows, `step` floats apart.
HWY_INLINE void MaxOfRows(const float* from, int64_t rows, int64_t step, int64_t count, float* to) {
  ForEachWhole(count, [&](auto d, int64_t i) HWY_ATTR {
    auto y = hn::LoadU(d, from + i);
    for (int64_t r = 1; r < rows; ++r) y = Greater(y, hn::LoadU(d, from + r * step + i));
    hn::StoreU(y, d, to + i);
  });
}

// Elements from[i * kStride] for the lanes i; strides of 1 and 2.
template <int64_t kStride, typename DD>
HWY_INLINE hn::Vec<DD> LoadStrided(DD d, const float* from) {
#if HWY_TARGET != HWY_SCALAR
  if constexpr (kStride == 2 && hn::MaxLanes(DD()) > 1) {
    return hn::ConcatEven(d, hn::LoadU(d, from + hn::MaxLanes(d)), hn::LoadU(d, from));
  }
#endif
  return hn::LoadU(d, from);
}

// The maxima over the windows on a row with its padding.
template <int64_t kStride>
HWY_INLINE void MaxOfColumnsIn(const WindowSpan& c, const float* row, float* to) {
  ForEachWhole(c.output, [&](auto d, int64_t i) HWY_ATTR {
    auto y = LoadStrided<kStride>(d, row + i * kStride);
    for (int64_t t = 1; t < c.taps; ++t) {
      y = Greater(y, LoadStrided<kStride>(d, row + i * kStride + t * c.dilation));
    }
    hn::StoreU(y, d, to + i);
  });
}
void MaxOfColumns(const WindowSpan& c, const float* row, float* to) {
  if (c.stride == 1) return MaxOfColumnsIn<1>(c, row, to);
  if (c.stride == 2) return MaxOfColumnsIn<2>(c, row, to);
  for (int64_t i = 0; i < c.output; ++i) {
    float y = row[i * c.stride];
    for (int64_t t = 1; t < c.taps; ++t) {
      const float x = row[i * c.stride + t * c.dilation];
      if (x > y || x != x) y = x;
    }
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
