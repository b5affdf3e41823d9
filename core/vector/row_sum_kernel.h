// The loops of row_sum.cc, which includes this file once for each instruction set.
#if defined(NOMOGRAPH_CORE_VECTOR_ROW_SUM_KERNEL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_VECTOR_ROW_SUM_KERNEL_H_
#undef NOMOGRAPH_CORE_VECTOR_ROW_SUM_KERNEL_H_
#else
#define NOMOGRAPH_CORE_VECTOR_ROW_SUM_KERNEL_H_
#endif

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "hwy/highway.h"
#include "nomograph/core/vector/row_sum.h"
#include "nomograph/core/vector/vector_steps.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph {
namespace HWY_NAMESPACE {

inline double SumElements(const float* row, int64_t count) {
  const hn::CappedTag<double, 8> d;
  const hn::Rebind<float, hn::CappedTag<double, 8>> d32;
  constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(d)), kSums = 4;
  // None waits for the one before it.
  hn::Vec<decltype(d)> sums[kSums];
  for (auto& sum : sums) sum = hn::Zero(d);
  const auto add = [&](int64_t k, int64_t i) HWY_ATTR {
    sums[k] = hn::Add(sums[k], hn::PromoteTo(d, hn::LoadU(d32, row + i)));
  };
  int64_t i = 0;
  for (; i + kSums * kLanes <= count; i += kSums * kLanes) {
#pragma GCC unroll 4
    for (int64_t k = 0; k < kSums; ++k) add(k, i + k * kLanes);
  }
  for (; i + kLanes <= count; i += kLanes) add(0, i);
  double sum =
      hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(sums[0], sums[1]), hn::Add(sums[2], sums[3]))));
  for (; i < count; ++i) sum += row[i];
  return sum;
}

inline RowMoments Moments(const float* row, int64_t count) {
  const hn::CappedTag<double, 8> d;
  const hn::Rebind<float, hn::CappedTag<double, 8>> d32;
  constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(d)), kSums = 4;
  hn::Vec<decltype(d)> sums[kSums], squares[kSums];
  for (auto& sum : sums) sum = hn::Zero(d);
  for (auto& square : squares) square = hn::Zero(d);
  const auto add = [&](int64_t k, int64_t i) HWY_ATTR {
    const auto x = hn::PromoteTo(d, hn::LoadU(d32, row + i));
    sums[k] = hn::Add(sums[k], x);
    squares[k] = hn::MulAdd(x, x, squares[k]);
  };
  int64_t i = 0;
  for (; i + kSums * kLanes <= count; i += kSums * kLanes) {
#pragma GCC unroll 4
    for (int64_t k = 0; k < kSums; ++k) add(k, i + k * kLanes);
  }
  for (; i + kLanes <= count; i += kLanes) add(0, i);
  const auto total = [&](const auto& of) HWY_ATTR {
    return hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(of[0], of[1]), hn::Add(of[2], of[3]))));
  };
  RowMoments moments{total(sums), total(squares)};
  for (; i < count; ++i) {
    moments.sum += row[i];
    moments.squares += double{row[i]} * row[i];
  }
  return moments;
}

inline void Normalize(const float* x, float center, float factor, float offset, float* y,
                      int64_t count) {
  const D d;
  const V c = hn::Set(d, center), f = hn::Set(d, factor), o = hn::Set(d, offset);
  ForEachVector(count, x, y, [=](V v) HWY_ATTR { return hn::MulAdd(hn::Sub(v, c), f, o); });
}

inline void SumRows(const float* const* rows, int num_rows, double factor, float* y,
                    int64_t count) {
  const hn::CappedTag<double, 8> d;
  const hn::Rebind<float, hn::CappedTag<double, 8>> d32;
  constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(d)), kSums = 4;
  const auto f = hn::Set(d, factor);
  const auto load = [&](int k, int64_t i)
                        HWY_ATTR { return hn::PromoteTo(d, hn::LoadU(d32, rows[k] + i)); };
  int64_t i = 0;
  for (; i + kSums * kLanes <= count; i += kSums * kLanes) {
    hn::Vec<decltype(d)> sums[kSums];
#pragma GCC unroll 4
    for (int64_t s = 0; s < kSums; ++s) sums[s] = load(0, i + s * kLanes);
    for (int k = 1; k < num_rows; ++k) {
#pragma GCC unroll 4
      for (int64_t s = 0; s < kSums; ++s) sums[s] = hn::Add(sums[s], load(k, i + s * kLanes));
    }
#pragma GCC unroll 4
    for (int64_t s = 0; s < kSums; ++s) {
      hn::StoreU(hn::DemoteTo(d32, hn::Mul(sums[s], f)), d32, y + i + s * kLanes);
    }
  }
  for (; i < count; ++i) {
    double sum = rows[0][i];
    for (int k = 1; k < num_rows; ++k) sum += rows[k][i];
    y[i] = static_cast<float>(sum * factor);
  }
}

#if HWY_TARGET == HWY_AVX3
// e^x of any x, off by two units in the last place: 2^(i / 16), one of sixteen numbers, times
// 2^floor(n / 16) and a power so near to 1 that few terms suffice.
HWY_INLINE V ExpOfAny(V x) {
  const D d;
  const auto set = [d](float value) HWY_ATTR { return hn::Set(d, value); };
  alignas(64) static constexpr float kRoots[] = {
      1.0f,        1.04427378f, 1.09050773f, 1.13878863f, 1.18920712f, 1.24185781f,
      1.29683955f, 1.35425555f, 1.41421356f, 1.47682615f, 1.54221083f, 1.61049033f,
      1.68179283f, 1.75625216f, 1.83400809f, 1.91520656f};
  const V magic = set(786432.0f);  // 1.5 * 2^19: of a sum with it multiples of 1 / 16 are left
  x = Clip(set(-104.0f), set(89.0f), x);
  const V n = hn::MulAdd(x, set(1.44269504f), magic), p = hn::Sub(n, magic);
  const V r = hn::MulAdd(p, set(1.90465430e-9f), hn::NegMulAdd(p, set(0.693147182f), x));  // ln 2
  V less_one = hn::MulAdd(hn::MulAdd(r, set(1.0f / 6), set(0.5f)), hn::Mul(r, r), r);
  const V roots = hn::Load(d, kRoots);
  const V root{_mm512_permutexvar_ps(_mm512_castps_si512(n.raw), roots.raw)};
  return V{_mm512_scalef_ps(hn::MulAdd(root, less_one, root).raw, p.raw)};
}
#else
// e^x of any x, off by two units in the last place where it is no subnormal number.
HWY_INLINE V ExpOfAny(V x) {
  const D d;
  const hn::RebindToSigned<D> di;
  const auto set = [d](float value) HWY_ATTR { return hn::Set(d, value); };
  x = Clip(set(-104.0f), set(89.0f), x);
  const auto exponent = hn::NearestInt(hn::Mul(x, set(1.44269504f)));
  const V n = hn::ConvertTo(d, exponent);
  const V r = hn::MulAdd(n, set(2.12194440e-4f), hn::MulAdd(n, set(-0.693359375f), x));
  V p = hn::MulAdd(set(1.9875691500e-4f), r, set(1.3981999507e-3f));  // that of ExpParts()
  p = hn::MulAdd(p, r, set(8.3334519073e-3f));
  p = hn::MulAdd(p, r, set(4.1665795894e-2f));
  p = hn::MulAdd(p, r, set(1.6666665459e-1f));
  p = hn::MulAdd(p, r, set(5.0000001201e-1f));
  const V y = hn::Add(hn::MulAdd(p, hn::Mul(r, r), r), set(1.0f));
  // 2^n is not always a normal number, but two halves of it are.
  const auto half = hn::ShiftRight<1>(exponent);
  const auto power = [&](auto of) HWY_ATTR {
    return hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(of, hn::Set(di, 127))));
  };
  return hn::Mul(hn::Mul(y, power(half)), power(hn::Sub(exponent, half)));
}
#endif

// The same for x up to 0; it may be 0 where that is a subnormal number.
HWY_INLINE V ExpOfNegative(V x) {
#if HWY_TARGET == HWY_AVX3
  return ExpOfAny(x);
#else
  const D d;
  // From -87.7 on the power of 2 that Exp() makes is 0.
  return Exp(d, Clip(hn::Set(d, -88.0f), hn::Zero(d), x));
#endif
}

inline void ExpElements(const float* x, float* y, int64_t count) {
  ForEachVector(count, x, y, [](V v) HWY_ATTR { return ExpOfAny(v); });
}
inline void ErfElements(const float* x, float* y, int64_t count) {
  ForEachVector(count, x, y, [](V v) HWY_ATTR { return Erf(D(), v); });
}

// f(vector, where it begins, how many of its elements are there); the others are 0.
template <typename F>
HWY_INLINE void EachPart(const float* x, int64_t count, F f) {
  const D d;
  int64_t i = 0;
#pragma GCC unroll 4
  for (; i + kLanes <= count; i += kLanes) f(hn::LoadU(d, x + i), i, kLanes);
  if (i < count) f(LoadFirst(x + i, count - i), i, count - i);
}
HWY_INLINE void StorePart(V v, int64_t count, float* to) {
  if (count == kLanes) {
    hn::StoreU(v, D(), to);
  } else {
    StoreFirst(v, count, to);
  }
}
// v where elements are there, and `other` where they are not.
HWY_INLINE V There(V v, int64_t count, float other) {
  const D d;
  return count == kLanes
             ? v
             : hn::IfThenElse(hn::FirstN(d, static_cast<size_t>(count)), v, hn::Set(d, other));
}

// The greatest element, or any if one is NaN: that comes through the sum.
HWY_INLINE float Greatest(const float* x, int64_t count) {
  const D d;
  constexpr float kLow = -std::numeric_limits<float>::infinity();
  constexpr int64_t kParts = 4;  // none waits for the one before it
  V greatest[kParts];
  for (V& one : greatest) one = hn::Set(d, kLow);
  const int64_t whole = count / (kParts * kLanes) * kParts * kLanes;
  for (int64_t i = 0; i < whole; i += kParts * kLanes) {
#pragma GCC unroll 4
    for (int64_t k = 0; k < kParts; ++k) {
      greatest[k] = hn::Max(greatest[k], hn::LoadU(d, x + i + k * kLanes));
    }
  }
  EachPart(x + whole, count - whole, [&](V v, int64_t, int64_t there) HWY_ATTR {
    greatest[0] = hn::Max(greatest[0], There(v, there, kLow));
  });
  return hn::GetLane(hn::MaxOfLanes(
      d, hn::Max(hn::Max(greatest[0], greatest[1]), hn::Max(greatest[2], greatest[3]))));
}

inline void Softmax(const float* x, float* y, int64_t count, bool logarithm) {
  const D d;
  const V greatest = hn::Set(d, Greatest(x, count));
  V sums = hn::Zero(d);
  EachPart(x, count, [&](V v, int64_t i, int64_t there) HWY_ATTR {
    const V e = ExpOfNegative(hn::Sub(v, greatest));
    if (!logarithm) StorePart(e, there, y + i);
    sums = hn::Add(sums, There(e, there, 0.0f));
  });
  const float sum = hn::GetLane(hn::SumOfLanes(d, sums));
  if (logarithm) {
    const V shift = hn::Set(d, std::log(sum));
    ForEachVector(count, x, y, [=](V v) HWY_ATTR { return hn::Sub(hn::Sub(v, greatest), shift); });
    return;
  }
  const V factor = hn::Set(d, 1.0f / sum);
  ForEachVector(count, y, y, [=](V v) HWY_ATTR { return hn::Mul(v, factor); });
}

// kVectors columns of vectors, or of the last one `count` elements.
template <int64_t kVectors>
void SoftmaxSomeColumns(const float* x, float* y, int64_t rows, int64_t stride, int64_t count,
                        bool logarithm) {
  const D d;
  const auto load = [&](const float* from, int64_t v) HWY_ATTR {
    const float* const at = from + v * kLanes;
    return count == kLanes || v + 1 < kVectors ? hn::LoadU(d, at) : LoadFirst(at, count);
  };
  const auto store = [&](V value, int64_t v, float* to) HWY_ATTR {
    StorePart(value, v + 1 < kVectors ? kLanes : count, to + v * kLanes);
  };
  V greatest[kVectors], sums[kVectors];
#pragma GCC unroll 4
  for (int64_t v = 0; v < kVectors; ++v) {
    greatest[v] = load(x, v);
    sums[v] = hn::Zero(d);
  }
  for (int64_t r = 1; r < rows; ++r) {
#pragma GCC unroll 4
    for (int64_t v = 0; v < kVectors; ++v) {
      greatest[v] = hn::Max(greatest[v], load(x + r * stride, v));
    }
  }
  for (int64_t r = 0; r < rows; ++r) {
#pragma GCC unroll 4
    for (int64_t v = 0; v < kVectors; ++v) {
      const V e = ExpOfNegative(hn::Sub(load(x + r * stride, v), greatest[v]));
      if (!logarithm) store(e, v, y + r * stride);
      sums[v] = hn::Add(sums[v], e);
    }
  }
#pragma GCC unroll 4
  for (int64_t v = 0; v < kVectors; ++v) {
    if (logarithm) {
      alignas(64) float logs[kLanes];
      hn::Store(sums[v], d, logs);
      for (float& sum : logs) sum = std::log(sum);
      sums[v] = hn::Load(d, logs);
    } else {
      sums[v] = hn::Div(hn::Set(d, 1.0f), sums[v]);
    }
  }
  for (int64_t r = 0; r < rows; ++r) {
#pragma GCC unroll 4
    for (int64_t v = 0; v < kVectors; ++v) {
      const V result = logarithm ? hn::Sub(hn::Sub(load(x + r * stride, v), greatest[v]), sums[v])
                                 : hn::Mul(load(y + r * stride, v), sums[v]);
      store(result, v, y + r * stride);
    }
  }
}

inline void SoftmaxColumns(const float* x, float* y, int64_t rows, int64_t columns,
                           bool logarithm) {
  constexpr int64_t kVectors = 4;
  int64_t c = 0;
  for (; c + kVectors * kLanes <= columns; c += kVectors * kLanes) {
    SoftmaxSomeColumns<kVectors>(x + c, y + c, rows, columns, kLanes, logarithm);
  }
  for (; c < columns; c += kLanes) {
    SoftmaxSomeColumns<1>(x + c, y + c, rows, columns, std::min(kLanes, columns - c), logarithm);
  }
}

// The same with a second element each.
template <typename F>
HWY_INLINE void EachPair(const float* x, const float* y, int64_t count, F f) {
  EachPart(x, count, [&](V v, int64_t i, int64_t there) HWY_ATTR {
    f(v, there == kLanes ? hn::LoadU(D(), y + i) : LoadFirst(y + i, there), i, there);
  });
}

inline void SoftmaxGrad(const float* dy, const float* y, float* dx, int64_t count) {
  const D d;
  V sums = hn::Zero(d);
  EachPair(dy, y, count,
           [&](V v, V w, int64_t, int64_t) HWY_ATTR { sums = hn::MulAdd(v, w, sums); });
  const V sum = hn::Set(d, hn::GetLane(hn::SumOfLanes(d, sums)));
  EachPair(dy, y, count, [&](V v, V w, int64_t i, int64_t there) HWY_ATTR {
    StorePart(hn::Mul(w, hn::Sub(v, sum)), there, dx + i);
  });
}

inline void ReluGrad(const ReluSlopes& slopes, const float* dy, const float* x, float* dx,
                     int64_t count) {
  const D d;
  const V zero = hn::Zero(d), alpha = hn::Set(d, slopes.alpha), limit = hn::Set(d, slopes.limit);
  const auto rising = [&](auto below) HWY_ATTR {
    EachPair(dy, x, count, [&](V v, V at, int64_t i, int64_t there) HWY_ATTR {
      // Infinity, where there is no limit, is not compared with: x itself may be it.
      const V above = slopes.limited ? hn::IfThenElse(hn::Ge(at, limit), zero, v) : v;
      StorePart(hn::IfThenElse(hn::Le(at, zero), below(v), above), there, dx + i);
    });
  };
  if (slopes.alpha == 0) return rising([&](V) HWY_ATTR { return zero; });
  rising([&](V v) HWY_ATTR { return hn::Mul(alpha, v); });
}

HWY_INLINE RowSums SumsOf(V first, V second) {
  const D d;
  return {hn::GetLane(hn::SumOfLanes(d, first)), hn::GetLane(hn::SumOfLanes(d, second))};
}

inline RowSums SumCentered(const float* x, float center, int64_t count) {
  const D d;
  const V origin = hn::Set(d, center);
  V sums = hn::Zero(d), squares = sums;
  EachPart(x, count, [&](V v, int64_t, int64_t there) HWY_ATTR {
    const V difference = There(hn::Sub(v, origin), there, 0.0f);
    sums = hn::Add(sums, difference);
    squares = hn::MulAdd(difference, difference, squares);
  });
  return SumsOf(sums, squares);
}

inline RowSums SumCenteredProducts(const float* dy, const float* x, float center, int64_t count) {
  const D d;
  const V origin = hn::Set(d, center);
  V sums = hn::Zero(d), products = sums;
  EachPair(dy, x, count, [&](V v, V at, int64_t, int64_t) HWY_ATTR {
    sums = hn::Add(sums, v);
    products = hn::MulAdd(v, hn::Sub(at, origin), products);  // v is 0 where nothing is there
  });
  return SumsOf(sums, products);
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_CORE_VECTOR_ROW_SUM_KERNEL_H_
