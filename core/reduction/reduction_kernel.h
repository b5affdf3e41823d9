// The loops of reduction.cc, which includes this file once for each instruction set.
#if defined(NOMOGRAPH_CORE_REDUCTION_REDUCTION_KERNEL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_REDUCTION_REDUCTION_KERNEL_H_
#undef NOMOGRAPH_CORE_REDUCTION_REDUCTION_KERNEL_H_
#else
#define NOMOGRAPH_CORE_REDUCTION_REDUCTION_KERNEL_H_
#endif

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "hwy/highway.h"
#include "nomograph/core/reduction/reduction.h"
#include "nomograph/core/vector/vector_steps.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph {
namespace HWY_NAMESPACE {

// So many results are made side by side: they stay in the first cache.
constexpr int64_t kResults = 64;

// What is summed of an element.
template <Reduction::Kind kKind>
HWY_INLINE double Term(float x) {
  const double wide = x;
  if (kKind == Reduction::Kind::kSumOfMagnitudes) return std::abs(wide);
  return kKind == Reduction::Kind::kSumOfSquares ? wide * wide : wide;
}

template <Reduction::Kind kKind>
struct Summing {
  using Wide = hn::CappedTag<double, 8>;
  using Narrow = hn::Rebind<float, Wide>;
  using Sum = hn::Vec<Wide>;
  static constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(Wide()));

  static double Start() { return 0; }
  static HWY_INLINE double Join(double sum, double other) { return sum + other; }

  static HWY_INLINE Sum Add(const float* x, Sum sum) {
    const Wide d;
    const Sum wide = hn::PromoteTo(d, hn::LoadU(Narrow(), x));
    if (kKind == Reduction::Kind::kSumOfMagnitudes) return hn::Add(sum, hn::Abs(wide));
    return kKind == Reduction::Kind::kSumOfSquares ? hn::MulAdd(wide, wide, sum)
                                                   : hn::Add(sum, wide);
  }

  static HWY_INLINE double Row(const float* x, int64_t count) {
    const Wide d;
    constexpr int64_t kSums = 4;  // none waits for the one before it
    double sum = 0;
    int64_t i = 0;
    if (count >= kSums * kLanes) {
      Sum sums[kSums];
      for (Sum& one : sums) one = hn::Zero(d);
      for (; i + kSums * kLanes <= count; i += kSums * kLanes) {
#pragma GCC unroll 4
        for (int64_t k = 0; k < kSums; ++k) sums[k] = Add(x + i + k * kLanes, sums[k]);
      }
      const Sum both = hn::Add(hn::Add(sums[0], sums[1]), hn::Add(sums[2], sums[3]));
      sum = hn::GetLane(hn::SumOfLanes(d, both));
    }
    if (i + kLanes <= count) {
      Sum rest = hn::Zero(d);
      for (; i + kLanes <= count; i += kLanes) rest = Add(x + i, rest);
      sum += hn::GetLane(hn::SumOfLanes(d, rest));
    }
    for (; i < count; ++i) sum += Term<kKind>(x[i]);
    return sum;
  }

  // The sums of `count` columns, at most kResults, of a matrix.
  static void Columns(const float* x, int64_t rows, int64_t stride, int64_t count,
                      double* results) {
    constexpr int64_t kVectors = 8;
    int64_t c = 0;
    for (; c + kVectors * kLanes <= count; c += kVectors * kLanes) {
      SomeColumns<kVectors>(x + c, rows, stride, results + c);
    }
    for (; c + kLanes <= count; c += kLanes) SomeColumns<1>(x + c, rows, stride, results + c);
    if (c == count) return;
    std::fill_n(results + c, count - c, 0.0);
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t k = c; k < count; ++k) results[k] += Term<kKind>(x[r * stride + k]);
    }
  }

  static float Result(const Reduction& reduction, double sum) {
    if (reduction.root) sum = std::sqrt(sum);
    return static_cast<float>(sum * reduction.factor);
  }

 private:
  template <int64_t kVectors>
  static HWY_INLINE void SomeColumns(const float* x, int64_t rows, int64_t stride,
                                     double* results) {
    const Wide d;
    Sum sums[kVectors];
#pragma GCC unroll 8
    for (int64_t v = 0; v < kVectors; ++v) sums[v] = hn::Zero(d);
    for (int64_t r = 0; r < rows; ++r) {
#pragma GCC unroll 8
      for (int64_t v = 0; v < kVectors; ++v) sums[v] = Add(x + r * stride + v * kLanes, sums[v]);
    }
#pragma GCC unroll 8
    for (int64_t v = 0; v < kVectors; ++v) hn::StoreU(sums[v], d, results + v * kLanes);
  }
};

template <Reduction::Kind kKind>
struct Choosing {
  static constexpr bool kGreatest = kKind == Reduction::Kind::kGreatest;
  static constexpr float kInfinity = std::numeric_limits<float>::infinity();
  static constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

  static float Start() { return kGreatest ? -kInfinity : kInfinity; }
  static HWY_INLINE float Join(float chosen, float other) {
    if (chosen != chosen || other != other) return kNan;
    return kGreatest ? std::max(chosen, other) : std::min(chosen, other);
  }

  // The extremes so far, which a NaN does not always come through, and where there was one.
  struct Best {
    V chosen;
    hn::Mask<D> nan;
    HWY_INLINE Best() : chosen(hn::Set(D(), Start())), nan(hn::IsNaN(chosen)) {}
    HWY_INLINE void Add(const float* x) {
      const V v = hn::LoadU(D(), x);
      chosen = kGreatest ? hn::Max(chosen, v) : hn::Min(chosen, v);
      nan = hn::Or(nan, hn::IsNaN(v));
    }
    HWY_INLINE V Result() const { return hn::IfThenElse(nan, hn::Set(D(), kNan), chosen); }
  };

  static HWY_INLINE float Row(const float* x, int64_t count) {
    if (count >= kLanes) {
      Best best;
      int64_t i = 0;
      for (; i + kLanes <= count; i += kLanes) best.Add(x + i);
      best.Add(x + count - kLanes);  // some of them again
      if (!hn::AllFalse(D(), best.nan)) return kNan;
      return hn::GetLane(kGreatest ? hn::MaxOfLanes(D(), best.chosen)
                                   : hn::MinOfLanes(D(), best.chosen));
    }
    float chosen = x[0];
    bool nan = x[0] != x[0];
    for (int64_t i = 1; i < count; ++i) {
      chosen = kGreatest ? std::max(x[i], chosen) : std::min(x[i], chosen);
      nan |= x[i] != x[i];
    }
    return nan ? kNan : chosen;
  }

  static void Columns(const float* x, int64_t rows, int64_t stride, int64_t count, float* results) {
    constexpr int64_t kVectors = 4;
    int64_t c = 0;
    for (; c + kVectors * kLanes <= count; c += kVectors * kLanes) {
      SomeColumns<kVectors>(x + c, rows, stride, results + c);
    }
    for (; c + kLanes <= count; c += kLanes) SomeColumns<1>(x + c, rows, stride, results + c);
    if (c == count) return;
    std::fill_n(results + c, count - c, Start());
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t k = c; k < count; ++k) results[k] = Join(results[k], x[r * stride + k]);
    }
  }

  static float Result(const Reduction&, float chosen) { return chosen; }

 private:
  template <int64_t kVectors>
  static HWY_INLINE void SomeColumns(const float* x, int64_t rows, int64_t stride, float* results) {
    Best best[kVectors];
    for (int64_t r = 0; r < rows; ++r) {
#pragma GCC unroll 4
      for (int64_t v = 0; v < kVectors; ++v) best[v].Add(x + r * stride + v * kLanes);
    }
#pragma GCC unroll 4
    for (int64_t v = 0; v < kVectors; ++v) hn::StoreU(best[v].Result(), D(), results + v * kLanes);
  }
};

template <typename Reducer>
void ReduceBy(const Reduction& r, const float* x, float* y, int64_t begin, int64_t end) {
  decltype(Reducer::Start()) results[kResults];
  while (begin < end) {
    const int64_t first = begin % r.kept, count = std::min({kResults, r.kept - first, end - begin});
    const float* const from = x + (begin / r.kept * r.reduced * r.kept + first) * r.length;
    if (r.length == 1) {
      Reducer::Columns(from, r.reduced, r.kept, count, results);
    } else {
      for (int64_t k = 0; k < count; ++k) results[k] = Reducer::Row(from + k * r.length, r.length);
      for (int64_t i = 1; i < r.reduced; ++i) {
        const float* const rows = from + i * r.kept * r.length;
        for (int64_t k = 0; k < count; ++k) {
          results[k] = Reducer::Join(results[k], Reducer::Row(rows + k * r.length, r.length));
        }
      }
    }
    for (int64_t k = 0; k < count; ++k) y[begin + k] = Reducer::Result(r, results[k]);
    begin += count;
  }
}

void ReduceElements(const Reduction& reduction, const float* x, float* y, int64_t begin,
                    int64_t end) {
  using Kind = Reduction::Kind;
  switch (reduction.kind) {
    case Kind::kSum:
      return ReduceBy<Summing<Kind::kSum>>(reduction, x, y, begin, end);
    case Kind::kSumOfMagnitudes:
      return ReduceBy<Summing<Kind::kSumOfMagnitudes>>(reduction, x, y, begin, end);
    case Kind::kSumOfSquares:
      return ReduceBy<Summing<Kind::kSumOfSquares>>(reduction, x, y, begin, end);
    case Kind::kGreatest:
      return ReduceBy<Choosing<Kind::kGreatest>>(reduction, x, y, begin, end);
    case Kind::kLeast:
      return ReduceBy<Choosing<Kind::kLeast>>(reduction, x, y, begin, end);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_CORE_REDUCTION_REDUCTION_KERNEL_H_
