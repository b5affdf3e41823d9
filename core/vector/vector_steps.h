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

// By way of e^2x - 1, which is accurate near 0 too. In float32 it is 1 from 10 on.
HWY_INLINE V Tanh(D d, V x) {
  const V bounded = Clip(hn::Set(d, -10.0f), hn::Set(d, 10.0f), x);
  const SplitExp e = ExpParts(d, hn::Add(bounded, bounded));
  const V less_one = hn::MulAdd(e.power, e.fraction, hn::Sub(e.power, hn::Set(d, 1.0f)));
  return hn::Div(less_one, hn::Add(less_one, hn::Set(d, 2.0f)));
}

// 1 + e^-x for what is -x; infinity for x below -88.
HWY_INLINE V OnePlusExpOfMinus(D d, V minus_x) {
  const V bounded = Clip(hn::Set(d, -87.0f), hn::Set(d, 89.0f), minus_x);
  return hn::Add(hn::Set(d, 1.0f), Exp(d, bounded));
}

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

// to[i] = f(from[i], i) for `count` elements that lie side by side; `from` may be `to`. What f does
// with elements that are not there does not matter.
template <typename F>
HWY_INLINE void ForEachVector(int64_t count, const float* from, float* to, F f) {
  const D d;
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) hn::StoreU(f(hn::LoadU(d, from + i)), d, to + i);
  if (i == count) return;
  alignas(64) float part[kLanes] = {};
  for (int64_t k = i; k < count; ++k) part[k - i] = from[k];
  hn::Store(f(hn::Load(d, part)), d, part);
  for (int64_t k = i; k < count; ++k) to[k] = part[k - i];
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
  alignas(64) float left[kLanes] = {}, right[kLanes];
  for (int64_t k = 0; k < kLanes; ++k)
    right[k] = 1;  // nothing is raised by those that are not there
  for (int64_t k = i; k < count; ++k) {
    left[k - i] = from[k];
    right[k - i] = other[k];
  }
  hn::Store(f(hn::Load(d, left), hn::Load(d, right)), d, left);
  for (int64_t k = i; k < count; ++k) to[k] = left[k - i];
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
    case Kind::kHardSwish:
      return each([=](V v) HWY_ATTR { return hn::Mul(v, Clip(zero, one, hn::MulAdd(v, a, b))); });
    case Kind::kHardSigmoid:
      return each([=](V v) HWY_ATTR { return Clip(zero, one, hn::MulAdd(v, a, b)); });
    case Kind::kSwish:
      // An infinity against the slope becomes NaN, as it should: -inf / inf.
      return each([=](V v)
                      HWY_ATTR { return hn::Div(v, OnePlusExpOfMinus(d, hn::Mul(v, minus_a))); });
    case Kind::kSigmoid:
      return each([=](V v) HWY_ATTR { return hn::Div(one, OnePlusExpOfMinus(d, hn::Neg(v))); });
    case Kind::kGelu:
      return each([=](V v) HWY_ATTR {
        const V erf = Erf(d, hn::Mul(v, hn::Set(d, 0.70710678f)));
        return hn::Mul(hn::Mul(v, half), hn::Add(erf, one));
      });
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
