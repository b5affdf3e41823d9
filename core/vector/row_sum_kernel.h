// The loop of row_sum.cc, which includes this file once for each instruction set.
#if defined(NOMOGRAPH_CORE_VECTOR_ROW_SUM_KERNEL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_VECTOR_ROW_SUM_KERNEL_H_
#undef NOMOGRAPH_CORE_VECTOR_ROW_SUM_KERNEL_H_
#else
#define NOMOGRAPH_CORE_VECTOR_ROW_SUM_KERNEL_H_
#endif

#include <cstdint>

#include "hwy/highway.h"
#include "nomograph/core/vector/row_sum.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph {
namespace HWY_NAMESPACE {

double SumElements(const float* row, int64_t count) {
  namespace hn = hwy::HWY_NAMESPACE;
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

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_CORE_VECTOR_ROW_SUM_KERNEL_H_
