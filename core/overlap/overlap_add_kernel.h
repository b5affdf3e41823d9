// The loops of overlap_add.cc, which includes this file once for each instruction set.
#if defined(NOMOGRAPH_CORE_OVERLAP_OVERLAP_ADD_KERNEL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_OVERLAP_OVERLAP_ADD_KERNEL_H_
#undef NOMOGRAPH_CORE_OVERLAP_OVERLAP_ADD_KERNEL_H_
#else
#define NOMOGRAPH_CORE_OVERLAP_OVERLAP_ADD_KERNEL_H_
#endif

#include <algorithm>
#include <cstdint>
#include <vector>

#include "hwy/highway.h"
#include "nomograph/core/vector/vector_steps.h"
#include "nomograph/core/overlap/overlap_add.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph {
namespace HWY_NAMESPACE {

// Columns f, f + stride, … of a row: tap `tap` adds to them its places from number max(0, -first)
// on, the first place to the column number `first` of these.
struct ColumnTap {
  int64_t tap, first;
};
// By f.
inline std::vector<std::vector<ColumnTap>> ColumnTaps(const WindowSpan& c) {
  std::vector<std::vector<ColumnTap>> phases(c.stride);
  for (int64_t t = 0; t < c.taps; ++t) {
    const int64_t column = t * c.dilation - c.pad_begin;
    const int64_t phase = (column % c.stride + c.stride) % c.stride;
    phases[phase].push_back({t, (column - phase) / c.stride});
  }
  return phases;
}

// What is added to the elements [begin, end) of a row: from[i] to element i.
struct Addend {
  const float* from;
  int64_t begin, end;
};

// to[i], i < count, is the sum of `bias` and of the addends that reach it.
inline void SumAddends(const std::vector<Addend>& addends, float bias, int64_t count, float* to) {
  // Elements that all of them reach, and those before and behind, which are few.
  int64_t begin = 0, end = count;
  for (const Addend& a : addends) {
    begin = std::max(begin, a.begin);
    end = std::min(end, a.end);
  }
  if (end <= begin) begin = end = count;
  const auto sum_each = [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      float y = bias;
      for (const Addend& a : addends) {
        if (i >= a.begin && i < a.end) y += a.from[i];
      }
      to[i] = y;
    }
  };
  sum_each(0, begin);
  sum_each(end, count);
  const int64_t inner = end - begin;
  const auto with = [&](auto d) HWY_ATTR {
    const int64_t lanes = static_cast<int64_t>(hn::MaxLanes(d));
    if (inner < lanes) return false;
    for (int64_t i = 0; i < inner; i += lanes) {
      const int64_t at = begin + std::min(i, inner - lanes);  // the last may overlap the one before
      auto y = hn::Set(d, bias);
      for (const Addend& a : addends) y = hn::Add(y, hn::LoadU(d, a.from + at));
      hn::StoreU(y, d, to + at);
    }
    return true;
  };
  if (inner > 0) with(D()) || with(hn::CappedTag<float, 4>()) || with(hn::CappedTag<float, 1>());
}

// to[i * kStride + f] = phases[f * step + i] for all of `count` elements.
template <int64_t kStride>
void Interleave(const float* phases, int64_t step, int64_t count, float* to) {
  const D d;
  int64_t i = 0;
  for (; (i + kLanes) * kStride <= count; i += kLanes) {
    const auto phase = [&](int64_t f) HWY_ATTR { return hn::LoadU(d, phases + f * step + i); };
    if constexpr (kStride == 2) {
      hn::StoreInterleaved2(phase(0), phase(1), d, to + i * kStride);
    } else if constexpr (kStride == 3) {
      hn::StoreInterleaved3(phase(0), phase(1), phase(2), d, to + i * kStride);
    } else {
      hn::StoreInterleaved4(phase(0), phase(1), phase(2), phase(3), d, to + i * kStride);
    }
  }
  for (int64_t j = i * kStride; j < count; ++j) {
    to[j] = phases[j % kStride * step + j / kStride];
  }
}
void InterleaveAny(const float* phases, int64_t step, int64_t stride, int64_t count, float* to) {
  if (stride == 2) return Interleave<2>(phases, step, count, to);
  if (stride == 3) return Interleave<3>(phases, step, count, to);
  if (stride == 4) return Interleave<4>(phases, step, count, to);
  for (int64_t f = 0; f < stride; ++f) {
    for (int64_t j = f, i = 0; j < count; j += stride, ++i) to[j] = phases[f * step + i];
  }
}

void AddRows(const OverlapAdd& add, int64_t begin, int64_t end, float* scratch) {
  const WindowSpan &rows = add.window.rows, &c = add.window.columns;
  const std::vector<std::vector<ColumnTap>> phases = ColumnTaps(c);
  const int64_t phase_step = (c.input + c.stride - 1) / c.stride;
  std::vector<Addend> addends;
  for (int64_t r = begin; r < end; ++r) {
    float* const row = add.plane + r * c.input;
    for (int64_t f = 0; f < std::min(c.stride, c.input); ++f) {
      const int64_t count = (c.input - f + c.stride - 1) / c.stride;
      addends.clear();
      for (int64_t t = 0; t < rows.taps; ++t) {
        const int64_t from_place = r + rows.pad_begin - t * rows.dilation;
        const int64_t place = from_place / rows.stride;
        if (from_place < 0 || from_place % rows.stride != 0 || place >= rows.output) continue;
        for (const ColumnTap& tap : phases[f]) {
          const float* const part = add.parts + (t * c.taps + tap.tap) * add.tap_step +
                                    (place - add.first_place) * c.output;
          const int64_t first = std::max<int64_t>(0, tap.first);
          const int64_t last = std::min(count, tap.first + c.output);
          if (first < last) addends.push_back({part - tap.first, first, last});
        }
      }
      SumAddends(addends, add.bias, count, c.stride == 1 ? row : scratch + f * phase_step);
    }
    if (c.stride > 1) InterleaveAny(scratch, phase_step, c.stride, c.input, row);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_CORE_OVERLAP_OVERLAP_ADD_KERNEL_H_
