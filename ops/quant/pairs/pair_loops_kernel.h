// The loops of pair_loops.cc, which includes this file once for each instruction set.
#if defined(NOMOGRAPH_OPS_QUANT_PAIRS_PAIR_LOOPS_KERNEL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_OPS_QUANT_PAIRS_PAIR_LOOPS_KERNEL_H_
#undef NOMOGRAPH_OPS_QUANT_PAIRS_PAIR_LOOPS_KERNEL_H_
#else
#define NOMOGRAPH_OPS_QUANT_PAIRS_PAIR_LOOPS_KERNEL_H_
#endif

#include <cstdint>
#include <cstring>

#include "hwy/highway.h"
#include "nomograph/ops/quant/byte_rounding_kernel.h"
#include "nomograph/ops/quant/pairs/pair_loops.h"

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

// Two vectors of places; kNarrow: one. kOneTap: the window has one element, at no offset.
template <bool kNarrow, bool kOneTap>
void MultiplySix(const int32_t* HWY_RESTRICT x, const PairProduct& product,
                 const int32_t* HWY_RESTRICT w, int32_t* HWY_RESTRICT sums, int64_t stride) {
  const Pairs d;
  constexpr int64_t kVectors = kNarrow ? 1 : 2;
  P c[kPairChannels][kVectors];
#pragma GCC unroll 6
  for (int64_t i = 0; i < kPairChannels; ++i) {
#pragma GCC unroll 2
    for (int64_t v = 0; v < kVectors; ++v) c[i][v] = hn::Zero(d);
  }
  const auto add = [&](const int32_t* from) HWY_ATTR {
    P y[kVectors];
#pragma GCC unroll 2
    for (int64_t v = 0; v < kVectors; ++v) y[v] = hn::LoadU(d, from + v * kPairLanes);
#pragma GCC unroll 6
    for (int64_t i = 0; i < kPairChannels; ++i) {
      const P factor = hn::Set(d, w[i]);
#pragma GCC unroll 2
      for (int64_t v = 0; v < kVectors; ++v) c[i][v] = AddProducts(c[i][v], y[v], factor);
    }
    w += kPairChannels;
  };
  const int64_t pairs = product.pairs, taps = kOneTap ? 1 : product.taps;
#pragma GCC unroll 2
  for (int64_t p = 0; p < pairs; ++p, x += product.pair_stride) {
    if constexpr (kOneTap) {
      add(x);
    } else {
      for (int64_t t = 0; t < taps; ++t) add(x + product.offsets[t]);
    }
  }
#pragma GCC unroll 6
  for (int64_t i = 0; i < kPairChannels; ++i, sums += stride) {
#pragma GCC unroll 2
    for (int64_t v = 0; v < kVectors; ++v) hn::StoreU(c[i][v], d, sums + v * kPairLanes);
  }
}

template <bool kOneTap>
void MultiplyAll(const PairProduct& product, const int32_t* x, int64_t count, const int32_t* w,
                 int32_t* sums, int64_t stride) {
  int64_t q = 0;
  for (; q + kPairLanes < count; q += 2 * kPairLanes) {
    MultiplySix<false, kOneTap>(x + q, product, w, sums + q, stride);
  }
  if (q < count) MultiplySix<true, kOneTap>(x + q, product, w, sums + q, stride);
}

void MultiplyPairs(const PairProduct& product, const int32_t* x, int64_t count, const int32_t* w,
                   int32_t* sums, int64_t stride) {
  if (product.taps == 1) {
    MultiplyAll<true>(product, x + product.offsets[0], count, w, sums, stride);
  } else {
    MultiplyAll<false>(product, x, count, w, sums, stride);
  }
}

void FinishRow(const int32_t* HWY_RESTRICT sums, int64_t count, const RowFinish& finish,
               void* HWY_RESTRICT y) {
  const Floats d;
  const IntVector bias = hn::Set(Ints(), finish.bias);
  const FloatVector scale = hn::Set(d, finish.scale), most = hn::Set(d, 1 << 20);
  const ByteRounding rounding(finish.zero_point, finish.is_signed);
  const auto value = [&](int64_t i) HWY_ATTR {
    const IntVector sum = hn::Add(hn::LoadU(Ints(), sums + i), bias);
    return hn::Min(hn::Mul(hn::ConvertTo(d, sum), scale), most);
  };
  for (int64_t i = 0; i < count; i += ByteRounding::kCount) {
    rounding.Store(value(i), value(i + kPairLanes), value(i + 2 * kPairLanes),
                   value(i + 3 * kPairLanes), static_cast<uint8_t*>(y) + i);
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
  int64_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  const hn::FixedTag<X, 16> bytes;
  const hn::FixedTag<int16_t, 8> halves;
  const auto zero = hn::Set(halves, static_cast<int16_t>(zero_point));
  const auto no_partner = hn::Set(bytes, static_cast<X>(zero_point));
  for (; i + 16 <= count; i += 16) {
    const auto x = hn::LoadU(bytes, a + i);
    const auto y = b == nullptr ? no_partner : hn::LoadU(bytes, b + i);
    const auto store = [&](auto joined, int32_t* at) HWY_ATTR {
      auto* const pairs = reinterpret_cast<int16_t*>(at);
      hn::StoreU(hn::Sub(hn::PromoteTo(halves, hn::LowerHalf(joined)), zero), halves, pairs);
      hn::StoreU(
          hn::Sub(hn::PromoteTo(halves, hn::UpperHalf(hn::Half<decltype(bytes)>(), joined)), zero),
          halves, pairs + 8);
    };
    store(hn::InterleaveLower(bytes, x, y), to + i);
    store(hn::InterleaveUpper(bytes, x, y), to + i + 8);
  }
#endif
  for (; i < count; ++i) {
    to[i] = JoinedHalves(static_cast<int16_t>(a[i] - zero_point),
                         static_cast<int16_t>(b == nullptr ? 0 : b[i] - zero_point));
  }
}

void JoinBytes(const PairedBytes& bytes, int64_t count, int32_t* to) {
  if (bytes.is_signed) {
    JoinBytesLoop(static_cast<const int8_t*>(bytes.a), static_cast<const int8_t*>(bytes.b), count,
                  bytes.zero_point, to);
  } else {
    JoinBytesLoop(static_cast<const uint8_t*>(bytes.a), static_cast<const uint8_t*>(bytes.b), count,
                  bytes.zero_point, to);
  }
}

// A line of bytes less their zero point in vectors of which the last two may overlap; false where
// it is shorter than one.
template <typename D, typename X>
HWY_INLINE bool LessZeroWithin(D d, const X* HWY_RESTRICT x, int64_t count, int16_t zero,
                               int16_t* HWY_RESTRICT to) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  if (count < lanes) return false;
  const auto move = [&](int64_t i) HWY_ATTR {
    const auto numbers = hn::PromoteTo(d, hn::LoadU(hn::Rebind<X, D>(), x + i));
    hn::StoreU(hn::Sub(numbers, hn::Set(d, zero)), d, to + i);
  };
  for (int64_t i = 0; i + lanes <= count; i += lanes) move(i);
  move(count - lanes);
  return true;
}

template <typename X>
HWY_INLINE void PadLoop(const X* x, const PaddedHalves& padded, int16_t* to) {
  const auto zero = static_cast<int16_t>(padded.zero_point);
  for (int64_t r = 0; r < padded.rows; ++r, to += padded.pitch) {
    const int64_t row = r * padded.row_stride + padded.first_row - padded.top;
    if (row < 0 || row >= padded.x_rows || padded.count <= 0) {
      std::memset(to, 0, padded.pitch * sizeof(int16_t));
      continue;
    }
    const int64_t end = padded.left + padded.count;
    std::memset(to, 0, padded.left * sizeof(int16_t));
    const X* const line = x + row * padded.x_pitch;
    int16_t* const begin = to + padded.left;
    if (!LessZeroWithin(Halves(), line, padded.count, zero, begin) &&
        !LessZeroWithin(hn::CappedTag<int16_t, 8>(), line, padded.count, zero, begin) &&
        !LessZeroWithin(hn::CappedTag<int16_t, 4>(), line, padded.count, zero, begin)) {
      for (int64_t i = 0; i < padded.count; ++i) begin[i] = static_cast<int16_t>(line[i] - zero);
    }
    std::memset(to + end, 0, (padded.pitch - end) * sizeof(int16_t));
  }
}

void PadHalves(const void* x, const PaddedHalves& padded, int16_t* to) {
  if (padded.is_signed) {
    PadLoop(static_cast<const int8_t*>(x), padded, to);
  } else {
    PadLoop(static_cast<const uint8_t*>(x), padded, to);
  }
}

// Neighbours as pairs.
HWY_INLINE P LoadNeighbours(const int16_t* from) {
#if HWY_TARGET == HWY_SCALAR
  return hn::Set(Pairs(), JoinedHalves(from[0], from[1]));
#else
  return hn::BitCast(Pairs(), hn::LoadU(Halves(), from));
#endif
}

// Vectors of pairs begin at x and, one of them, `second` behind it: with a stride of 1 they are of
// even and of odd places.
template <int kStride>
HWY_INLINE void MultiplyHalvesBy(const HalvesProduct& product, const int16_t* HWY_RESTRICT x,
                                 int64_t count, const int32_t* HWY_RESTRICT w,
                                 int32_t* HWY_RESTRICT sums) {
  const Pairs d;
  constexpr int64_t kSecond = kStride == 1 ? 1 : 2 * kPairLanes;
  constexpr int64_t kNext = 2 * kPairLanes * kStride;
  for (int64_t p = 0; p < count; p += 4 * kPairLanes) {
    P c0 = hn::Zero(d), c1 = c0, c2 = c0, c3 = c0;
    const int32_t* factors = w;
    for (int64_t r = 0; r < product.rows; ++r) {
      const int16_t* from = x + product.offsets[r] + p * kStride;
      for (int64_t q = 0; q < product.pairs; ++q, from += product.pair_step) {
        const P factor = hn::Set(d, *factors++);
        c0 = AddProducts(c0, LoadNeighbours(from), factor);
        c1 = AddProducts(c1, LoadNeighbours(from + kSecond), factor);
        c2 = AddProducts(c2, LoadNeighbours(from + kNext), factor);
        c3 = AddProducts(c3, LoadNeighbours(from + kNext + kSecond), factor);
      }
    }
    if (kStride == 1) {
      hn::StoreInterleaved2(c0, c1, d, sums + p);
      hn::StoreInterleaved2(c2, c3, d, sums + p + 2 * kPairLanes);
    } else {
      hn::StoreU(c0, d, sums + p);
      hn::StoreU(c1, d, sums + p + kPairLanes);
      hn::StoreU(c2, d, sums + p + 2 * kPairLanes);
      hn::StoreU(c3, d, sums + p + 3 * kPairLanes);
    }
  }
}

void MultiplyHalves(const HalvesProduct& product, const int16_t* x, int64_t count, const int32_t* w,
                    int32_t* sums) {
  if (product.stride == 1) return MultiplyHalvesBy<1>(product, x, count, w, sums);
  MultiplyHalvesBy<2>(product, x, count, w, sums);
}

void SplitRows(const SplitLines& lines, const void* x, int64_t row_phase, int16_t* first,
               int16_t* second, int32_t* to) {
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
        JoinPairs(first + begin, second + begin, lines.pitch, lines.column_stride, may_write_on,
                  phase);
      }
    }
  }
}

// The sums and the differences of both halves.
HWY_INLINE P AddHalves(P a, P b) {
#if HWY_TARGET == HWY_AVX2
  return P{_mm256_add_epi16(a.raw, b.raw)};
#elif HWY_TARGET == HWY_AVX3
  return P{_mm512_add_epi16(a.raw, b.raw)};
#else
  const P high = hn::ShiftLeft<16>(hn::Add(hn::ShiftRight<16>(a), hn::ShiftRight<16>(b)));
  return hn::Or(hn::And(hn::Add(a, b), hn::Set(Pairs(), 0xffff)), high);
#endif
}
HWY_INLINE P SubHalves(P a, P b) {
#if HWY_TARGET == HWY_AVX2
  return P{_mm256_sub_epi16(a.raw, b.raw)};
#elif HWY_TARGET == HWY_AVX3
  return P{_mm512_sub_epi16(a.raw, b.raw)};
#else
  const P high = hn::ShiftLeft<16>(hn::Sub(hn::ShiftRight<16>(a), hn::ShiftRight<16>(b)));
  return hn::Or(hn::And(hn::Sub(a, b), hn::Set(Pairs(), 0xffff)), high);
#endif
}

// Rows (or columns) d0 to d3 of a tile: d0 - d2, d1 + d2, d2 - d1, d1 - d3.
HWY_INLINE void TransformFour(P (&d)[4]) {
  const P first = SubHalves(d[0], d[2]), second = AddHalves(d[1], d[2]);
  const P third = SubHalves(d[2], d[1]), fourth = SubHalves(d[1], d[3]);
  d[0] = first;
  d[1] = second;
  d[2] = third;
  d[3] = fourth;
}

void TransformTiles(const int32_t* even, const int32_t* odd, int64_t pitch, int64_t count,
                    int32_t* to, int64_t stride) {
  const Pairs pairs;
  for (int64_t j = 0; j < count; j += kPairLanes) {
    // [column][row]
    P tile[4][4];
    for (int r = 0; r < 4; ++r) {
      const auto load = [&](const int32_t* from)
                            HWY_ATTR { return hn::LoadU(pairs, from + r * pitch + j); };
      tile[0][r] = load(even);
      tile[1][r] = load(odd);
      tile[2][r] = load(even + 1);
      tile[3][r] = load(odd + 1);
    }
    for (auto& column : tile) TransformFour(column);
    for (int r = 0; r < 4; ++r) {
      P row[4] = {tile[0][r], tile[1][r], tile[2][r], tile[3][r]};
      TransformFour(row);
      for (int c = 0; c < 4; ++c) {
        int32_t* const at = to + (4 * r + c) * stride + j;
        if (HWY_LIKELY(j + kPairLanes <= count)) {
          hn::StoreU(row[c], pairs, at);
        } else {
          HWY_ALIGN int32_t elements[kPairLanes];
          hn::Store(row[c], pairs, elements);
          std::memcpy(at, elements, (count - j) * sizeof(int32_t));
        }
      }
    }
  }
}

void RestoreTiles(const int32_t* sums, int64_t stride, int64_t count, int32_t* first,
                  int32_t* second) {
  const Pairs d;
  for (int64_t j = 0; j < count; j += kPairLanes) {
    // [row of the output][column of the tile]
    P rows[2][4];
    for (int c = 0; c < 4; ++c) {
      const auto load = [&](int r)
                            HWY_ATTR { return hn::LoadU(d, sums + (4 * r + c) * stride + j); };
      const P one = load(1), two = load(2);
      rows[0][c] = hn::Add(load(0), hn::Add(one, two));
      rows[1][c] = hn::Sub(hn::Sub(one, two), load(3));
    }
    for (int r = 0; r < 2; ++r) {
      const P left = hn::Add(rows[r][0], hn::Add(rows[r][1], rows[r][2]));
      const P right = hn::Sub(hn::Sub(rows[r][1], rows[r][2]), rows[r][3]);
      hn::StoreInterleaved2(hn::ShiftRight<2>(left), hn::ShiftRight<2>(right), d,
                            (r == 0 ? first : second) + 2 * j);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph::quant
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_OPS_QUANT_PAIRS_PAIR_LOOPS_KERNEL_H_
