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

// What is summed, or multiplied, of an element.
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

  static constexpr bool kProduct = kKind == Reduction::Kind::kProduct;

  static constexpr double Start() { return kProduct ? 1 : 0; }
  static HWY_INLINE double Join(double sum, double other) {
    return kProduct ? sum * other : sum + other;
  }
  static HWY_INLINE Sum Join(Sum sum, Sum other) {
    return kProduct ? hn::Mul(sum, other) : hn::Add(sum, other);
  }
  static HWY_INLINE double JoinLanes(Sum sum) {
    const Wide d;
    if (!kProduct) return hn::GetLane(hn::SumOfLanes(d, sum));
    alignas(64) double lanes[kLanes];
    hn::Store(sum, d, lanes);
    double product = lanes[0];
    for (int64_t k = 1; k < kLanes; ++k) product *= lanes[k];
    return product;
  }

  static HWY_INLINE Sum Add(const float* x, Sum sum) {
    const Wide d;
    const Sum wide = hn::PromoteTo(d, hn::LoadU(Narrow(), x));
    if (kProduct) return hn::Mul(sum, wide);
    if (kKind == Reduction::Kind::kSumOfMagnitudes) return hn::Add(sum, hn::Abs(wide));
    return kKind == Reduction::Kind::kSumOfSquares ? hn::MulAdd(wide, wide, sum)
                                                   : hn::Add(sum, wide);
  }

  static HWY_INLINE double Row(const float* x, int64_t count, int64_t) {
    const Wide d;
    constexpr int64_t kSums = 4;  // none waits for the one before it
    double sum = Start();
    int64_t i = 0;
    if (count >= kSums * kLanes) {
      Sum sums[kSums];
      for (Sum& one : sums) one = hn::Set(d, Start());
      for (; i + kSums * kLanes <= count; i += kSums * kLanes) {
#pragma GCC unroll 4
        for (int64_t k = 0; k < kSums; ++k) sums[k] = Add(x + i + k * kLanes, sums[k]);
      }
      sum = JoinLanes(Join(Join(sums[0], sums[1]), Join(sums[2], sums[3])));
    }
    if (i + kLanes <= count) {
      Sum rest = hn::Set(d, Start());
      for (; i + kLanes <= count; i += kLanes) rest = Add(x + i, rest);
      sum = Join(sum, JoinLanes(rest));
    }
    for (; i < count; ++i) sum = Join(sum, Term<kKind>(x[i]));
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
    std::fill_n(results + c, count - c, Start());
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t k = c; k < count; ++k) {
        results[k] = Join(results[k], Term<kKind>(x[r * stride + k]));
      }
    }
  }

  static double Result(const Reduction& reduction, double sum) {
    return (reduction.root ? std::sqrt(sum) : sum) * reduction.factor;
  }

 private:
  template <int64_t kVectors>
  static HWY_INLINE void SomeColumns(const float* x, int64_t rows, int64_t stride,
                                     double* results) {
    const Wide d;
    Sum sums[kVectors];
#pragma GCC unroll 8
    for (int64_t v = 0; v < kVectors; ++v) sums[v] = hn::Set(d, Start());
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

  static HWY_INLINE float Row(const float* x, int64_t count, int64_t) {
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

// Sums of e^(x - greatest), where the greatest element of each result is known.
struct ExpSumming {
  const float* greatest;

  // So many sums are made in float32, of numbers that are at most 1, before they go on in double.
  static constexpr int64_t kShort = 32;

  static HWY_INLINE double Join(double sum, double other) { return sum + other; }
  static HWY_INLINE V Term(V x, V shift) {
    const D d;
    return Exp(d, hn::Max(hn::Sub(x, shift), hn::Set(d, -87.0f)));
  }

  HWY_INLINE double Row(const float* x, int64_t count, int64_t k) const {
    const D d;
    const V shift = hn::Set(d, greatest[k]);
    double sum = 0;
    for (int64_t begin = 0; begin < count; begin += kShort * kLanes) {
      const int64_t end = std::min(count, begin + kShort * kLanes);
      V sums = hn::Zero(d);
      int64_t i = begin;
      for (; i + kLanes <= end; i += kLanes) {
        sums = hn::Add(sums, Term(hn::LoadU(d, x + i), shift));
      }
      if (i < end) {
        const V rest = Term(LoadFirst(x + i, end - i), shift);
        const auto there = hn::FirstN(d, static_cast<size_t>(end - i));
        sums = hn::Add(sums, hn::IfThenElseZero(there, rest));
      }
      sum += hn::GetLane(hn::SumOfLanes(d, sums));
    }
    return sum;
  }

  void Columns(const float* x, int64_t rows, int64_t stride, int64_t count, double* results) const {
    constexpr int64_t kVectors = 4;
    std::fill_n(results, count, 0.0);
    int64_t c = 0;
    for (; c + kVectors * kLanes <= count; c += kVectors * kLanes) {
      SomeColumns<kVectors>(x + c, rows, stride, kLanes, greatest + c, results + c);
    }
    for (; c < count; c += kLanes) {
      const int64_t there = std::min(kLanes, count - c);
      SomeColumns<1>(x + c, rows, stride, there, greatest + c, results + c);
    }
  }

 private:
  // kVectors vectors side by side, or of one `there` elements.
  template <int64_t kVectors>
  static HWY_INLINE void SomeColumns(const float* x, int64_t rows, int64_t stride, int64_t there,
                                     const float* greatest, double* results) {
    const D d;
    const auto load = [&](const float* from) HWY_ATTR {
      return kVectors > 1 || there == kLanes ? hn::LoadU(d, from) : LoadFirst(from, there);
    };
    V shifts[kVectors], sums[kVectors];
    alignas(64) float lanes[kVectors * kLanes];
#pragma GCC unroll 4
    for (int64_t v = 0; v < kVectors; ++v) shifts[v] = load(greatest + v * kLanes);
    for (int64_t begin = 0; begin < rows; begin += kShort) {
#pragma GCC unroll 4
      for (int64_t v = 0; v < kVectors; ++v) sums[v] = hn::Zero(d);
      const int64_t end = std::min(rows, begin + kShort);
      for (int64_t r = begin; r < end; ++r) {
#pragma GCC unroll 4
        for (int64_t v = 0; v < kVectors; ++v) {
          sums[v] = hn::Add(sums[v], Term(load(x + r * stride + v * kLanes), shifts[v]));
        }
      }
#pragma GCC unroll 4
      for (int64_t v = 0; v < kVectors; ++v) hn::Store(sums[v], d, lanes + v * kLanes);
      const int64_t count = (kVectors - 1) * kLanes + there;
      for (int64_t k = 0; k < count; ++k) results[k] += lanes[k];
    }
  }
};

// What the reducer makes of `count` results, at most kResults, the first of which begins at x.
template <typename Reducer, typename Result>
HWY_INLINE void ReduceSome(const Reducer& reducer, const Reduction& r, const float* x,
                           int64_t count, Result* results) {
  if (r.length == 1) return reducer.Columns(x, r.reduced, r.kept, count, results);
  for (int64_t k = 0; k < count; ++k) results[k] = reducer.Row(x + k * r.length, r.length, k);
  for (int64_t i = 1; i < r.reduced; ++i) {
    const float* const rows = x + i * r.kept * r.length;
    for (int64_t k = 0; k < count; ++k) {
      results[k] = reducer.Join(results[k], reducer.Row(rows + k * r.length, r.length, k));
    }
  }
}

// Calls f(x of the first, how many) for results that lie side by side, at most `most` of them.
template <typename F>
HWY_INLINE void ForEachSome(const Reduction& r, const float* x, int64_t begin, int64_t end,
                            int64_t most, F f) {
  while (begin < end) {
    const int64_t first = begin % r.kept, count = std::min({most, r.kept - first, end - begin});
    f(x + (begin / r.kept * r.reduced * r.kept + first) * r.length, count);
    begin += count;
  }
}

// The results [begin, end), of which the first goes to y[0].
template <typename Reducer, typename Y>
void ReduceBy(const Reduction& r, const float* x, Y* y, int64_t begin, int64_t end) {
  decltype(Reducer::Start()) results[kResults];
  ForEachSome(r, x, begin, end, kResults, [&](const float* from, int64_t count) HWY_ATTR {
    ReduceSome(Reducer(), r, from, count, results);
    for (int64_t k = 0; k < count; ++k) {
      *y++ = static_cast<Y>(Reducer::Result(r, results[k]));
    }
  });
}

inline void LogSumExp(const Reduction& r, const float* x, float* y, int64_t begin, int64_t end) {
  float greatest[kResults];
  double sums[kResults];
  // A row is read again while the cache has it.
  const int64_t most = r.length == 1 ? kResults : 1;
  ForEachSome(r, x, begin, end, most, [&](const float* from, int64_t count) HWY_ATTR {
    ReduceSome(Choosing<Reduction::Kind::kGreatest>(), r, from, count, greatest);
    ReduceSome(ExpSumming{greatest}, r, from, count, sums);
    for (int64_t k = 0; k < count; ++k) {
      // An infinity, or NaN, is the result; there the sum is nothing.
      *y++ = std::isfinite(greatest[k]) ? static_cast<float>(greatest[k] + std::log(sums[k]))
                                        : greatest[k];
    }
  });
}

// Of kinds whose results are made in double.
template <typename Y>
void SumElementsTo(const Reduction& reduction, const float* x, Y* y, int64_t begin, int64_t end) {
  using Kind = Reduction::Kind;
  switch (reduction.kind) {
    case Kind::kSum:
      return ReduceBy<Summing<Kind::kSum>>(reduction, x, y, begin, end);
    case Kind::kSumOfMagnitudes:
      return ReduceBy<Summing<Kind::kSumOfMagnitudes>>(reduction, x, y, begin, end);
    case Kind::kSumOfSquares:
      return ReduceBy<Summing<Kind::kSumOfSquares>>(reduction, x, y, begin, end);
    default:
      return ReduceBy<Summing<Kind::kProduct>>(reduction, x, y, begin, end);
  }
}

inline void SumElementsToDouble(const Reduction& reduction, const float* x, double* y,
                                int64_t begin, int64_t end) {
  SumElementsTo(reduction, x, y, begin, end);
}

inline void ReduceElements(const Reduction& reduction, const float* x, float* y, int64_t begin,
                           int64_t end) {
  using Kind = Reduction::Kind;
  switch (reduction.kind) {
    case Kind::kGreatest:
      return ReduceBy<Choosing<Kind::kGreatest>>(reduction, x, y, begin, end);
    case Kind::kLeast:
      return ReduceBy<Choosing<Kind::kLeast>>(reduction, x, y, begin, end);
    case Kind::kLogSumExp:
      return LogSumExp(reduction, x, y, begin, end);
    default:
      return SumElementsTo(reduction, x, y, begin, end);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_CORE_REDUCTION_REDUCTION_KERNEL_H_
