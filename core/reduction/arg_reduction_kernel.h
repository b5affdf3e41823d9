// The loops of arg_reduction.cc, which includes this file once for each instruction set.
#if defined(NOMOGRAPH_CORE_REDUCTION_ARG_REDUCTION_KERNEL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_REDUCTION_ARG_REDUCTION_KERNEL_H_
#undef NOMOGRAPH_CORE_REDUCTION_ARG_REDUCTION_KERNEL_H_
#else
#define NOMOGRAPH_CORE_REDUCTION_ARG_REDUCTION_KERNEL_H_
#endif

#include <algorithm>
#include <cstdint>
#include <limits>

#include "hwy/highway.h"
#include "nomograph/core/reduction/arg_reduction.h"
#include "nomograph/core/vector/vector_steps.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph {
namespace HWY_NAMESPACE {

using Places = hn::RebindToSigned<D>;

// The mask's lanes from the place `first` on, of a row: the place of the first or the last of them.
template <bool kLast>
HWY_INLINE int64_t PlaceIn(hn::Mask<D> mask, int64_t first) {
  const D d;
  if (!kLast) return first + hn::FindFirstTrue(d, mask);
  alignas(64) float lanes[kLanes];
  hn::Store(hn::IfThenElseZero(mask, hn::Set(d, 1.0f)), d, lanes);
  int64_t lane = kLanes - 1;
  while (lanes[lane] == 0) --lane;
  return first + lane;
}

// The first place at which chosen(x) holds for the elements, of which there is one, or the last.
template <bool kLast, typename Chosen>
HWY_INLINE int64_t Find(const float* x, int64_t count, Chosen chosen) {
  const D d;
  const int64_t whole = count / kLanes * kLanes;
  const auto at = [&](int64_t i) HWY_ATTR { return chosen(hn::LoadU(d, x + i)); };
  const auto rest = [&]() HWY_ATTR {
    return hn::And(chosen(LoadFirst(x + whole, count - whole)),
                   hn::FirstN(d, static_cast<size_t>(count - whole)));
  };
  if (kLast) {
    if (whole < count) {
      const auto mask = rest();
      if (!hn::AllFalse(d, mask)) return PlaceIn<kLast>(mask, whole);
    }
    for (int64_t i = whole - kLanes; i > 0; i -= kLanes) {
      const auto mask = at(i);
      if (!hn::AllFalse(d, mask)) return PlaceIn<kLast>(mask, i);
    }
    return PlaceIn<kLast>(at(0), 0);
  }
  for (int64_t i = 0; i < whole; i += kLanes) {
    const auto mask = at(i);
    if (!hn::AllFalse(d, mask)) return PlaceIn<kLast>(mask, i);
  }
  return PlaceIn<kLast>(rest(), whole);
}

// The element is found first, and then its place.
template <bool kGreatest, bool kLast>
HWY_INLINE int64_t PlaceInRow(const float* x, int64_t count) {
  const D d;
  constexpr int64_t kChosen = 4;  // none waits for the one before it
  const float infinity = std::numeric_limits<float>::infinity();
  const auto better = [](V a, V b) HWY_ATTR { return kGreatest ? hn::Max(a, b) : hn::Min(a, b); };
  V chosen[kChosen];
  hn::Mask<D> nan = hn::FirstN(d, 0);
  for (V& one : chosen) one = hn::Set(d, kGreatest ? -infinity : infinity);
  const auto add = [&](int64_t k, V v) HWY_ATTR {
    chosen[k] = better(chosen[k], v);
    nan = hn::Or(nan, hn::IsNaN(v));
  };
  int64_t i = 0;
  for (; i + kChosen * kLanes <= count; i += kChosen * kLanes) {
#pragma GCC unroll 4
    for (int64_t k = 0; k < kChosen; ++k) add(k, hn::LoadU(d, x + i + k * kLanes));
  }
  for (; i + kLanes <= count; i += kLanes) add(0, hn::LoadU(d, x + i));
  if (i < count) {
    const auto there = hn::FirstN(d, static_cast<size_t>(count - i));
    add(1, hn::IfThenElse(there, LoadFirst(x + i, count - i), chosen[1]));
  }
  if (!hn::AllFalse(d, nan)) {
    return Find<kLast>(x, count, [](V v) HWY_ATTR { return hn::IsNaN(v); });
  }
  const V one = better(better(chosen[0], chosen[1]), better(chosen[2], chosen[3]));
  const V all =
      hn::Set(d, hn::GetLane(kGreatest ? hn::MaxOfLanes(d, one) : hn::MinOfLanes(d, one)));
  return Find<kLast>(x, count, [all](V v) HWY_ATTR { return hn::Eq(v, all); });
}

// Of kVectors vectors of columns, or of the one of which `there` elements are there.
template <bool kGreatest, bool kLast, int64_t kVectors>
HWY_INLINE void PlacesInSomeColumns(const float* x, int64_t rows, int64_t stride, int64_t there,
                                    int64_t* y) {
  const D d;
  const Places di;
  const auto load = [&](const float* from) HWY_ATTR {
    return kVectors > 1 || there == kLanes ? hn::LoadU(d, from) : LoadFirst(from, there);
  };
  const auto ahead = [](V a, V b) HWY_ATTR { return kGreatest ? hn::Gt(a, b) : hn::Lt(a, b); };
  V chosen[kVectors];
  hn::Vec<Places> places[kVectors];
#pragma GCC unroll 4
  for (int64_t v = 0; v < kVectors; ++v) {
    chosen[v] = load(x + v * kLanes);
    places[v] = hn::Zero(di);
  }
  for (int64_t r = 1; r < rows; ++r) {
    const auto place = hn::Set(di, static_cast<int32_t>(r));
#pragma GCC unroll 4
    for (int64_t v = 0; v < kVectors; ++v) {
      const V next = load(x + r * stride + v * kLanes), now = chosen[v];
      const auto next_nan = hn::IsNaN(next), now_nan = hn::IsNaN(now);
      const auto takes = kLast ? hn::Not(hn::Or(ahead(now, next), hn::AndNot(next_nan, now_nan)))
                               : hn::Or(ahead(next, now), hn::AndNot(now_nan, next_nan));
      chosen[v] = hn::IfThenElse(takes, next, now);
      places[v] = hn::IfThenElse(hn::RebindMask(di, takes), place, places[v]);
    }
  }
  alignas(64) int32_t lanes[kVectors * kLanes];
#pragma GCC unroll 4
  for (int64_t v = 0; v < kVectors; ++v) hn::Store(places[v], di, lanes + v * kLanes);
  const int64_t count = (kVectors - 1) * kLanes + there;
  for (int64_t k = 0; k < count; ++k) y[k] = lanes[k];
}

template <bool kGreatest, bool kLast>
void PlacesOf(const ArgReduction& r, const float* x, int64_t* y, int64_t begin, int64_t end) {
  if (r.inner == 1) {
    for (int64_t i = begin; i < end; ++i) {
      *y++ = PlaceInRow<kGreatest, kLast>(x + i * r.count, r.count);
    }
    return;
  }
  constexpr int64_t kVectors = 4;
  while (begin < end) {
    const int64_t first = begin % r.inner, left = std::min(r.inner - first, end - begin);
    const float* const from = x + begin / r.inner * r.count * r.inner + first;
    int64_t count = kVectors * kLanes;
    if (left >= count) {
      PlacesInSomeColumns<kGreatest, kLast, kVectors>(from, r.count, r.inner, kLanes, y);
    } else {
      count = std::min(kLanes, left);
      PlacesInSomeColumns<kGreatest, kLast, 1>(from, r.count, r.inner, count, y);
    }
    begin += count;
    y += count;
  }
}

inline void ArgReduceElements(const ArgReduction& r, const float* x, int64_t* y, int64_t begin,
                              int64_t end) {
  if (r.greatest) {
    return r.last ? PlacesOf<true, true>(r, x, y, begin, end)
                  : PlacesOf<true, false>(r, x, y, begin, end);
  }
  return r.last ? PlacesOf<false, true>(r, x, y, begin, end)
                : PlacesOf<false, false>(r, x, y, begin, end);
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_CORE_REDUCTION_ARG_REDUCTION_KERNEL_H_
