// The loops of transposition.cc, which includes this file once for each instruction set.
#if defined(NOMOGRAPH_OPS_ARRAY_TRANSPOSITION_KERNEL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_OPS_ARRAY_TRANSPOSITION_KERNEL_H_
#undef NOMOGRAPH_OPS_ARRAY_TRANSPOSITION_KERNEL_H_
#else
#define NOMOGRAPH_OPS_ARRAY_TRANSPOSITION_KERNEL_H_
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "hwy/highway.h"
#include "nomograph/ops/array/transposition.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Steps may be multiples of less than an element, of which several were joined.
template <typename T>
T* At(std::byte* base, int64_t offset) {
  return reinterpret_cast<T*>(base + offset);
}
template <typename T>
const T* At(const std::byte* base, int64_t offset) {
  return reinterpret_cast<const T*>(base + offset);
}

// One element at a time.
template <typename T>
void TransposeElements(const Transposition& m, const std::byte* from, std::byte* to) {
  for (int64_t c = 0; c < m.columns; ++c) {
    for (int64_t r = 0; r < m.rows; ++r) {
      std::memcpy(to + c * m.to_step + r * sizeof(T), from + r * m.from_step + c * sizeof(T),
                  sizeof(T));
    }
  }
}

#if HWY_TARGET != HWY_SCALAR

// As many vectors as each has elements, rows, become those of the columns.
template <typename DD, int64_t kLanes>
HWY_INLINE void TransposeSquare(DD d, hn::Vec<DD> (&v)[kLanes]) {
  constexpr int64_t kBlockBytes = 16;  // what is interleaved stays in such a block
  constexpr int64_t kInBlock = std::min<int64_t>(kBlockBytes / sizeof(hn::TFromD<DD>), kLanes);
  constexpr int64_t kBlocks = kLanes / kInBlock;
  static_assert(kBlocks == 1 || kBlocks == 2 || kBlocks == 4);
  // Within the blocks of kInBlock rows each: the rows as the cards of a pack that is shuffled
  // until each has met all others.
#pragma GCC unroll 4
  for (int64_t round = 1; round < kInBlock; round *= 2) {
    hn::Vec<DD> shuffled[kLanes];
#pragma GCC unroll 4
    for (int64_t b = 0; b < kLanes; b += kInBlock) {
#pragma GCC unroll 8
      for (int64_t i = 0; i < kInBlock / 2; ++i) {
        shuffled[b + 2 * i] = hn::InterleaveLower(d, v[b + i], v[b + i + kInBlock / 2]);
        shuffled[b + 2 * i + 1] = hn::InterleaveUpper(d, v[b + i], v[b + i + kInBlock / 2]);
      }
    }
#pragma GCC unroll 16
    for (int64_t i = 0; i < kLanes; ++i) v[i] = shuffled[i];
  }
  // Then the blocks, of which those with one number stand in each kInBlock-th vector.
  if constexpr (kBlocks == 2) {
#pragma GCC unroll 8
    for (int64_t i = 0; i < kInBlock; ++i) {
      const auto a = v[i], b = v[i + kInBlock];
      v[i] = hn::ConcatLowerLower(d, b, a);
      v[i + kInBlock] = hn::ConcatUpperUpper(d, b, a);
    }
  } else if constexpr (kBlocks == 4) {
#if HWY_TARGET == HWY_AVX3
    constexpr int kEven = 0x88, kOdd = 0xdd;  // blocks 0 and 2, 1 and 3 of either vector
#pragma GCC unroll 4
    for (int64_t i = 0; i < kInBlock; ++i) {
      const __m512i a = v[i].raw, b = v[i + kInBlock].raw;
      const __m512i c = v[i + 2 * kInBlock].raw, e = v[i + 3 * kInBlock].raw;
      const __m512i ab_even = _mm512_shuffle_i64x2(a, b, kEven);
      const __m512i ab_odd = _mm512_shuffle_i64x2(a, b, kOdd);
      const __m512i ce_even = _mm512_shuffle_i64x2(c, e, kEven);
      const __m512i ce_odd = _mm512_shuffle_i64x2(c, e, kOdd);
      v[i].raw = _mm512_shuffle_i64x2(ab_even, ce_even, kEven);
      v[i + kInBlock].raw = _mm512_shuffle_i64x2(ab_odd, ce_odd, kEven);
      v[i + 2 * kInBlock].raw = _mm512_shuffle_i64x2(ab_even, ce_even, kOdd);
      v[i + 3 * kInBlock].raw = _mm512_shuffle_i64x2(ab_odd, ce_odd, kOdd);
    }
#endif
  }
}

// In squares of a vector's elements, of which the last may overlap those before them.
// REQUIRES: rows and columns are at least as many.
template <typename DD>
void TransposeSquares(DD d, const Transposition& m, const std::byte* from, std::byte* to) {
  using T = hn::TFromD<DD>;
  constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(DD()));
  constexpr int64_t kSize = sizeof(T);
  // A tile has so many rows and columns, which lie on as many pages: less than a processor knows at
  // a time.
  constexpr int64_t kTile = 32;
  static_assert(kTile % kLanes == 0);
  for (int64_t row = 0; row < m.rows; row += kTile) {
    const int64_t row_end = std::min(row + kTile, m.rows);
    for (int64_t column = 0; column < m.columns; column += kTile) {
      const int64_t column_end = std::min(column + kTile, m.columns);
      for (int64_t j = column; j < column_end; j += kLanes) {
        const int64_t c = std::min(j, m.columns - kLanes);
        for (int64_t i = row; i < row_end; i += kLanes) {
          const int64_t r = std::min(i, m.rows - kLanes);
          hn::Vec<DD> v[kLanes];
#pragma GCC unroll 16
          for (int64_t k = 0; k < kLanes; ++k) {
            v[k] = hn::LoadU(d, At<T>(from, (r + k) * m.from_step + c * kSize));
          }
          TransposeSquare(d, v);
#pragma GCC unroll 16
          for (int64_t k = 0; k < kLanes; ++k) {
            hn::StoreU(v[k], d, At<T>(to, (c + k) * m.to_step + r * kSize));
          }
        }
      }
    }
  }
}

// kCount columns, or rows, that lie together, as the channels of a pixel, come apart or together.
// REQUIRES: as many of the others as a vector has elements, at least.
template <int kCount, typename DD>
void Deinterleave(DD d, const Transposition& m, const std::byte* from, std::byte* to) {
  using T = hn::TFromD<DD>;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < m.rows; i += lanes) {
    const int64_t r = std::min(i, m.rows - lanes);
    const T* const pixels = At<T>(from, r * kCount * static_cast<int64_t>(sizeof(T)));
    hn::Vec<DD> v0, v1, v2, v3;
    if constexpr (kCount == 2) hn::LoadInterleaved2(d, pixels, v0, v1);
    if constexpr (kCount == 3) hn::LoadInterleaved3(d, pixels, v0, v1, v2);
    if constexpr (kCount == 4) hn::LoadInterleaved4(d, pixels, v0, v1, v2, v3);
    std::byte* const planes = to + r * static_cast<int64_t>(sizeof(T));
    hn::StoreU(v0, d, At<T>(planes, 0));
    hn::StoreU(v1, d, At<T>(planes, m.to_step));
    if constexpr (kCount > 2) hn::StoreU(v2, d, At<T>(planes, 2 * m.to_step));
    if constexpr (kCount > 3) hn::StoreU(v3, d, At<T>(planes, 3 * m.to_step));
  }
}
template <int kCount, typename DD>
void Interleave(DD d, const Transposition& m, const std::byte* from, std::byte* to) {
  using T = hn::TFromD<DD>;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < m.columns; i += lanes) {
    const int64_t c = std::min(i, m.columns - lanes);
    const std::byte* const planes = from + c * static_cast<int64_t>(sizeof(T));
    T* const pixels = At<T>(to, c * kCount * static_cast<int64_t>(sizeof(T)));
    const auto v0 = hn::LoadU(d, At<T>(planes, 0));
    const auto v1 = hn::LoadU(d, At<T>(planes, m.from_step));
    if constexpr (kCount == 2) {
      hn::StoreInterleaved2(v0, v1, d, pixels);
    } else {
      const auto v2 = hn::LoadU(d, At<T>(planes, 2 * m.from_step));
      if constexpr (kCount == 3) hn::StoreInterleaved3(v0, v1, v2, d, pixels);
      if constexpr (kCount == 4) {
        hn::StoreInterleaved4(v0, v1, v2, hn::LoadU(d, At<T>(planes, 3 * m.from_step)), d, pixels);
      }
    }
  }
}

// Whether it was done.
template <int kCount, typename DD>
bool TransposePixels(DD d, const Transposition& m, const std::byte* from, std::byte* to) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  constexpr int64_t kBytes = kCount * sizeof(hn::TFromD<DD>);
  if (m.columns == kCount && m.from_step == kBytes && m.rows >= lanes) {
    Deinterleave<kCount>(d, m, from, to);
    return true;
  }
  if (m.rows == kCount && m.to_step == kBytes && m.columns >= lanes) {
    Interleave<kCount>(d, m, from, to);
    return true;
  }
  return false;
}

template <typename T>
void TransposeOf(const Transposition& m, const std::byte* from, std::byte* to) {
  const int64_t least = std::min(m.rows, m.columns);
  const auto pixels = [&](auto d) HWY_ATTR {
    return TransposePixels<2>(d, m, from, to) || TransposePixels<3>(d, m, from, to) ||
           TransposePixels<4>(d, m, from, to);
  };
  constexpr size_t kInBlock = 16 / sizeof(T);
  if (least <= 4 && (pixels(hn::ScalableTag<T>()) || pixels(hn::CappedTag<T, kInBlock>()))) return;
  const auto squares = [&](auto d) HWY_ATTR {
    constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(d));
    if (least < kLanes) return false;
    TransposeSquares(d, m, from, to);
    return true;
  };
  squares(hn::CappedTag<T, 16>()) || squares(hn::CappedTag<T, 8>()) ||
      squares(hn::CappedTag<T, 4>()) || squares(hn::CappedTag<T, 2>()) ||
      (TransposeElements<T>(m, from, to), true);
}

#else

template <typename T>
void TransposeOf(const Transposition& m, const std::byte* from, std::byte* to) {
  TransposeElements<T>(m, from, to);
}

#endif

void TransposeMatrix(int64_t element_bytes, const Transposition& m, const std::byte* from,
                     std::byte* to) {
  switch (element_bytes) {
    case 1:
      return TransposeOf<uint8_t>(m, from, to);
    case 2:
      return TransposeOf<uint16_t>(m, from, to);
    case 4:
      return TransposeOf<uint32_t>(m, from, to);
    default:
      return TransposeOf<uint64_t>(m, from, to);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_OPS_ARRAY_TRANSPOSITION_KERNEL_H_
