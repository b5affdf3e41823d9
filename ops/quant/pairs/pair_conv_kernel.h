// The loops of pair_conv.cc, which includes this file once for each instruction set.
#if defined(NOMOGRAPH_OPS_QUANT_PAIRS_PAIR_CONV_KERNEL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_OPS_QUANT_PAIRS_PAIR_CONV_KERNEL_H_
#undef NOMOGRAPH_OPS_QUANT_PAIRS_PAIR_CONV_KERNEL_H_
#else
#define NOMOGRAPH_OPS_QUANT_PAIRS_PAIR_CONV_KERNEL_H_
#endif

#include <cstdint>

#include "hwy/highway.h"
#include "nomograph/ops/quant/loops.h"
#include "nomograph/ops/quant/pairs/split_lines.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph::quant {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Pairs = hn::ScalableTag<int32_t>;
using P = hn::Vec<Pairs>;
constexpr int64_t kPairLanes = hn::MaxLanes(Pairs());
using Halves = hn::ScalableTag<int16_t>;
constexpr int64_t kHalfLanes = hn::MaxLanes(Halves());

// sums + the low halves' products + the high halves'.
HWY_INLINE P AddProducts(P sums, P x, P w) {
#if HWY_TARGET == HWY_AVX2
  return hn::Add(sums, P{_mm256_madd_epi16(x.raw, w.raw)});
#elif HWY_TARGET == HWY_AVX3
  return hn::Add(sums, P{_mm512_madd_epi16(x.raw, w.raw)});
#else
  const auto low = [](P v) HWY_ATTR { return hn::ShiftRight<16>(hn::ShiftLeft<16>(v)); };
  const P high = hn::Mul(hn::ShiftRight<16>(x), hn::ShiftRight<16>(w));
  return hn::Add(sums, hn::Add(hn::Mul(low(x), low(w)), high));
#endif
}

// Sums of products of some pairs at neighbouring places with the kernels of six output channels.
// Channels are `stride` apart in the sums.
template <bool kNarrow>
void MultiplySix(const int32_t* HWY_RESTRICT x, int64_t pairs, int64_t pair_stride,
                 const int64_t* offsets, int64_t taps, const int32_t* HWY_RESTRICT w,
                 int32_t* HWY_RESTRICT sums, int64_t stride) {
  const Pairs d;
  P c00 = hn::Zero(d), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00;
  P c30 = c00, c31 = c00, c40 = c00, c41 = c00, c50 = c00, c51 = c00;
#define NOMO_CHANNEL(i)                                                 \
  {                                                                     \
    const P factor = hn::Set(d, w[i]);                                  \
    c##i##0 = AddProducts(c##i##0, x0, factor);                         \
    if constexpr (!kNarrow) c##i##1 = AddProducts(c##i##1, x1, factor); \
  }
  for (int64_t p = 0; p < pairs; ++p, x += pair_stride) {
    for (int64_t t = 0; t < taps; ++t, w += 6) {
      const int32_t* const from = x + offsets[t];
      const P x0 = hn::LoadU(d, from), x1 = kNarrow ? x0 : hn::LoadU(d, from + kPairLanes);
      NOMO_CHANNEL(0)
      NOMO_CHANNEL(1) NOMO_CHANNEL(2) NOMO_CHANNEL(3) NOMO_CHANNEL(4) NOMO_CHANNEL(5)(void) x1;
    }
  }
#undef NOMO_CHANNEL
#define NOMO_STORE(i)                        \
  hn::StoreU(c##i##0, d, sums + i * stride); \
  if constexpr (!kNarrow) hn::StoreU(c##i##1, d, sums + i * stride + kPairLanes);
  NOMO_STORE(0) NOMO_STORE(1) NOMO_STORE(2) NOMO_STORE(3) NOMO_STORE(4) NOMO_STORE(5)
#undef NOMO_STORE
}

// The same at `count` places, which what is in memory may exceed by two vectors.
void MultiplyChannels(const int32_t* x, int64_t count, int64_t pairs, int64_t pair_stride,
                      const int64_t* offsets, int64_t taps, const int32_t* w, int32_t* sums,
                      int64_t stride) {
  int64_t q = 0;
  for (; q + kPairLanes < count; q += 2 * kPairLanes) {
    MultiplySix<false>(x + q, pairs, pair_stride, offsets, taps, w, sums + q, stride);
  }
  if (q < count) MultiplySix<true>(x + q, pairs, pair_stride, offsets, taps, w, sums + q, stride);
}

// Of a single plane of pairs and a single output channel.
void MultiplyPlane(const int32_t* HWY_RESTRICT x, int64_t count, const int64_t* offsets,
                   int64_t taps, const int32_t* HWY_RESTRICT w, int32_t* HWY_RESTRICT sums) {
  const Pairs d;
  for (int64_t q = 0; q < count; q += 4 * kPairLanes) {
    P c0 = hn::Zero(d), c1 = c0, c2 = c0, c3 = c0;
    for (int64_t t = 0; t < taps; ++t) {
      const int32_t* const from = x + q + offsets[t];
      const P factor = hn::Set(d, w[t]);
      c0 = AddProducts(c0, hn::LoadU(d, from), factor);
      c1 = AddProducts(c1, hn::LoadU(d, from + kPairLanes), factor);
      c2 = AddProducts(c2, hn::LoadU(d, from + 2 * kPairLanes), factor);
      c3 = AddProducts(c3, hn::LoadU(d, from + 3 * kPairLanes), factor);
    }
    hn::StoreU(c0, d, sums + q);
    hn::StoreU(c1, d, sums + q + kPairLanes);
    hn::StoreU(c2, d, sums + q + 2 * kPairLanes);
    hn::StoreU(c3, d, sums + q + 3 * kPairLanes);
  }
}

template <typename Q>
void FinishLoop(const int32_t* HWY_RESTRICT sums, int64_t count, uint32_t bias, float scale,
                int32_t zero_point, Q* HWY_RESTRICT y) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    const auto sum = static_cast<int32_t>(static_cast<uint32_t>(sums[i]) + bias);
    y[i] = QuantizedFast<Q>(static_cast<float>(sum) * scale, zero_point);
  }
}

// Sums of one output channel to bytes.
void FinishRow(const int32_t* sums, int64_t count, int32_t bias, float scale, int32_t zero_point,
               bool is_signed, void* y) {
  const auto added = static_cast<uint32_t>(bias);
  if (is_signed) {
    FinishLoop(sums, count, added, scale, zero_point, static_cast<int8_t*>(y));
  } else {
    FinishLoop(sums, count, added, scale, zero_point, static_cast<uint8_t*>(y));
  }
}

// A line of bytes less their zero point: whole vectors, of which the last may reach past `count` in
// what is written, and in what is read where `may_read_on` says so.
template <typename X>
HWY_INLINE void LessZeroLoop(const X* HWY_RESTRICT x, int64_t count, bool may_read_on, int16_t zero,
                             int16_t* HWY_RESTRICT to) {
  const Halves d;
  const hn::Rebind<X, Halves> bytes;
  const auto zeros = hn::Set(d, zero);
  const int64_t whole = may_read_on ? count : count - kHalfLanes + 1;
  int64_t i = 0;
  for (; i < whole; i += kHalfLanes) {
    hn::StoreU(hn::Sub(hn::PromoteTo(d, hn::LoadU(bytes, x + i)), zeros), d, to + i);
  }
  for (; i < count; ++i) to[i] = static_cast<int16_t>(x[i] - zero);
}

HWY_INLINE void LessZero(const SplitLines& lines, const void* x, int64_t element, int16_t* to) {
  const bool may_read_on = element + lines.count + kHalfLanes <= lines.elements;
  const auto zero = static_cast<int16_t>(lines.zero_point);
  if (lines.is_signed) {
    LessZeroLoop(static_cast<const int8_t*>(x) + element, lines.count, may_read_on, zero, to);
  } else {
    LessZeroLoop(static_cast<const uint8_t*>(x) + element, lines.count, may_read_on, zero, to);
  }
  // What was written past the end is padding.
  hn::StoreU(hn::Zero(Halves()), Halves(), to + lines.count);
}

// Pairs of a[i * stride] and b[i * stride]. The last vector may reach past them where
// `may_write_on` says so.
HWY_INLINE void JoinPairs(const int16_t* a, const int16_t* b, int64_t count, int64_t stride,
                          bool may_write_on, int32_t* HWY_RESTRICT to) {
  const Pairs d;
  const hn::Rebind<int16_t, Pairs> halves;
  const P low = hn::Set(d, 0xffff);
  int64_t i = 0;
  if (stride == 1) {
    const int64_t whole = may_write_on ? count : count - kPairLanes + 1;
    for (; i < whole; i += kPairLanes) {
      const P first = hn::PromoteTo(d, hn::LoadU(halves, a + i));
      const P second = hn::PromoteTo(d, hn::LoadU(halves, b + i));
      hn::StoreU(hn::Or(hn::And(first, low), hn::ShiftLeft<16>(second)), d, to + i);
    }
  } else if (stride == 2) {  // each second one is the low half of 32 bits
    const int64_t whole = may_write_on ? count : count - kPairLanes + 1;
    for (; i < whole; i += kPairLanes) {
      const P first = hn::LoadU(d, reinterpret_cast<const int32_t*>(a + 2 * i));
      const P second = hn::LoadU(d, reinterpret_cast<const int32_t*>(b + 2 * i));
      hn::StoreU(hn::Or(hn::And(first, low), hn::ShiftLeft<16>(second)), d, to + i);
    }
  }
  for (; i < count; ++i) {
    to[i] = static_cast<int32_t>(static_cast<uint32_t>(static_cast<uint16_t>(a[i * stride])) |
                                 static_cast<uint32_t>(static_cast<uint16_t>(b[i * stride])) << 16);
  }
}

// Pairs of bytes less their zero point; without `b` of a and 0.
template <typename X>
HWY_INLINE void JoinBytesLoop(const X* HWY_RESTRICT a, const X* HWY_RESTRICT b, int64_t count,
                              int32_t zero_point, int32_t* HWY_RESTRICT to) {
  const Pairs d;
  const hn::Rebind<X, Pairs> bytes;
  const P zero = hn::Set(d, zero_point), low = hn::Set(d, 0xffff);
  const X* const second = b == nullptr ? a : b;
  const P high = hn::Set(d, b == nullptr ? 0 : -1);
  const auto join = [=](P x, P y) HWY_ATTR {
    const P partner = hn::And(hn::Sub(y, zero), high);
    return hn::Or(hn::And(hn::Sub(x, zero), low), hn::ShiftLeft<16>(partner));
  };
  int64_t i = 0;
  for (; i + kPairLanes <= count; i += kPairLanes) {
    hn::StoreU(join(hn::PromoteTo(d, hn::LoadU(bytes, a + i)),
                    hn::PromoteTo(d, hn::LoadU(bytes, second + i))),
               d, to + i);
  }
  for (; i < count; ++i) {
    to[i] = hn::GetLane(join(hn::Set(d, a[i]), hn::Set(d, second[i])));
  }
}

void JoinBytes(const void* x, bool is_signed, int64_t a, int64_t b, int64_t count,
               int32_t zero_point, int32_t* to) {
  if (is_signed) {
    const auto* const bytes = static_cast<const int8_t*>(x);
    JoinBytesLoop(bytes + a, b < 0 ? nullptr : bytes + b, count, zero_point, to);
  } else {
    const auto* const bytes = static_cast<const uint8_t*>(x);
    JoinBytesLoop(bytes + a, b < 0 ? nullptr : bytes + b, count, zero_point, to);
  }
}

// The lines of one phase of the rows, all phases of the columns.
void SplitRows(const SplitLines& lines, const void* x, int64_t row_phase, int16_t* first,
               int16_t* second, int32_t* to) {
  int16_t* const neighbours = lines.neighbour > 0 ? first + lines.neighbour : second;
  for (int64_t r = 0; r < lines.rows; ++r, to += lines.pitch) {
    const int64_t row = r * lines.row_stride + row_phase - lines.pad_rows;
    const bool padding = row < 0 || row >= lines.input_rows || lines.count <= 0;
    if (!padding) {
      const int64_t element = lines.first_element + row * lines.input_columns;
      LessZero(lines, x, element, first + lines.at);
      if (lines.partner_elements > 0) {
        LessZero(lines, x, element + lines.partner_elements, second + lines.at);
      }
    }
    // Rows behind this one are written later, but what is behind the phase may have been already,
    // and by another thread.
    const int64_t reached = (lines.pitch + kPairLanes - 1) / kPairLanes * kPairLanes;
    const bool may_write_on = r * lines.pitch + reached <= lines.rows * lines.pitch;
    int32_t* phase = to;
    for (int64_t c = 0; c < lines.num_column_phases; ++c, phase += lines.plane) {
      const int64_t begin = lines.column_phases[c];
      if (padding) {
        for (int64_t i = 0; i < lines.pitch; ++i) phase[i] = 0;
      } else {
        JoinPairs(first + begin, neighbours + begin, lines.pitch, lines.column_stride, may_write_on,
                  phase);
      }
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph::quant
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_OPS_QUANT_PAIRS_PAIR_CONV_KERNEL_H_
