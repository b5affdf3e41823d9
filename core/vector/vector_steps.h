// Functions of vectors, for the files that are compiled once for each instruction set and include
// this one each time: vectors of float32, and the steps behind a product.
#if defined(NOMOGRAPH_CORE_VECTOR_VECTOR_STEPS_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_VECTOR_VECTOR_STEPS_H_
#undef NOMOGRAPH_CORE_VECTOR_VECTOR_STEPS_H_
#else
#define NOMOGRAPH_CORE_VECTOR_VECTOR_STEPS_H_
#endif

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "hwy/highway.h"
#include "nomograph/core/vector/steps.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// A vector has at most 16 elements, so that its size is known.
using D = hn::CappedTag<float, 16>;
using V = hn::Vec<D>;
constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(D()));

// x, or `low` where that is more; NaN stays.
HWY_INLINE V AtLeast(V low, V x) {
  const V y = hn::Max(low, x);
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR
  return y;  // there the second operand is the result where one is NaN
#else
  return hn::IfThenElse(hn::IsNaN(x), x, y);
#endif
}

// The nearest to x of the numbers from `low` to `high`; NaN stays.
HWY_INLINE V Clip(V low, V high, V x) {
  const V y = hn::Min(high, hn::Max(low, x));
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR
  return y;  // there the second operand is the result where one is NaN
#else
  return hn::IfThenElse(hn::IsNaN(x), x, y);
#endif
}

// e^x = power * (1 + fraction), for x from -87 to 89: 2^n, and the polynomial of Cephes' expf.
struct SplitExp {
  V power, fraction;
};
HWY_INLINE SplitExp ExpParts(D d, V x) {
  const auto set = [d](float value) HWY_ATTR { return hn::Set(d, value); };
  const auto exponent = hn::NearestInt(hn::Mul(x, set(1.44269504f)));
  const V n = hn::ConvertTo(d, exponent);
  const V r = hn::MulAdd(n, set(2.12194440e-4f), hn::MulAdd(n, set(-0.693359375f), x));
  V p = hn::MulAdd(set(1.9875691500e-4f), r, set(1.3981999507e-3f));
  p = hn::MulAdd(p, r, set(8.3334519073e-3f));
  p = hn::MulAdd(p, r, set(4.1665795894e-2f));
  p = hn::MulAdd(p, r, set(1.6666665459e-1f));
  p = hn::MulAdd(p, r, set(5.0000001201e-1f));
  const hn::RebindToSigned<D> di;
  const auto biased = hn::Add(exponent, hn::Set(di, 127));
  return {hn::BitCast(d, hn::ShiftLeft<23>(biased)), hn::MulAdd(p, hn::Mul(r, r), r)};
}

// e^x for x from -87 to 89, off by two units in the last place. What is past the greatest number
// becomes infinity; NaN stays.
HWY_INLINE V Exp(D d, V x) {
  const SplitExp e = ExpParts(d, x);
  return hn::Mul(hn::Add(e.fraction, hn::Set(d, 1.0f)), e.power);
}

// By way of e^2x - 1, which is accurate near 0 too. In float32 it is 1 from 10 on. NaN stays.
HWY_INLINE V Tanh(D d, V x) {
  const V bounded = Clip(hn::Set(d, -10.0f), hn::Set(d, 10.0f), x);
  const SplitExp e = ExpParts(d, hn::Add(bounded, bounded));
  const V less_one = hn::MulAdd(e.power, e.fraction, hn::Sub(e.power, hn::Set(d, 1.0f)));
  return hn::Div(less_one, hn::Add(less_one, hn::Set(d, 2.0f)));
}

// 1 / x, off by two units in the last place; 0 for infinity. NaN stays.
HWY_INLINE V Reciprocal(D d, V x) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR
  const V y = hn::ApproximateReciprocal(x);  // 12 bits; and a step of Newton's
  const V finite = hn::Min(x, hn::Set(d, std::numeric_limits<float>::max()));
  return hn::Mul(y, hn::NegMulAdd(finite, y, hn::Set(d, 2.0f)));
#else
  return hn::Div(hn::Set(d, 1.0f), x);
#endif
}

// So many vectors side by side. Of a chain of dependent operations a processor begins the next one
// long before this one's end, but not many.
constexpr int64_t kChains = 4;

#if HWY_TARGET == HWY_AVX3
// x becomes 1 + e^x, infinity above 88.7: 2^p for a multiple p of 1 / 16 is one of 16 roots, which
// a vector holds, times 2^floor(p), and what is left of x is so small that few terms suffice.
template <int64_t kCount>
HWY_INLINE void OnePlusExp(V (&x)[kCount]) {
  const D d;
  const auto set = [d](float value) HWY_ATTR { return hn::Set(d, value); };
  alignas(64) static constexpr float kRoots[] = {
      1.0f,        1.04427378f, 1.09050773f, 1.13878863f, 1.18920712f, 1.24185781f,
      1.29683955f, 1.35425555f, 1.41421356f, 1.47682615f, 1.54221083f, 1.61049033f,
      1.68179283f, 1.75625216f, 1.83400809f, 1.91520656f};  // 2^(i / 16)
  const V roots = hn::Load(d, kRoots);
  // Of a sum with it only multiples of 1 / 16 are left, and its last bits are how many.
  const V magic = set(786432.0f);  // 1.5 * 2^19
  V n[kCount], p[kCount], r[kCount];
  const auto each = [](auto f) HWY_ATTR {
#pragma GCC unroll 4
    for (int64_t k = 0; k < kCount; ++k) f(k);
  };
  each([&](int64_t k) HWY_ATTR { x[k] = Clip(set(-87.0f), set(90.0f), x[k]); });
  each([&](int64_t k) HWY_ATTR { n[k] = hn::MulAdd(x[k], set(1.44269504f), magic); });
  each([&](int64_t k) HWY_ATTR { p[k] = hn::Sub(n[k], magic); });
  each([&](int64_t k) HWY_ATTR { r[k] = hn::NegMulAdd(p[k], set(0.693147182f), x[k]); });
  each([&](int64_t k) HWY_ATTR { x[k] = hn::MulAdd(r[k], set(1.0f / 6), set(0.5f)); });
  each([&](int64_t k) HWY_ATTR { x[k] = hn::MulAdd(x[k], r[k], set(1.0f)); });
  each([&](int64_t k) HWY_ATTR { x[k] = hn::MulAdd(x[k], r[k], set(1.0f)); });
  each([&](int64_t k) HWY_ATTR {
    // Of an index the last four bits count.
    const auto root = _mm512_permutexvar_ps(_mm512_castps_si512(n[k].raw), roots.raw);
    x[k] = hn::MulAdd(x[k], V{_mm512_scalef_ps(root, p[k].raw)}, set(1.0f));
  });
}
#else
// x becomes 1 + e^x, infinity above 89: Exp() with another way to the integer.
template <int64_t kCount>
HWY_INLINE void OnePlusExp(V (&x)[kCount]) {
  const D d;
  const hn::RebindToSigned<D> di;
  const auto set = [d](float value) HWY_ATTR { return hn::Set(d, value); };
  // Behind the point of a sum with it nothing is left, and the last bits are the integer.
  const V magic = set(12582912.0f);  // 1.5 * 2^23
  V shifted[kCount], r[kCount], p[kCount];
  const auto each = [](auto f) HWY_ATTR {
#pragma GCC unroll 4
    for (int64_t k = 0; k < kCount; ++k) f(k);
  };
  const auto horner = [&](float c) HWY_ATTR {
    each([&](int64_t k) HWY_ATTR { p[k] = hn::MulAdd(p[k], r[k], set(c)); });
  };
  each([&](int64_t k) HWY_ATTR { x[k] = Clip(set(-87.0f), set(89.0f), x[k]); });
  each([&](int64_t k) HWY_ATTR { shifted[k] = hn::MulAdd(x[k], set(1.44269504f), magic); });
  each([&](int64_t k) HWY_ATTR { p[k] = hn::Sub(shifted[k], magic); });
  each([&](int64_t k) HWY_ATTR { r[k] = hn::MulAdd(p[k], set(-0.693359375f), x[k]); });
  each([&](int64_t k) HWY_ATTR { r[k] = hn::MulAdd(p[k], set(2.12194440e-4f), r[k]); });
  each([&](int64_t k) HWY_ATTR { p[k] = set(1.9875691500e-4f); });
  horner(1.3981999507e-3f);
  horner(8.3334519073e-3f);
  horner(4.1665795894e-2f);
  horner(1.6666665459e-1f);
  horner(5.0000001201e-1f);
  horner(1.0f);
  horner(1.0f);
  each([&](int64_t k) HWY_ATTR {
    const auto exponent = hn::ShiftLeft<23>(hn::BitCast(di, shifted[k]));
    const V power = hn::BitCast(d, hn::Add(exponent, hn::BitCast(di, set(1.0f))));
    x[k] = hn::MulAdd(p[k], power, set(1.0f));
  });
}
#endif

struct Sigmoid {
  template <int64_t kCount>
  HWY_INLINE void operator()(V (&x)[kCount]) const {
#pragma GCC unroll 4
    for (int64_t k = 0; k < kCount; ++k) x[k] = hn::Neg(x[k]);
    OnePlusExp(x);
    // It is 1 for all large x, which Reciprocal() may miss by a unit.
#pragma GCC unroll 4
    for (int64_t k = 0; k < kCount; ++k) x[k] = hn::Div(hn::Set(D(), 1.0f), x[k]);
  }
};

// x / (1 + e^(-a x)). An infinity against the slope becomes NaN, as it should: -inf * 0.
struct Swish {
  V minus_a;
  template <int64_t kCount>
  HWY_INLINE void operator()(V (&x)[kCount]) const {
    V y[kCount];
#pragma GCC unroll 4
    for (int64_t k = 0; k < kCount; ++k) y[k] = hn::Mul(x[k], minus_a);
    OnePlusExp(y);
#pragma GCC unroll 4
    for (int64_t k = 0; k < kCount; ++k) {
#if HWY_TARGET == HWY_AVX3
      x[k] = hn::Div(x[k], y[k]);  // it goes on beside the next vectors' multiplications
#else
      x[k] = hn::Mul(x[k], Reciprocal(D(), y[k]));
#endif
    }
  }
};

// x / (1 + e^-2u), which is x / 2 * (1 + tanh(u)), for the u of kGeluTanh.
struct GeluTanh {
  template <int64_t kCount>
  HWY_INLINE void operator()(V (&x)[kCount]) const {
    constexpr float kMinusTwice = -1.59576912f;  // -2 * sqrt(2 / pi)
    const D d;
    const V first = hn::Set(d, kMinusTwice), third = hn::Set(d, kMinusTwice * 0.044715f);
    V y[kCount];
#pragma GCC unroll 4
    for (int64_t k = 0; k < kCount; ++k) {
      y[k] = hn::Mul(x[k], hn::MulAdd(hn::Mul(x[k], x[k]), third, first));
    }
    OnePlusExp(y);
#pragma GCC unroll 4
    for (int64_t k = 0; k < kCount; ++k) {
#if HWY_TARGET == HWY_AVX3
      x[k] = hn::Div(x[k], y[k]);
#else
      x[k] = hn::Mul(x[k], Reciprocal(D(), y[k]));
#endif
    }
  }
};

// A rational function of x^2 times x; the coefficients are those of Eigen's erf for float
// (unsupported/Eigen/src/SpecialFunctions).
HWY_INLINE V Erf(D d, V x) {
  const auto set = [d](float value) HWY_ATTR { return hn::Set(d, value); };
  x = Clip(set(-4.0f), set(4.0f), x);
  const V t = hn::Mul(x, x);
  V p = hn::MulAdd(t, set(-2.72614225801306e-10f), set(2.77068142495902e-08f));
  p = hn::MulAdd(t, p, set(-2.10102402082508e-06f));
  p = hn::MulAdd(t, p, set(-5.69250639462346e-05f));
  p = hn::MulAdd(t, p, set(-7.34990630326855e-04f));
  p = hn::MulAdd(t, p, set(-2.95459980854025e-03f));
  p = hn::MulAdd(t, p, set(-1.60960333262415e-02f));
  V q = hn::MulAdd(t, set(-1.45660718464996e-05f), set(-2.13374055278905e-04f));
  q = hn::MulAdd(t, q, set(-1.68282697438203e-03f));
  q = hn::MulAdd(t, q, set(-7.37332916720468e-03f));
  q = hn::MulAdd(t, q, set(-1.42647390514189e-02f));
  return hn::Mul(x, hn::Div(p, q));
}

// The first `count` elements, fewer than a vector has, and zeros.
HWY_INLINE V LoadFirst(const float* from, int64_t count) {
  const D d;
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
  return hn::MaskedLoad(hn::FirstN(d, static_cast<size_t>(count)), d, from);
#else
  alignas(64) float part[kLanes] = {};
  for (int64_t k = 0; k < count; ++k) part[k] = from[k];
  return hn::Load(d, part);
#endif
}
HWY_INLINE void StoreFirst(V v, int64_t count, float* to) {
  const D d;
#if HWY_TARGET == HWY_AVX3
  hn::BlendedStore(v, hn::FirstN(d, static_cast<size_t>(count)), d, to);
#elif HWY_TARGET == HWY_AVX2  // whose masked stores are slow on some processors
  const hn::Half<D> half;
  auto rest = hn::LowerHalf(half, v);
  if ((count & 4) != 0) {
    hn::StoreU(rest, half, to);
    rest = hn::UpperHalf(half, v);
    to += 4;
  }
  const hn::Half<decltype(half)> quarter;
  auto pair = hn::LowerHalf(quarter, rest);
  if ((count & 2) != 0) {
    hn::StoreU(pair, quarter, to);
    pair = hn::UpperHalf(quarter, rest);
    to += 2;
  }
  if ((count & 1) != 0) *to = hn::GetLane(pair);
#else
  alignas(64) float part[kLanes];
  hn::Store(v, d, part);
  for (int64_t k = 0; k < count; ++k) to[k] = part[k];
#endif
}

// to[i] = f(from[i], i) for `count` elements that lie side by side; `from` may be `to`. What f does
// with elements that are not there does not matter.
template <typename F>
HWY_INLINE void ForEachVector(int64_t count, const float* from, float* to, F f) {
  const D d;
  int64_t i = 0;
#pragma GCC unroll 4
  for (; i + kLanes <= count; i += kLanes) hn::StoreU(f(hn::LoadU(d, from + i)), d, to + i);
  if (i < count) StoreFirst(f(LoadFirst(from + i, count - i)), count - i, to + i);
}

// The same for f(V (&)[n]), which changes kChains vectors.
template <typename F>
HWY_INLINE void ForEachChains(int64_t count, const float* from, float* to, F f) {
  const D d;
  int64_t i = 0;
  V y[kChains];
  for (; i + kChains * kLanes <= count; i += kChains * kLanes) {
#pragma GCC unroll 4
    for (int64_t k = 0; k < kChains; ++k) y[k] = hn::LoadU(d, from + i + k * kLanes);
    f(y);
#pragma GCC unroll 4
    for (int64_t k = 0; k < kChains; ++k) hn::StoreU(y[k], d, to + i + k * kLanes);
  }
  if (i == count) return;
  const int64_t whole = (count - i) / kLanes, rest = (count - i) % kLanes;
  for (int64_t k = 0; k < kChains; ++k) {
    const float* const part = from + i + k * kLanes;
    y[k] = k < whole ? hn::LoadU(d, part) : k == whole ? LoadFirst(part, rest) : hn::Zero(d);
  }
  f(y);
  for (int64_t k = 0; k < whole; ++k) hn::StoreU(y[k], d, to + i + k * kLanes);
  if (rest > 0) StoreFirst(y[whole], rest, to + i + whole * kLanes);
}

// The same with a second element each.
template <typename F>
HWY_INLINE void ForEachPair(int64_t count, const float* from, const float* other, float* to, F f) {
  const D d;
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    hn::StoreU(f(hn::LoadU(d, from + i), hn::LoadU(d, other + i)), d, to + i);
  }
  if (i == count) return;
  // Nothing is raised by those that are not there.
  const int64_t rest = count - i;
  const V right = hn::IfThenElse(hn::FirstN(d, static_cast<size_t>(rest)),
                                 LoadFirst(other + i, rest), hn::Set(d, 1.0f));
  StoreFirst(f(LoadFirst(from + i, rest), right), rest, to + i);
}

HWY_INLINE V KeepNan(V x, V y) { return hn::IfThenElse(hn::IsNaN(x), x, y); }

// A step with an operand; f says what it does to two elements.
template <typename F>
HWY_INLINE void RunPairs(const VectorStep& step, int64_t row, int64_t column, int64_t count,
                         const float* from, float* to, F f) {
  const float* const other = step.operand + row * step.row_stride + column * step.column_stride;
  if (step.column_stride != 0) return ForEachPair(count, from, other, to, f);
  const D d;
  const V same = hn::Set(d, *other);
  ForEachVector(count, from, to, [=](V v) HWY_ATTR { return f(v, same); });
}

// Powers of elements, of which f(vector) makes one: kPower.
template <typename F>
HWY_INLINE void RunPower(float exponent, F each) {
  const D d;
  const V one = hn::Set(d, 1.0f);
  if (exponent == 0.5f || exponent == -0.5f) {
    const V zero = hn::Zero(d), infinity = hn::Inf(d), minus_infinity = hn::Neg(infinity);
    // The root of -0 is 0, and that of -infinity infinity: so pow() has it.
    const auto root = [=](V v) HWY_ATTR {
      return hn::IfThenElse(hn::Eq(v, minus_infinity), infinity, hn::Sqrt(hn::Add(v, zero)));
    };
    if (exponent > 0) return each(root);
    return each([=](V v) HWY_ATTR { return hn::Div(one, root(v)); });
  }
  const auto with_base = [=](auto base) HWY_ATTR {
    switch (static_cast<int>(exponent < 0 ? -exponent : exponent)) {
      case 1:
        return each(base);
      case 2:
        return each([=](V v) HWY_ATTR {
          const V x = base(v);
          return hn::Mul(x, x);
        });
      case 3:
        return each([=](V v) HWY_ATTR {
          const V x = base(v);
          return hn::Mul(hn::Mul(x, x), x);
        });
      default:
        return each([=](V v) HWY_ATTR {
          const V x = base(v), square = hn::Mul(x, x);
          return hn::Mul(square, square);
        });
    }
  };
  if (exponent > 0) return with_base([](V v) HWY_ATTR { return v; });
  // The inverse comes first, whose powers are too great, or too small, only where the result is.
  with_base([=](V v) HWY_ATTR { return hn::Div(one, v); });
}

// RunStep() for the steps of a kind.
template <VectorStep::Kind kKind>
void RunStepOf(const VectorStep& step, int64_t row, int64_t column, int64_t count,
               const float* from, float* to) {
  using Kind = VectorStep::Kind;
  const D d;
  const V a = hn::Set(d, step.a), b = hn::Set(d, step.b);
  const V minus_a = hn::Neg(a);
  const V zero = hn::Zero(d), half = hn::Set(d, 0.5f), one = hn::Set(d, 1.0f);
  const auto each = [&](auto f) HWY_ATTR { ForEachVector(count, from, to, f); };
  const auto pairs = [&](auto f) HWY_ATTR { RunPairs(step, row, column, count, from, to, f); };
  switch (kKind) {
    case Kind::kAdd:
      return pairs([](V v, V w) HWY_ATTR { return hn::Add(v, w); });
    case Kind::kSubtract:
      return pairs([](V v, V w) HWY_ATTR { return hn::Sub(v, w); });
    case Kind::kMultiply:
      return pairs([](V v, V w) HWY_ATTR { return hn::Mul(v, w); });
    case Kind::kDivide:
      return pairs([](V v, V w) HWY_ATTR { return hn::Div(v, w); });
    case Kind::kMaximum:
      return pairs([](V v, V w) HWY_ATTR { return KeepNan(v, KeepNan(w, hn::Max(v, w))); });
    case Kind::kMinimum:
      return pairs([](V v, V w) HWY_ATTR { return KeepNan(v, KeepNan(w, hn::Min(v, w))); });
    case Kind::kPRelu:
      return pairs([=](V v, V w)
                       HWY_ATTR { return hn::IfThenElse(hn::Lt(v, zero), hn::Mul(v, w), v); });
    case Kind::kLinear:
      return each([=](V v) HWY_ATTR { return hn::MulAdd(v, a, b); });
    case Kind::kClip:
      return each([=](V v) HWY_ATTR { return Clip(a, b, v); });
    case Kind::kLeakyRelu:
      return each([=](V v) HWY_ATTR { return hn::IfThenElse(hn::Gt(v, zero), v, hn::Mul(v, a)); });
    case Kind::kAbs:
      return each([](V v) HWY_ATTR { return hn::Abs(v); });
    case Kind::kSquare:
      return each([](V v) HWY_ATTR { return hn::Mul(v, v); });
    case Kind::kSqrt:
      return each([](V v) HWY_ATTR { return hn::Sqrt(v); });
    case Kind::kPower:
      return RunPower(step.a, each);
    case Kind::kHardSwish:
      return each([=](V v) HWY_ATTR { return hn::Mul(v, Clip(zero, one, hn::MulAdd(v, a, b))); });
    case Kind::kHardSigmoid:
      return each([=](V v) HWY_ATTR { return Clip(zero, one, hn::MulAdd(v, a, b)); });
    case Kind::kSwish:
      return ForEachChains(count, from, to, Swish{minus_a});
    case Kind::kSigmoid:
      return ForEachChains(count, from, to, Sigmoid());
    case Kind::kTanh:
      // -0 stays, too.
      return each([=](V v) HWY_ATTR { return hn::CopySign(Tanh(d, v), v); });
    case Kind::kGeluTanh:
      return ForEachChains(count, from, to, GeluTanh());
    case Kind::kGelu:
      return each([=](V v) HWY_ATTR {
        const V erf = Erf(d, hn::Mul(v, hn::Set(d, 0.70710678f)));
        return hn::Mul(hn::Mul(v, half), hn::Add(erf, one));
      });
    case Kind::kFunction:
      return step.function(step.a, step.b, from, to, count);
  }
}

template <size_t... kKinds>
StepFn StepFunctionAmong(VectorStep::Kind kind, std::index_sequence<kKinds...>) {
  static constexpr StepFn kFunctions[] = {RunStepOf<static_cast<VectorStep::Kind>(kKinds)>...};
  return kFunctions[static_cast<size_t>(kind)];
}

// A function for each kind: one for all would set up at each call what any of them needs.
inline StepFn StepFunction(VectorStep::Kind kind) {
  constexpr size_t kKinds = static_cast<size_t>(VectorStep::Kind::kLast) + 1;
  return StepFunctionAmong(kind, std::make_index_sequence<kKinds>());
}

inline void RunStep(const VectorStep& step, int64_t row, int64_t column, int64_t count,
                    const float* from, float* to) {
  StepFunction(step.kind)(step, row, column, count, from, to);
}

// What follows the product, where it is nothing but a matrix that is added and bounds, as behind
// most convolutions: without a look at each step for each vector.
struct Steps {
  explicit Steps(const std::vector<VectorStep>& steps) {
    size_t i = 0;
    if (i < steps.size() && steps[i].kind == VectorStep::Kind::kAdd &&
        steps[i].column_stride != 0) {
      addend = &steps[i++];
    }
    if (i < steps.size() && steps[i].kind == VectorStep::Kind::kClip) clip = &steps[i++];
    simple = i == steps.size();
  }
  bool simple;
  const VectorStep* addend = nullptr;
  const VectorStep* clip = nullptr;
};

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_CORE_VECTOR_VECTOR_STEPS_H_
