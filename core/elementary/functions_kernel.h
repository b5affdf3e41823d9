// The functions of functions.cc, which includes this file once for each instruction set. Most are
// those of Highway's contrib/math for the arguments that it serves, and the C library's for others.
#if defined(NOMOGRAPH_CORE_ELEMENTARY_FUNCTIONS_KERNEL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_ELEMENTARY_FUNCTIONS_KERNEL_H_
#undef NOMOGRAPH_CORE_ELEMENTARY_FUNCTIONS_KERNEL_H_
#else
#define NOMOGRAPH_CORE_ELEMENTARY_FUNCTIONS_KERNEL_H_
#endif

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"
#include "nomograph/core/elementary/functions.h"
#include "nomograph/core/vector/row_sum.h"
#include "nomograph/core/vector/vector_steps.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph {
namespace HWY_NAMESPACE {

using ScalarFunction = float (*)(float);

// y where `served`, elsewhere the scalar function of x.
HWY_NOINLINE inline V Complete(V x, V y, hn::Mask<D> served, ScalarFunction scalar) {
  const D d;
  alignas(64) float from[kLanes], to[kLanes], done[kLanes];
  hn::Store(x, d, from);
  hn::Store(y, d, to);
  hn::Store(hn::IfThenElse(served, hn::Set(d, 1.0f), hn::Zero(d)), d, done);
  for (int64_t i = 0; i < kLanes; ++i) {
    if (done[i] == 0) to[i] = scalar(from[i]);
  }
  return hn::Load(d, to);
}

// Where f(vector) serves, as serves(vector) says, it does; elsewhere the scalar function.
template <typename F, typename Serves>
HWY_INLINE void EachServed(const float* from, float* to, int64_t count, F f, Serves serves,
                           ScalarFunction scalar) {
  ForEachVector(count, from, to, [=](V x) HWY_ATTR {
    const V y = f(x);
    const auto served = serves(x);
    return HWY_LIKELY(hn::AllTrue(D(), served)) ? y : Complete(x, y, served, scalar);
  });
}

// e^x - 1 for x from -87 to 88, accurate near 0 too.
HWY_INLINE V ExpLessOne(V x) {
  const D d;
  const SplitExp e = ExpParts(d, x);
  return hn::MulAdd(e.power, e.fraction, hn::Sub(e.power, hn::Set(d, 1.0f)));
}

// x where x >= 0, times `above`; else below * (exp(x * inner) - 1).
HWY_INLINE V ExpLinear(V x, V above, V below, V inner) {
  const D d;
  // The least whose exponential ExpLessOne() takes; of those below it nothing is left beside 1.
  const V bounded = Clip(hn::Set(d, -80.0f), hn::Set(d, 80.0f), hn::Mul(x, inner));
  const V exponential = hn::Mul(below, ExpLessOne(bounded));
  return hn::IfThenElse(hn::Ge(x, hn::Zero(d)), hn::Mul(x, above), exponential);
}

// ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|)
HWY_INLINE V Softplus(V x) {
  const D d;
  const V least = hn::Set(d, -87.0f), below = hn::Neg(hn::Abs(x));
  const V e = hn::IfThenZeroElse(hn::Lt(below, least), Exp(d, hn::Max(least, below)));
  const V y = hn::Add(hn::Max(x, hn::Zero(d)), hn::Log1p(d, e));
  return KeepNan(x, y);
}

// x tanh(ln(1 + e^x)) = x w / (w + 2) with w = e^x (e^x + 2)
HWY_INLINE V Mish(V x) {
  const D d;
  const V two = hn::Set(d, 2.0f), great = hn::Set(d, 20.0f), least = hn::Set(d, -87.0f);
  // Below the least nothing is left, so that of -infinity NaN becomes: -inf * 0.
  const V e = hn::IfThenZeroElse(hn::Lt(x, least), Exp(d, Clip(least, great, x)));
  const V w = hn::Mul(e, hn::Add(e, two));
  const V y = hn::Mul(x, hn::Div(w, hn::Add(w, two)));
  return hn::IfThenElse(hn::Gt(x, great), x, y);
}

// RunFunction() for the functions that serve all arguments.
template <Elementary kFunction>
HWY_INLINE void RunTotal(float a, float b, const float* from, float* to, int64_t count) {
  const D d;
  const V one = hn::Set(d, 1.0f), at_a = hn::Set(d, a), at_b = hn::Set(d, b);
  const auto each = [&](auto f) HWY_ATTR { ForEachVector(count, from, to, f); };
  switch (kFunction) {
    case Elementary::kCeil:
      return each([](V x) HWY_ATTR { return hn::Ceil(x); });
    case Elementary::kFloor:
      return each([](V x) HWY_ATTR { return hn::Floor(x); });
    case Elementary::kRound:
      return each([](V x) HWY_ATTR { return hn::Round(x); });
    case Elementary::kTrunc:
      return each([](V x) HWY_ATTR { return hn::Trunc(x); });
    case Elementary::kCelu:
      return each([=](V x) HWY_ATTR { return ExpLinear(x, one, at_a, at_b); });
    case Elementary::kElu:
      return each([=](V x) HWY_ATTR { return ExpLinear(x, at_b, at_a, one); });
    case Elementary::kErf:
      return ErfOfRow(from, to, count);
    case Elementary::kExp:
      return ExpOfRow(from, to, count);
    case Elementary::kLogSigmoid:
      return each([](V x) HWY_ATTR { return hn::Neg(Softplus(hn::Neg(x))); });
    case Elementary::kMish:
      return each([](V x) HWY_ATTR { return Mish(x); });
    case Elementary::kSoftplus:
      return each([](V x) HWY_ATTR { return Softplus(x); });
    default:
      break;
  }
}

template <Elementary kFunction>
void RunFunction(float a, float b, const float* from, float* to, int64_t count) {
  const D d;
  const auto served = [&](auto f, auto serves, ScalarFunction scalar)
                          HWY_ATTR { EachServed(from, to, count, f, serves, scalar); };
  const auto within = [d](float limit) HWY_ATTR {
    const V greatest = hn::Set(d, limit);
    return [=](V x) HWY_ATTR { return hn::Le(hn::Abs(x), greatest); };
  };
  constexpr float kGreatest = std::numeric_limits<float>::max();
  constexpr float kTurns = 39000, kExponents = 88;
  const V greatest = hn::Set(d, kGreatest), one = hn::Set(d, 1.0f), zero = hn::Zero(d);
  // -0 stays, too.
  const auto keep_zero = [=](V x, V y) HWY_ATTR { return hn::IfThenElse(hn::Eq(x, zero), x, y); };
  const auto positive = [=](V x) HWY_ATTR { return hn::And(hn::Gt(x, zero), hn::Le(x, greatest)); };
  switch (kFunction) {
    case Elementary::kAcos:
      return served([d](V x) HWY_ATTR { return hn::Acos(d, x); }, within(1),
                    [](float x) { return std::acos(x); });
    case Elementary::kAcosh:
      return served([d](V x) HWY_ATTR { return hn::Acosh(d, x); },
                    [=](V x) HWY_ATTR { return hn::And(hn::Ge(x, one), hn::Le(x, greatest)); },
                    [](float x) { return std::acosh(x); });
    case Elementary::kAsin:
      return served([d](V x) HWY_ATTR { return hn::Asin(d, x); }, within(1),
                    [](float x) { return std::asin(x); });
    case Elementary::kAsinh:
      return served([d](V x) HWY_ATTR { return hn::Asinh(d, x); }, within(kGreatest),
                    [](float x) { return std::asinh(x); });
    case Elementary::kAtan:
      return served([d](V x) HWY_ATTR { return hn::Atan(d, x); }, within(kGreatest),
                    [](float x) { return std::atan(x); });
    case Elementary::kAtanh:
      return served([d](V x) HWY_ATTR { return hn::Atanh(d, x); },
                    [=](V x) HWY_ATTR { return hn::Lt(hn::Abs(x), one); },
                    [](float x) { return std::atanh(x); });
    case Elementary::kCos:
      return served([d](V x) HWY_ATTR { return hn::Cos(d, x); }, within(kTurns),
                    [](float x) { return std::cos(x); });
    case Elementary::kCosh:
      return served(
          [d](V x) HWY_ATTR {
            const V e = Exp(d, hn::Abs(x)), half = hn::Set(d, 0.5f);
            return hn::MulAdd(e, half, hn::Div(half, e));
          },
          within(kExponents), [](float x) { return std::cosh(x); });
    case Elementary::kExpm1:
      // -0 stays.
      return served([](V x) HWY_ATTR { return hn::CopySign(ExpLessOne(x), x); }, within(80),
                    [](float x) { return std::expm1(x); });
    case Elementary::kLog:
      return served([d](V x) HWY_ATTR { return hn::Log(d, x); }, positive,
                    [](float x) { return std::log(x); });
    case Elementary::kLog10:
      return served([d](V x) HWY_ATTR { return hn::Log10(d, x); }, positive,
                    [](float x) { return std::log10(x); });
    case Elementary::kLog1p:
      return served([d](V x) HWY_ATTR { return hn::Log1p(d, x); },
                    [=](V x)
                        HWY_ATTR { return hn::And(hn::Gt(x, hn::Neg(one)), hn::Le(x, greatest)); },
                    [](float x) { return std::log1p(x); });
    case Elementary::kLog2:
      return served([d](V x) HWY_ATTR { return hn::Log2(d, x); }, positive,
                    [](float x) { return std::log2(x); });
    case Elementary::kSin:
      return served([=](V x) HWY_ATTR { return keep_zero(x, hn::Sin(d, x)); }, within(kTurns),
                    [](float x) { return std::sin(x); });
    case Elementary::kSinh:
      return served([d](V x) HWY_ATTR { return hn::Sinh(d, x); }, within(kExponents),
                    [](float x) { return std::sinh(x); });
    case Elementary::kTan:
      return served([=](V x)
                        HWY_ATTR { return keep_zero(x, hn::Div(hn::Sin(d, x), hn::Cos(d, x))); },
                    within(kTurns), [](float x) { return std::tan(x); });
    default:
      return RunTotal<kFunction>(a, b, from, to, count);
  }
}

template <size_t... kFunctions>
RowFunction FunctionAmong(Elementary function, std::index_sequence<kFunctions...>) {
  static constexpr RowFunction kRows[] = {RunFunction<static_cast<Elementary>(kFunctions)>...};
  return kRows[static_cast<size_t>(function)];
}
RowFunction FunctionOfRow(Elementary function) {
  constexpr size_t kFunctions = static_cast<size_t>(Elementary::kLast) + 1;
  return FunctionAmong(function, std::make_index_sequence<kFunctions>());
}

using D64 = hn::CappedTag<double, 8>;
using D32 = hn::Rebind<float, D64>;
constexpr int64_t kPowers = static_cast<int64_t>(hn::MaxLanes(D64()));

// Powers by e^(exponent ln base) in float64, which leaves enough digits for any exponent.
HWY_INLINE hn::Vec<D32> Powers(hn::Vec<D32> base, hn::Vec<D32> exponent) {
  const D64 d;
  const D32 d32;
  const auto logarithm = hn::Mul(hn::Log(d, hn::PromoteTo(d, base)), hn::PromoteTo(d, exponent));
  // Past these the powers are 0 and infinity.
  const auto bounded = hn::Min(hn::Set(d, 100.0), hn::Max(hn::Set(d, -150.0), logarithm));
  const auto y = hn::DemoteTo(d32, hn::Exp(d, bounded));
  const auto greatest = hn::Set(d32, std::numeric_limits<float>::max());
  const auto served = hn::And(hn::And(hn::Gt(base, hn::Zero(d32)), hn::Le(base, greatest)),
                              hn::Le(hn::Abs(exponent), greatest));
  if (HWY_LIKELY(hn::AllTrue(d32, served))) return y;
  alignas(64) float x[kPowers], e[kPowers], powers[kPowers];
  hn::Store(base, d32, x);
  hn::Store(exponent, d32, e);
  for (int64_t i = 0; i < kPowers; ++i) powers[i] = std::pow(x[i], e[i]);
  return hn::IfThenElse(served, y, hn::Load(d32, powers));
}

void PowElements(const float* base, const float* exponents, float* to, int64_t count) {
  const D32 d;
  int64_t i = 0;
  for (; i + kPowers <= count; i += kPowers) {
    hn::StoreU(Powers(hn::LoadU(d, base + i), hn::LoadU(d, exponents + i)), d, to + i);
  }
  if (i == count) return;
  alignas(64) float x[kPowers], e[kPowers];
  std::fill(std::copy(base + i, base + count, x), x + kPowers, 1.0f);
  std::fill(std::copy(exponents + i, exponents + count, e), e + kPowers, 1.0f);
  hn::Store(Powers(hn::Load(d, x), hn::Load(d, e)), d, x);
  std::copy(x, x + (count - i), to + i);
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_CORE_ELEMENTARY_FUNCTIONS_KERNEL_H_
