// The loops of overlap_add.cc, which includes this file once for each instruction set.
#if defined(NOMOGRAPH_CORE_OVERLAP_OVERLAP_ADD_KERNEL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_OVERLAP_OVERLAP_ADD_KERNEL_H_
#undef NOMOGRAPH_CORE_OVERLAP_OVERLAP_ADD_KERNEL_H_
#else
#define NOMOGRAPH_CORE_OVERLAP_OVERLAP_ADD_KERNEL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "hwy/highway.h"
#include "nomograph/core/overlap/overlap_add.h"
#include "nomograph/core/vector/vector_steps.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph {
namespace HWY_NAMESPACE {

// from[k] for the lanes first <= k < last, which alone are read, and zeros.
HWY_INLINE V LoadBetween(const float* from, int64_t first, int64_t last) {
  const D d;
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
  const auto mask = hn::AndNot(hn::FirstN(d, static_cast<size_t>(first)),
                               hn::FirstN(d, static_cast<size_t>(last)));
  return hn::MaskedLoad(mask, d, from);
#else
  alignas(64) float part[kLanes] = {};
  for (int64_t k = first; k < last; ++k) part[k] = from[k];
  return hn::Load(d, part);
#endif
}

// Elements [i, i + kLanes) of line number `line` of all rows; what is behind its end is of no use.
HWY_INLINE V SumLine(const OverlapPlan& plan, int64_t line, const float* blocks, V bias,
                     int64_t i) {
  V y = bias;
  const OverlapPlan::Addend* a = plan.addends.data() + plan.line_begins[line];
  const OverlapPlan::Addend* const end = plan.addends.data() + plan.line_begins[line + 1];
  for (; a != end; ++a) {
    const int64_t first = a->begin - i, last = a->end - i;
    const float* const from = blocks + a->from + i;
    if (first <= 0 && last >= kLanes) {
      y = hn::Add(y, hn::LoadU(D(), from));
    } else if (first < kLanes && last > 0) {
      y = hn::Add(y,
                  LoadBetween(from, std::max<int64_t>(first, 0), std::min<int64_t>(last, kLanes)));
    }
  }
  return y;
}

// Element k of vector f to place k * kStride + f.
template <int64_t kStride>
HWY_INLINE void StoreLines(const V (&y)[kStride], float* to) {
  const D d;
  if constexpr (kStride == 1) hn::StoreU(y[0], d, to);
  if constexpr (kStride == 2) hn::StoreInterleaved2(y[0], y[1], d, to);
  if constexpr (kStride == 3) hn::StoreInterleaved3(y[0], y[1], y[2], d, to);
  if constexpr (kStride == 4) hn::StoreInterleaved4(y[0], y[1], y[2], y[3], d, to);
}

template <int64_t kStride>
void AddRowsBy(const OverlapPlan& plan, const float* blocks, float bias, float* plane) {
  constexpr int64_t kStep = kLanes * kStride;
  const V first = hn::Set(D(), bias);
  for (int64_t r = plan.begin; r < plan.end; ++r) {
    const int64_t line = (r - plan.begin) * kStride;
    for (int64_t i = 0; i < plan.columns; i += kStep) {
      V y[kStride];
#pragma GCC unroll 4
      for (int64_t f = 0; f < kStride; ++f) {
        y[f] = SumLine(plan, line + f, blocks, first, i / kStride);
      }
      // What reaches into the next rows is overwritten by these.
      float* const to = plane + r * plan.columns + i;
      if ((plan.end - r) * plan.columns - i >= kStep) {
        StoreLines<kStride>(y, to);
      } else {
        alignas(64) float rest[kStep];
        StoreLines<kStride>(y, rest);
        std::copy_n(rest, std::min(kStep, plan.columns - i), to);
      }
    }
  }
}

void AddRows(const OverlapPlan& plan, const float* blocks, float bias, float* plane) {
  switch (plan.lines == plan.stride ? plan.stride : 0) {
    case 1:
      return AddRowsBy<1>(plan, blocks, bias, plane);
    case 2:
      return AddRowsBy<2>(plan, blocks, bias, plane);
    case 3:
      return AddRowsBy<3>(plan, blocks, bias, plane);
    case 4:
      return AddRowsBy<4>(plan, blocks, bias, plane);
    default:
      break;
  }
  const int64_t stride = plan.stride, step = kLanes * stride;
  const V first = hn::Set(D(), bias);
  for (int64_t r = plan.begin; r < plan.end; ++r) {
    float* const row = plane + r * plan.columns;
    for (int64_t i = 0; i < plan.columns; i += step) {
      const int64_t count = std::min(step, plan.columns - i);
      for (int64_t f = 0; f < std::min(stride, count); ++f) {
        alignas(64) float line[kLanes];
        hn::Store(SumLine(plan, (r - plan.begin) * plan.lines + f, blocks, first, i / stride), D(),
                  line);
        for (int64_t k = 0; f + k * stride < count; ++k) row[i + f + k * stride] = line[k];
      }
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_CORE_OVERLAP_OVERLAP_ADD_KERNEL_H_
