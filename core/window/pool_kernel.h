// The loops of pool.cc, which includes this file once for each instruction set.
#if defined(NOMOGRAPH_CORE_WINDOW_POOL_KERNEL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_WINDOW_POOL_KERNEL_H_
#undef NOMOGRAPH_CORE_WINDOW_POOL_KERNEL_H_
#else
#define NOMOGRAPH_CORE_WINDOW_POOL_KERNEL_H_
#endif

#include <algorithm>
#include <cstdint>
#include <limits>

#include "hwy/highway.h"
#include "nomograph/core/vector/vector_steps.h"
#include "nomograph/core/window/pool.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph {
namespace HWY_NAMESPACE {

// What becomes of the elements of windows, a vector of them at a time, and what padding is.
struct Greatest {
  static constexpr float kPadding = -std::numeric_limits<float>::infinity();

  template <typename DD>
  class Of {
   public:
    HWY_INLINE explicit Of(hn::Vec<DD> x) : greatest_(x) {}
    HWY_INLINE void Add(hn::Vec<DD> x) {
#if !HWY_ARCH_X86 || HWY_TARGET == HWY_SCALAR  // elsewhere the second one is that of two with NaN
      greatest_ = hn::IfThenElse(hn::IsNaN(x), x, greatest_);
#endif
      greatest_ = hn::IfThenElse(hn::IsNaN(greatest_), greatest_, hn::Max(greatest_, x));
    }
    HWY_INLINE hn::Vec<DD> Result() const { return greatest_; }

   private:
    hn::Vec<DD> greatest_;
  };
};
struct Sum {
  static constexpr float kPadding = 0;

  template <typename DD>
  class Of {
   public:
    HWY_INLINE explicit Of(hn::Vec<DD> x) : sum_(x) {}
    HWY_INLINE void Add(hn::Vec<DD> x) { sum_ = hn::Add(sum_, x); }
    HWY_INLINE hn::Vec<DD> Result() const { return sum_; }

   private:
    hn::Vec<DD> sum_;
  };
};

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

// Elements of the input under a window along one axis: from `first` on, `count` of them.
struct Covered {
  int64_t first, count;

  Covered(const WindowSpan& axis, int64_t place) {
    const int64_t at = place * axis.stride - axis.pad_begin, step = axis.dilation;
    const int64_t before = at >= 0 ? 0 : std::min(axis.taps, (-at + step - 1) / step);
    const int64_t room = axis.input - at;
    const int64_t end = room <= 0 ? 0 : std::min(axis.taps, (room + step - 1) / step);
    first = at + before * step;
    count = end - before;
  }
};

// The rows under a window.
struct CoveredRows {
  const float* from;
  int64_t planes, plane_step, rows, row_step;
};

// to[i] is of the elements under each other in all rows.
template <typename Kind>
HWY_INLINE void JoinRows(const CoveredRows& r, int64_t count, float* to) {
  ForEachWhole(count, [&](auto d, int64_t i) HWY_ATTR {
    const float* from = r.from + i;
    typename Kind::template Of<decltype(d)> y(hn::LoadU(d, from));
    for (int64_t k = 1; k < r.rows; ++k) y.Add(hn::LoadU(d, from + k * r.row_step));
    for (int64_t p = 1; p < r.planes; ++p) {
      from += r.plane_step;
      for (int64_t k = 0; k < r.rows; ++k) y.Add(hn::LoadU(d, from + k * r.row_step));
    }
    hn::StoreU(y.Result(), d, to + i);
  });
}

// What is under the windows from place i on, a vector of them, on a row with its padding, which
// does not end before all that is loaded. kStride taps of neighbours are loaded together; 0: each
// tap is loaded alone.
template <typename Kind, int64_t kStride, typename DD>
HWY_INLINE hn::Vec<DD> JoinTaps(DD d, const WindowSpan& c, const float* row, int64_t i) {
  using Joined = typename Kind::template Of<DD>;
  const float* from = row + i * c.stride;
#if HWY_TARGET != HWY_SCALAR
  if constexpr (kStride > 1 && hn::MaxLanes(DD()) > 1) {
    hn::Vec<DD> taps[kStride];
    const auto load = [&](const float* at) HWY_ATTR {
      if constexpr (kStride == 2) hn::LoadInterleaved2(d, at, taps[0], taps[1]);
      if constexpr (kStride == 3) hn::LoadInterleaved3(d, at, taps[0], taps[1], taps[2]);
      if constexpr (kStride == 4) hn::LoadInterleaved4(d, at, taps[0], taps[1], taps[2], taps[3]);
    };
    load(from);
    Joined y(taps[0]);
#pragma GCC unroll 4
    for (int64_t k = 1; k < kStride; ++k) {
      if (k < c.taps) y.Add(taps[k]);
    }
    for (int64_t t = kStride; t < c.taps; t += kStride) {
      load(from + t);
#pragma GCC unroll 4
      for (int64_t k = 0; k < kStride; ++k) {
        if (t + k < c.taps) y.Add(taps[k]);
      }
    }
    return y.Result();
  }
#endif
  const auto joined = [&](auto load) HWY_ATTR {
    Joined y(load(from));
    for (int64_t t = 1; t < c.taps; ++t) y.Add(load(from + t * c.dilation));
    return y.Result();
  };
  if (kStride == 1 || hn::MaxLanes(DD()) == 1) {
    return joined([&](const float* at) HWY_ATTR { return hn::LoadU(d, at); });
  }
  const hn::RebindToSigned<DD> di;
  const auto places = hn::Mul(hn::Iota(di, 0), hn::Set(di, static_cast<int32_t>(c.stride)));
  return joined([&](const float* at) HWY_ATTR { return hn::GatherIndex(d, at, places); });
}

template <typename Kind, int64_t kStride, typename Finish>
HWY_INLINE void JoinColumnsBy(Finish finish, const WindowSpan& c, const float* row, float* to) {
  ForEachWhole(c.output, [&](auto d, int64_t i) HWY_ATTR {
    hn::StoreU(finish(d, JoinTaps<Kind, kStride>(d, c, row, i), i), d, to + i);
  });
}
template <typename Kind, typename Finish>
HWY_INLINE void JoinColumns(Finish finish, const WindowSpan& c, const float* row, float* to) {
  const bool dense = c.dilation == 1;
  if (c.stride == 1) return JoinColumnsBy<Kind, 1>(finish, c, row, to);
  if (c.stride == 2 && dense) return JoinColumnsBy<Kind, 2>(finish, c, row, to);
  if (c.stride == 3 && dense) return JoinColumnsBy<Kind, 3>(finish, c, row, to);
  if (c.stride == 4 && dense) return JoinColumnsBy<Kind, 4>(finish, c, row, to);
  JoinColumnsBy<Kind, 0>(finish, c, row, to);
}

// What stands on both sides of a row.
template <typename T>
HWY_INLINE void FillPadding(const WindowMatrix& window, T padding, T* row) {
  const int64_t end = window.columns.pad_begin + window.columns.input;
  std::fill_n(row, window.columns.pad_begin, padding);
  std::fill_n(row + end, PoolRowFloats(window) - end, padding);
}

// All rows of the output. finish(z, r) yields what completes those of place z of the depth and r of
// the rows.
template <typename Kind, typename Finish>
HWY_INLINE void PoolPlanes(Finish finish, const WindowMatrix& window, const float* input,
                           float* output, float* scratch) {
  const WindowSpan &depth = window.depth, &rows = window.rows, &c = window.columns;
  const int64_t plane = rows.input * c.input, row_floats = PoolRowFloats(window);
  for (int64_t k = 0; k < kPoolRows; ++k) {
    FillPadding(window, Kind::kPadding, scratch + k * row_floats);
  }
  for (int64_t z = 0; z < depth.output; ++z) {
    const Covered planes(depth, z);
    for (int64_t r = 0; r < rows.output; r += kPoolRows) {
      const int64_t count = std::min(kPoolRows, rows.output - r);
      bool meets[kPoolRows];
      for (int64_t k = 0; k < count; ++k) {
        const Covered under(rows, r + k);
        meets[k] = planes.count > 0 && under.count > 0;
        if (!meets[k]) continue;
        JoinRows<Kind>({.from = input + planes.first * plane + under.first * c.input,
                        .planes = planes.count,
                        .plane_step = depth.dilation * plane,
                        .rows = under.count,
                        .row_step = rows.dilation * c.input},
                       c.input, scratch + k * row_floats + c.pad_begin);
      }
      for (int64_t k = 0; k < count; ++k, output += c.output) {
        if (meets[k]) {
          JoinColumns<Kind>(finish(z, r + k), c, scratch + k * row_floats, output);
        } else {
          std::fill_n(output, c.output, Kind::kPadding);
        }
      }
    }
  }
}

void MaxPlanes(const WindowMatrix& window, const float* input, float* output, float* scratch) {
  const auto as_it_is = [](auto, auto y, int64_t) HWY_ATTR { return y; };
  const auto finish = [&](int64_t, int64_t) HWY_ATTR { return as_it_is; };
  PoolPlanes<Greatest>(finish, window, input, output, scratch);
}

// Elements and their places, of which the greater ones are kept, and the first of equals. Padding
// has a place behind all others.
constexpr int32_t kNoPlace = std::numeric_limits<int32_t>::max();
template <typename DD>
struct Found {
  using DI = hn::RebindToSigned<DD>;
  hn::Vec<DD> value;
  hn::Vec<DI> place;

  HWY_INLINE void Join(DD d, hn::Vec<DD> other, hn::Vec<DI> other_place) {
    const auto is_nan = hn::IsNaN(value), other_is_nan = hn::IsNaN(other);
    const auto greater = hn::AndNot(is_nan, hn::Or(hn::Gt(other, value), other_is_nan));
    const auto equal = hn::Or(hn::Eq(other, value), hn::And(is_nan, other_is_nan));
    const auto sooner = hn::RebindMask(d, hn::Lt(other_place, place));
    const auto taken = hn::Or(greater, hn::And(equal, sooner));
    value = hn::IfThenElse(taken, other, value);
    place = hn::IfThenElse(hn::RebindMask(DI(), taken), other_place, place);
  }
};

// Elements from[i * stride] for the lanes i.
template <typename DD>
HWY_INLINE hn::Vec<DD> LoadEach(DD d, const hn::TFromD<DD>* from, int64_t stride) {
  if (stride == 1 || hn::MaxLanes(d) == 1) return hn::LoadU(d, from);
#if HWY_TARGET != HWY_SCALAR
  if (stride == 2) {
    hn::Vec<DD> even, odd;
    hn::LoadInterleaved2(d, from, even, odd);
    return even;
  }
#endif
  const hn::RebindToSigned<DD> di;
  const auto places = hn::Mul(hn::Iota(di, 0), hn::Set(di, static_cast<int32_t>(stride)));
  return hn::GatherIndex(d, from, places);
}

void MaxPlanesWithIndices(const WindowMatrix& window, const float* input, int64_t first,
                          float* output, int64_t* indices, float* scratch) {
  const WindowSpan &depth = window.depth, &rows = window.rows, &c = window.columns;
  const int64_t plane = rows.input * c.input;
  int32_t* const places = reinterpret_cast<int32_t*>(scratch + PoolRowFloats(window));
  FillPadding(window, Greatest::kPadding, scratch);
  FillPadding(window, kNoPlace, places);
  for (int64_t z = 0; z < depth.output; ++z) {
    const Covered planes(depth, z);
    for (int64_t r = 0; r < rows.output; ++r, output += c.output, indices += c.output) {
      const Covered under(rows, r);
      if (planes.count <= 0 || under.count <= 0) {
        std::fill_n(output, c.output, Greatest::kPadding);
        std::fill_n(indices, c.output, -1);
        continue;
      }
      ForEachWhole(c.input, [&](auto d, int64_t i) HWY_ATTR {
        const hn::RebindToSigned<decltype(d)> di;
        Found<decltype(d)> y = {hn::Set(d, Greatest::kPadding), hn::Set(di, kNoPlace)};
        for (int64_t p = 0; p < planes.count; ++p) {
          for (int64_t k = 0; k < under.count; ++k) {
            const int64_t at = (planes.first + p * depth.dilation) * plane +
                               (under.first + k * rows.dilation) * c.input + i;
            y.Join(d, hn::LoadU(d, input + at), hn::Iota(di, static_cast<int32_t>(at)));
          }
        }
        hn::StoreU(y.value, d, scratch + c.pad_begin + i);
        hn::StoreU(y.place, di, places + c.pad_begin + i);
      });
      ForEachWhole(c.output, [&](auto d, int64_t i) HWY_ATTR {
        const hn::RebindToSigned<decltype(d)> di;
        const int64_t at = i * c.stride;
        Found<decltype(d)> y = {LoadEach(d, scratch + at, c.stride),
                                LoadEach(di, places + at, c.stride)};
        for (int64_t t = 1; t < c.taps; ++t) {
          const int64_t tap = at + t * c.dilation;
          y.Join(d, LoadEach(d, scratch + tap, c.stride), LoadEach(di, places + tap, c.stride));
        }
        hn::StoreU(y.value, d, output + i);
        alignas(64) int32_t found[hn::MaxLanes(d)];
        hn::Store(y.place, di, found);
        for (int64_t k = 0; k < static_cast<int64_t>(hn::MaxLanes(d)); ++k) {
          indices[i + k] = found[k] == kNoPlace ? -1 : first + found[k];
        }
      });
    }
  }
}

void MeanPlanes(const WindowMatrix& window, const PoolCounts& counts, const float* input,
                float* output, float* scratch) {
  const auto divided = [&](int64_t z, int64_t r) HWY_ATTR {
    const float count = counts.depth[z] * counts.rows[r];
    return [&counts, count](auto d, auto sum, int64_t i) HWY_ATTR {
      const auto all = hn::Mul(hn::Set(d, count), hn::LoadU(d, counts.columns + i));
      return hn::Div(sum, hn::Max(all, hn::Set(d, 1.0f)));
    };
  };
  PoolPlanes<Sum>(divided, window, input, output, scratch);
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_CORE_WINDOW_POOL_KERNEL_H_
