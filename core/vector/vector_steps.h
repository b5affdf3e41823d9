// Functions of vectors, for the files that are compiled once for each instruction set and include
// this one each time: vectors of float32, and the steps behind a product.
#if defined(NOMOGRAPH_CORE_VECTOR_VECTOR_STEPS_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_VECTOR_VECTOR_STEPS_H_
#undef NOMOGRAPH_CORE_VECTOR_VECTOR_STEPS_H_
#else
#define NOMOGRAPH_CORE_VECTOR_VECTOR_STEPS_H_
#endif

#include <cstdint>
#include <vector>

#include "hwy/highway.h"
#include "nomograph/core/vector/packed_product.h"

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

// e^x for |x| <= 88, off by two units in the last place: 2^n times the polynomial of Cephes' expf.
HWY_INLINE V Exp(D d, V x) {
  const auto set = [d](float value) HWY_ATTR { return hn::Set(d, value); };
  const V n = hn::Round(hn::Mul(x, set(1.44269504f)));
  const V r = hn::MulAdd(n, set(2.12194440e-4f), hn::MulAdd(n, set(-0.693359375f), x));
  V p = hn::MulAdd(set(1.9875691500e-4f), r, set(1.3981999507e-3f));
  p = hn::MulAdd(p, r, set(8.3334519073e-3f));
  p = hn::MulAdd(p, r, set(4.1665795894e-2f));
  p = hn::MulAdd(p, r, set(1.6666665459e-1f));
  p = hn::MulAdd(p, r, set(5.0000001201e-1f));
  p = hn::Add(hn::MulAdd(p, hn::Mul(r, r), r), set(1.0f));
  const hn::RebindToSigned<D> di;
  const auto exponent = hn::Add(hn::ConvertTo(di, n), hn::Set(di, 127));
  return hn::Mul(p, hn::BitCast(d, hn::ShiftLeft<23>(exponent)));
}

HWY_INLINE V Sigmoid(D d, V x) {
  const V one = hn::Set(d, 1.0f), bound = hn::Set(d, 88.0f);  // beyond it the result is 0 or 1
  const V bounded = hn::Min(bound, hn::Max(hn::Neg(bound), x));
  const V y = hn::Div(one, hn::Add(one, Exp(d, hn::Neg(bounded))));
  return hn::IfThenElse(hn::IsNaN(x), x, y);
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

// y[i] = f(y[i]) for `count` elements that lie side by side.
template <typename F>
HWY_INLINE void ForEachVector(int64_t count, float* HWY_RESTRICT y, F f) {
  const D d;
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) hn::StoreU(f(hn::LoadU(d, y + i)), d, y + i);
  if (i == count) return;
  alignas(64) float part[kLanes] = {};
  for (int64_t k = i; k < count; ++k) part[k - i] = y[k];
  hn::Store(f(hn::Load(d, part)), d, part);
  for (int64_t k = i; k < count; ++k) y[k] = part[k - i];
}

// A step on `count` elements that lie side by side, the first of them at (row, column).
inline void RunStep(const ProductStep& step, int64_t row, int64_t column, int64_t count,
                    float* HWY_RESTRICT y) {
  const D d;
  const V a = hn::Set(d, step.a), b = hn::Set(d, step.b);
  const V zero = hn::Zero(d), half = hn::Set(d, 0.5f), one = hn::Set(d, 1.0f);
  switch (step.kind) {
    case ProductStep::Kind::kAddMatrix: {
      const float* const from = step.matrix + row * step.stride + column;
      for (int64_t i = 0; i < count; ++i) y[i] += from[i];
      return;
    }
    case ProductStep::Kind::kAddColumn: {
      const V value = hn::Set(d, step.matrix[row]);
      return ForEachVector(count, y, [=](V v) HWY_ATTR { return hn::Add(v, value); });
    }
    case ProductStep::Kind::kLinear:
      return ForEachVector(count, y, [=](V v) HWY_ATTR { return hn::MulAdd(v, a, b); });
    case ProductStep::Kind::kClip:
      return ForEachVector(count, y, [=](V v) HWY_ATTR { return Clip(a, b, v); });
    case ProductStep::Kind::kHardSwish:
      return ForEachVector(
          count, y, [=](V v) HWY_ATTR { return hn::Mul(v, Clip(zero, one, hn::MulAdd(v, a, b))); });
    case ProductStep::Kind::kSwish:
      return ForEachVector(count, y,
                           [=](V v) HWY_ATTR { return hn::Mul(v, Sigmoid(d, hn::Mul(v, a))); });
    case ProductStep::Kind::kSigmoid:
      return ForEachVector(count, y, [=](V v) HWY_ATTR { return Sigmoid(d, v); });
    case ProductStep::Kind::kGelu:
      return ForEachVector(count, y, [=](V v) HWY_ATTR {
        const V erf = Erf(d, hn::Mul(v, hn::Set(d, 0.70710678f)));
        return hn::Mul(hn::Mul(v, half), hn::Add(erf, one));
      });
  }
}

// What follows the product, where it is nothing but a matrix that is added and bounds, as behind
// most convolutions: without a look at each step for each vector.
struct Steps {
  explicit Steps(const std::vector<ProductStep>& steps) {
    size_t i = 0;
    if (i < steps.size() && steps[i].kind == ProductStep::Kind::kAddMatrix) {
      addend = &steps[i++];
    }
    if (i < steps.size() && steps[i].kind == ProductStep::Kind::kClip) clip = &steps[i++];
    simple = i == steps.size();
  }
  bool simple;
  const ProductStep* addend = nullptr;
  const ProductStep* clip = nullptr;
};

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_CORE_VECTOR_VECTOR_STEPS_H_
