// The loops of byte_loops.cc, which includes this file once for each instruction set.
#if defined(NOMOGRAPH_OPS_QUANT_BYTE_LOOPS_KERNEL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_OPS_QUANT_BYTE_LOOPS_KERNEL_H_
#undef NOMOGRAPH_OPS_QUANT_BYTE_LOOPS_KERNEL_H_
#else
#define NOMOGRAPH_OPS_QUANT_BYTE_LOOPS_KERNEL_H_
#endif

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "hwy/highway.h"
#include "nomograph/ops/quant/byte_loops.h"
#include "nomograph/ops/quant/byte_rounding_kernel.h"
#include "nomograph/ops/quant/loops.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph::quant {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Quotients by one scale as integers of 8 bits, less the zero point.
//
// A product with the reciprocal is off by less than 2^-21 of itself, and so by less than 2^-12
// where limits have come first. Only next to half an integer can it round to another integer than
// the quotient: there it is divided, which takes longer.
template <typename Q>
class RoundedQuotients {
 public:
  RoundedQuotients(float scale, int32_t zero)
      : scale_(hn::Set(Floats(), scale)),
        reciprocal_(hn::Set(Floats(), 1 / scale)),
        low_(hn::Set(Floats(), static_cast<float>(std::numeric_limits<Q>::min() - zero))),
        high_(hn::Set(Floats(), static_cast<float>(std::numeric_limits<Q>::max() - zero))),
        zero_(hn::Set(Ints(), zero)),
        // One that is NaN, infinite or has few digits leaves no way but to divide.
        clear_(hn::Set(Floats(), std::isnormal(scale) && std::isnormal(1 / scale)
                                     ? 0.5f - 1.0f / 4096
                                     : -1.0f)) {}

  // x / scale.
  HWY_INLINE hn::Vec<hn::Rebind<Q, Floats>> operator()(FloatVector x) const {
    const FloatVector quotient = hn::Mul(x, reciprocal_);
    const hn::Vec<Ints> rounded = hn::NearestInt(Limited(quotient));
    const auto is_clear =
        hn::And(IsClear(Limited(quotient), rounded, clear_), hn::Eq(quotient, quotient));
    if (HWY_UNLIKELY(!hn::AllTrue(Floats(), is_clear))) return Divided(x);
    return Moved(rounded);
  }
  HWY_INLINE hn::Vec<hn::Rebind<Q, Floats>> Divided(FloatVector x) const {
    const FloatVector quotient = hn::Div(x, scale_);
    return Moved(hn::NearestInt(Limited(hn::IfThenElseZero(hn::Eq(quotient, quotient), quotient))));
  }

  HWY_INLINE FloatVector Limited(FloatVector x) const { return hn::Min(hn::Max(x, low_), high_); }
  // Whether x is nearer to the integer than `clear`.
  static HWY_INLINE hn::Mask<Floats> IsClear(FloatVector x, hn::Vec<Ints> rounded,
                                             FloatVector clear) {
    return hn::Lt(hn::Abs(hn::Sub(x, hn::ConvertTo(Floats(), rounded))), clear);
  }
  HWY_INLINE hn::Vec<hn::Rebind<Q, Floats>> Moved(hn::Vec<Ints> rounded) const {
    return hn::DemoteTo(hn::Rebind<Q, Floats>(), hn::Add(rounded, zero_));
  }

 private:
  FloatVector scale_, reciprocal_, low_, high_;
  hn::Vec<Ints> zero_;
  FloatVector clear_;
};

// The sum's quotient as a * a_factor + b * b_factor + rest, and how near to half an integer what
// that yields may be on the wrong side: it is off by less than 2^-20 of what the terms can be.
struct ByteSumTerms {
  explicit ByteSumTerms(const ByteSum& sum)
      : a_factor(sum.a_scale / sum.y_scale),
        b_factor(sum.b_scale / sum.y_scale),
        rest(-(static_cast<float>(sum.a_zero) * a_factor +
               static_cast<float>(sum.b_zero) * b_factor)) {
    constexpr float kGreatest = 255, kLeast = 1e-30f, kMost = 1e30f;
    const float terms =
        kGreatest * (std::fabs(a_factor) + std::fabs(b_factor)) + 2 * std::fabs(rest);
    // Numbers that are not finite, or have few digits, leave no way but to divide.
    clear = sum.y_scale > kLeast && sum.y_scale < kMost && terms < 1 << 16
                ? 0.5f - terms / (1 << 20)
                : -1.0f;
  }
  float a_factor, b_factor, rest, clear;
};

template <typename Q>
void AddLoop(const ByteSum& sum, const Q* a, const Q* b, int64_t count, Q* y) {
  const Floats d;
  const Ints ints;
  const hn::Rebind<Q, Floats> bytes;
  const ByteSumTerms terms(sum);
  const FloatVector a_factor = hn::Set(d, terms.a_factor), b_factor = hn::Set(d, terms.b_factor);
  const FloatVector rest = hn::Set(d, terms.rest), clear = hn::Set(d, terms.clear);
  const RoundedQuotients<Q> quotients(sum.y_scale, sum.y_zero);
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto load = [&](const Q* from)
                        HWY_ATTR { return hn::PromoteTo(ints, hn::LoadU(bytes, from)); };
  const auto number = [&](const Q* from, int32_t zero, float scale) HWY_ATTR {
    const auto steps = hn::ConvertTo(d, hn::Sub(load(from), hn::Set(ints, zero)));
    return hn::Mul(steps, hn::Set(d, scale));
  };
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const FloatVector quotient =
        quotients.Limited(hn::MulAdd(hn::ConvertTo(d, load(a + i)), a_factor,
                                     hn::MulAdd(hn::ConvertTo(d, load(b + i)), b_factor, rest)));
    const hn::Vec<Ints> rounded = hn::NearestInt(quotient);
    auto result = quotients.Moved(rounded);
    if (HWY_UNLIKELY(!hn::AllTrue(d, quotients.IsClear(quotient, rounded, clear)))) {
      result = quotients.Divided(
          hn::Add(number(a + i, sum.a_zero, sum.a_scale), number(b + i, sum.b_zero, sum.b_scale)));
    }
    hn::StoreU(result, bytes, y + i);
  }
  for (; i < count; ++i) {
    const float value = (static_cast<float>(a[i] - sum.a_zero) * sum.a_scale +
                         static_cast<float>(b[i] - sum.b_zero) * sum.b_scale) /
                        sum.y_scale;
    y[i] = QuantizedFast<Q>(value, sum.y_zero);
  }
}

// Without dividing, in whole parts of ByteRounding::kCount; yields how many elements they are.
template <typename Q>
int64_t AddWithFactors(const ByteSum& sum, const ByteSumFactors& factors, const Q* a, const Q* b,
                       int64_t count, Q* y) {
  const Floats d;
  constexpr int64_t kLanes = hn::MaxLanes(Floats());
  const FloatVector a_factor = hn::Set(d, factors.a), b_factor = hn::Set(d, factors.b);
  const FloatVector rest = hn::Set(d, factors.rest);
  const ByteRounding rounding(sum.y_zero, sum.is_signed);
  const auto number = [&](const Q* from) HWY_ATTR {
    const hn::Rebind<Q, Floats> bytes;
    return hn::ConvertTo(d, hn::PromoteTo(Ints(), hn::LoadU(bytes, from)));
  };
  const auto quotient = [&](int64_t i) HWY_ATTR {
    return hn::MulAdd(number(a + i), a_factor, hn::MulAdd(number(b + i), b_factor, rest));
  };
  int64_t i = 0;
  for (; i + ByteRounding::kCount <= count; i += ByteRounding::kCount) {
    rounding.Store(quotient(i), quotient(i + kLanes), quotient(i + 2 * kLanes),
                   quotient(i + 3 * kLanes), y + i);
  }
  return i;
}

template <typename Q>
void AddBytesOf(const ByteSum& sum, const ByteSumFactors* factors, const Q* a, const Q* b,
                int64_t count, Q* y) {
  const int64_t done = factors == nullptr ? 0 : AddWithFactors(sum, *factors, a, b, count, y);
  AddLoop(sum, a + done, b + done, count - done, y + done);
}

void AddBytes(const ByteSum& sum, const ByteSumFactors* factors, const void* a, const void* b,
              int64_t count, void* y) {
  if (sum.is_signed) {
    AddBytesOf(sum, factors, static_cast<const int8_t*>(a), static_cast<const int8_t*>(b), count,
               static_cast<int8_t*>(y));
  } else {
    AddBytesOf(sum, factors, static_cast<const uint8_t*>(a), static_cast<const uint8_t*>(b), count,
               static_cast<uint8_t*>(y));
  }
}

template <typename Q>
void QuantizeLoop(const float* HWY_RESTRICT x, int64_t count, float scale, int32_t zero,
                  Q* HWY_RESTRICT y) {
  const Floats d;
  const RoundedQuotients<Q> rounded(scale, zero);
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    hn::StoreU(rounded(hn::LoadU(d, x + i)), hn::Rebind<Q, Floats>(), y + i);
  }
  for (; i < count; ++i) y[i] = QuantizedFast<Q>(x[i] / scale, zero);
}

FloatRange RangeOf(const float* x, int64_t count) {
  const Floats d;
  constexpr int64_t kLanes = hn::MaxLanes(Floats()), kChains = 4;
  FloatRange range;
  // Comparisons with NaN are false.
  FloatVector low[kChains], high[kChains];
  for (int64_t k = 0; k < kChains; ++k) low[k] = high[k] = hn::Zero(d);
  int64_t i = 0;
  for (; i + kChains * kLanes <= count; i += kChains * kLanes) {
#pragma GCC unroll 4
    for (int64_t k = 0; k < kChains; ++k) {
      const FloatVector v = hn::LoadU(d, x + i + k * kLanes);
      low[k] = hn::IfThenElse(hn::Lt(v, low[k]), v, low[k]);
      high[k] = hn::IfThenElse(hn::Gt(v, high[k]), v, high[k]);
    }
  }
  for (int64_t k = 0; k < kChains; ++k) {
    range.low = std::min(range.low, hn::GetLane(hn::MinOfLanes(d, low[k])));
    range.high = std::max(range.high, hn::GetLane(hn::MaxOfLanes(d, high[k])));
  }
  for (; i < count; ++i) {
    range.low = x[i] < range.low ? x[i] : range.low;
    range.high = x[i] > range.high ? x[i] : range.high;
  }
  return range;
}

void QuantizeToBytes(const float* x, int64_t count, float scale, int32_t zero, bool is_signed,
                     void* y) {
  if (is_signed) {
    QuantizeLoop(x, count, scale, zero, static_cast<int8_t*>(y));
  } else {
    QuantizeLoop(x, count, scale, zero, static_cast<uint8_t*>(y));
  }
}

template <typename Q>
void RequantizeLoop(const int32_t* HWY_RESTRICT sums, int64_t count, const ByteScales& scales,
                    Q* HWY_RESTRICT y) {
  const Floats d;
  constexpr int64_t kLanes = hn::MaxLanes(Floats());
  const FloatVector most = hn::Set(d, 1 << 20);
  const ByteRounding rounding(scales.zero, scales.is_signed);
  const auto value = [&](int64_t i) HWY_ATTR {
    IntVector sum = hn::LoadU(Ints(), sums + i);
    if (scales.biases != nullptr) sum = hn::Add(sum, hn::LoadU(Ints(), scales.biases + i));
    return hn::Min(hn::Mul(hn::ConvertTo(d, sum), hn::LoadU(d, scales.scales + i)), most);
  };
  int64_t i = 0;
  for (; i + ByteRounding::kCount <= count; i += ByteRounding::kCount) {
    rounding.Store(value(i), value(i + kLanes), value(i + 2 * kLanes), value(i + 3 * kLanes),
                   y + i);
  }
  for (; i < count; ++i) {
    const uint32_t bias = scales.biases == nullptr ? 0 : static_cast<uint32_t>(scales.biases[i]);
    const auto sum = static_cast<int32_t>(static_cast<uint32_t>(sums[i]) + bias);
    y[i] = QuantizedFast<Q>(static_cast<float>(sum) * scales.scales[i], scales.zero);
  }
}

void RequantizeToBytes(const int32_t* sums, int64_t count, const ByteScales& scales, void* y) {
  if (scales.is_signed) {
    RequantizeLoop(sums, count, scales, static_cast<int8_t*>(y));
  } else {
    RequantizeLoop(sums, count, scales, static_cast<uint8_t*>(y));
  }
}

// Calls f(d, i) for vectors that make up [0, count), the last two of which may overlap; false where
// there are fewer elements than a vector has.
template <typename D, typename F>
HWY_INLINE bool ForVectors(D d, int64_t count, F f) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  if (count < lanes) return false;
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) f(d, i);
  if (i < count) f(d, count - lanes);
  return true;
}

void MaxOfLines(const uint8_t* const* lines, int64_t rows, uint8_t flip, int64_t count,
                uint8_t* HWY_RESTRICT to) {
  const auto vector = [&](auto d, int64_t i) HWY_ATTR {
    const auto flips = hn::Set(d, flip);
    auto greatest = hn::Zero(d);
    for (int64_t r = 0; r < rows; ++r) {
      greatest = hn::Max(greatest, hn::Xor(hn::LoadU(d, lines[r] + i), flips));
    }
    hn::StoreU(greatest, d, to + i);
  };
  if (ForVectors(hn::ScalableTag<uint8_t>(), count, vector) ||
      ForVectors(hn::CappedTag<uint8_t, 16>(), count, vector)) {
    return;
  }
  for (int64_t i = 0; i < count; ++i) {
    uint8_t greatest = 0;
    for (int64_t r = 0; r < rows; ++r) {
      greatest = std::max(greatest, static_cast<uint8_t>(lines[r][i] ^ flip));
    }
    to[i] = greatest;
  }
}

void MaxOfTaps(const uint8_t* HWY_RESTRICT line, int64_t taps, int64_t dilation, int64_t stride,
               int64_t count, uint8_t* HWY_RESTRICT y) {
  const auto neighbours = [&](auto d, int64_t i) HWY_ATTR {
    auto greatest = hn::LoadU(d, line + i);
    for (int64_t t = 1; t < taps; ++t) {
      greatest = hn::Max(greatest, hn::LoadU(d, line + i + t * dilation));
    }
    hn::StoreU(greatest, d, y + i);
  };
  // Each second byte is the low half of 16 bits.
  const auto halves = [&](auto d, int64_t i) HWY_ATTR {
    auto greatest = hn::Zero(d);
    for (int64_t t = 0; t < taps; ++t) {
      const auto* const from = reinterpret_cast<const int16_t*>(line + 2 * i + t * dilation);
      greatest = hn::Max(greatest, hn::And(hn::LoadU(d, from), hn::Set(d, 0xff)));
    }
    const hn::Rebind<uint8_t, decltype(d)> bytes;
    hn::StoreU(hn::DemoteTo(bytes, greatest), bytes, y + i);
  };
  const bool done = stride == 1 ? ForVectors(hn::ScalableTag<uint8_t>(), count, neighbours) ||
                                      ForVectors(hn::CappedTag<uint8_t, 16>(), count, neighbours)
                                : ForVectors(hn::ScalableTag<int16_t>(), count, halves) ||
                                      ForVectors(hn::CappedTag<int16_t, 8>(), count, halves);
  if (done) return;
  for (int64_t i = 0; i < count; ++i) {
    uint8_t greatest = 0;
    for (int64_t t = 0; t < taps; ++t) {
      greatest = std::max(greatest, line[i * stride + t * dilation]);
    }
    y[i] = greatest;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph::quant
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_OPS_QUANT_BYTE_LOOPS_KERNEL_H_
