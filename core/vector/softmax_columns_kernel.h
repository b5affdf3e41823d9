// The loops of softmax_columns.cc, which includes this file once for each instruction set.
#if defined(NOMOGRAPH_CORE_VECTOR_SOFTMAX_COLUMNS_KERNEL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_VECTOR_SOFTMAX_COLUMNS_KERNEL_H_
#undef NOMOGRAPH_CORE_VECTOR_SOFTMAX_COLUMNS_KERNEL_H_
#else
#define NOMOGRAPH_CORE_VECTOR_SOFTMAX_COLUMNS_KERNEL_H_
#endif

#include <cstdint>

#include "hwy/highway.h"
#include "nomograph/core/vector/softmax_columns.h"
#include "nomograph/core/vector/vector_steps.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph {
namespace HWY_NAMESPACE {

// Some vectors of columns: load(from, v) and store(value, to, v) for vector v of a row.
template <int64_t kVectors, typename Load, typename Store>
HWY_INLINE void SoftmaxBlock(const float* x, int64_t rows, int64_t stride, float* y,
                             const Load& load, const Store& store) {
  const D d;
  const V least = hn::Set(d, -87.0f), most = hn::Set(d, 89.0f);
  V greatest[kVectors], sum[kVectors];
  const auto each = [](auto f) HWY_ATTR {
#pragma GCC unroll 4
    for (int64_t v = 0; v < kVectors; ++v) f(v);
  };
  each([&](int64_t v) HWY_ATTR {
    greatest[v] = load(x, v);
    sum[v] = hn::Zero(d);
  });
  // NaN that is not the greatest comes through the sum.
  for (int64_t r = 1; r < rows; ++r) {
    each([&](int64_t v) HWY_ATTR { greatest[v] = hn::Max(greatest[v], load(x + r * stride, v)); });
  }
  for (int64_t r = 0; r < rows; ++r) {
    each([&](int64_t v) HWY_ATTR {
      const V shifted = hn::Sub(load(x + r * stride, v), greatest[v]);
      const V power = Exp(d, Clip(least, most, shifted));
      const V e = hn::IfThenZeroElse(hn::Lt(shifted, least), power);
      sum[v] = hn::Add(sum[v], e);
      store(e, y + r * stride, v);
    });
  }
  each([&](int64_t v) HWY_ATTR { sum[v] = hn::Div(hn::Set(d, 1.0f), sum[v]); });
  for (int64_t r = 0; r < rows; ++r) {
    float* const row = y + r * stride;
    each([&](int64_t v) HWY_ATTR { store(hn::Mul(load(row, v), sum[v]), row, v); });
  }
}

void SoftmaxOfColumns(const float* x, int64_t rows, int64_t columns, int64_t stride, float* y) {
  constexpr int64_t kVectors = 2;
  const D d;
  const auto load = [=](const float* from, int64_t v)
                        HWY_ATTR { return hn::LoadU(d, from + v * kLanes); };
  const auto store = [=](V value, float* to, int64_t v)
                         HWY_ATTR { hn::StoreU(value, d, to + v * kLanes); };
  int64_t c = 0;
  for (; c + kVectors * kLanes <= columns; c += kVectors * kLanes) {
    SoftmaxBlock<kVectors>(x + c, rows, stride, y + c, load, store);
  }
  for (; c + kLanes <= columns; c += kLanes) {
    SoftmaxBlock<1>(x + c, rows, stride, y + c, load, store);
  }
  const int64_t rest = columns - c;
  if (rest == 0) return;
  SoftmaxBlock<1>(
      x + c, rows, stride, y + c,
      [=](const float* from, int64_t) HWY_ATTR { return LoadFirst(from, rest); },
      [=](V value, float* to, int64_t) HWY_ATTR { StoreFirst(value, rest, to); });
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_CORE_VECTOR_SOFTMAX_COLUMNS_KERNEL_H_
