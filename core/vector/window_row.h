// Rows of a WindowMatrix, for the files that are compiled once for each instruction set and include
// this one each time.
#if defined(NOMOGRAPH_CORE_VECTOR_WINDOW_ROW_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_VECTOR_WINDOW_ROW_H_
#undef NOMOGRAPH_CORE_VECTOR_WINDOW_ROW_H_
#else
#define NOMOGRAPH_CORE_VECTOR_WINDOW_ROW_H_
#endif

#include <algorithm>
#include <cstdint>

#include "hwy/highway.h"
#include "nomograph/core/vector/packed_product.h"
#include "nomograph/core/vector/vector_steps.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph {
namespace HWY_NAMESPACE {

// Elements from[0], from[step], … of a row; as many as there are.
inline void CopyRow(const float* from, int64_t step, int64_t count, float* HWY_RESTRICT to) {
  const D d;
  int64_t i = 0;
  if (step == 1) {
    for (; i + kLanes <= count; i += kLanes) hn::StoreU(hn::LoadU(d, from + i), d, to + i);
#if HWY_TARGET == HWY_AVX3
    if (i < count) {  // loads and stores leave out what is not there
      const auto rest = hn::FirstN(d, static_cast<size_t>(count - i));
      hn::BlendedStore(hn::MaskedLoad(rest, d, from + i), rest, d, to + i);
    }
    return;
#endif
  } else if (step == 2) {
    for (; i + kLanes < count; i += kLanes) {
      V even, odd;
      hn::LoadInterleaved2(d, from + 2 * i, even, odd);
      hn::StoreU(even, d, to + i);
    }
  }
  for (; i < count; ++i) to[i] = from[i * step];
}

// The places [first, first + columns) of one row of the matrix.
inline void WindowRow(const WindowMatrix& w, const float* planes, int64_t row, int64_t first,
                      int64_t columns, float* HWY_RESTRICT to) {
  const int64_t flat_taps = w.rows.taps * w.columns.taps;
  const int64_t tap = row % flat_taps, layer = row / flat_taps % w.depth.taps;
  const float* const plane = planes + row / w.taps() * w.elements();
  const int64_t behind = layer * w.depth.dilation - w.depth.pad_begin;
  const int64_t down = tap / w.columns.taps * w.rows.dilation - w.rows.pad_begin;
  const int64_t right = tap % w.columns.taps * w.columns.dilation - w.columns.pad_begin;
  const int64_t stride = w.columns.stride;
  // The places in a row of places whose element is in the plane.
  const int64_t begin = right >= 0 ? 0 : (-right + stride - 1) / stride;
  const int64_t end = right >= w.columns.input ? 0 : (w.columns.input - 1 - right) / stride + 1;
  int64_t r = first / w.columns.output, c = first % w.columns.output;
  int64_t frame = r / w.rows.output;
  r %= w.rows.output;
  while (columns > 0) {
    const int64_t count = std::min(columns, w.columns.output - c);
    const int64_t at = r * w.rows.stride + down;
    const int64_t from = frame * w.depth.stride + behind;
    const bool inside = at >= 0 && at < w.rows.input && from >= 0 && from < w.depth.input;
    const int64_t low = inside ? std::clamp(begin - c, int64_t{0}, count) : count;
    const int64_t high = std::clamp(end - c, low, count);
    std::fill(to, to + low, 0.0f);
    if (low < high) {
      CopyRow(plane + (from * w.rows.input + at) * w.columns.input + (c + low) * stride + right,
              stride, high - low, to + low);
    }
    std::fill(to + high, to + count, 0.0f);
    to += count;
    columns -= count;
    if (++r == w.rows.output) {
      r = 0;
      ++frame;
    }
    c = 0;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_CORE_VECTOR_WINDOW_ROW_H_
