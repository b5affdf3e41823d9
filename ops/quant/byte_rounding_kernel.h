// Floats as integers of 8 bits, for the loops of other *_kernel.h, which include this file.
#if defined(NOMOGRAPH_OPS_QUANT_BYTE_ROUNDING_KERNEL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_OPS_QUANT_BYTE_ROUNDING_KERNEL_H_
#undef NOMOGRAPH_OPS_QUANT_BYTE_ROUNDING_KERNEL_H_
#else
#define NOMOGRAPH_OPS_QUANT_BYTE_ROUNDING_KERNEL_H_
#endif

#include <cstdint>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph::quant {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using Ints = hn::RebindToSigned<Floats>;
using FloatVector = hn::Vec<Floats>;
using IntVector = hn::Vec<Ints>;

// Rounds numbers of magnitudes below 2^31, ties to even, moves them by a zero point, and brings
// them into the range of int8 or uint8. What is below that becomes the least int32.
class ByteRounding {
 public:
  // Elements that are stored at once.
  static constexpr int64_t kCount = 4 * hn::MaxLanes(Floats());

  ByteRounding(int32_t zero, bool is_signed)
      : zero_(static_cast<int16_t>(zero + (is_signed ? 128 : 0))),
        flip_(static_cast<uint8_t>(is_signed ? 0x80 : 0)) {}

  // Writes kCount bytes.
  HWY_INLINE void Store(FloatVector a, FloatVector b, FloatVector c, FloatVector d,
                        void* to) const {
    auto* const bytes = static_cast<uint8_t*>(to);
#if HWY_TARGET == HWY_AVX3
    const __m512i zero = _mm512_set1_epi16(zero_);
    const __m512i ab = _mm512_packs_epi32(_mm512_cvtps_epi32(a.raw), _mm512_cvtps_epi32(b.raw));
    const __m512i cd = _mm512_packs_epi32(_mm512_cvtps_epi32(c.raw), _mm512_cvtps_epi32(d.raw));
    // Four of each in turn.
    const __m512i joined =
        _mm512_packus_epi16(_mm512_adds_epi16(ab, zero), _mm512_adds_epi16(cd, zero));
    const __m512i order = _mm512_set_epi32(15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0);
    _mm512_storeu_si512(bytes, _mm512_xor_si512(_mm512_permutexvar_epi32(order, joined),
                                                _mm512_set1_epi8(static_cast<char>(flip_))));
#elif HWY_TARGET == HWY_AVX2
    const __m256i zero = _mm256_set1_epi16(zero_);
    const __m256i ab = _mm256_packs_epi32(_mm256_cvtps_epi32(a.raw), _mm256_cvtps_epi32(b.raw));
    const __m256i cd = _mm256_packs_epi32(_mm256_cvtps_epi32(c.raw), _mm256_cvtps_epi32(d.raw));
    const __m256i joined =
        _mm256_packus_epi16(_mm256_adds_epi16(ab, zero), _mm256_adds_epi16(cd, zero));
    const __m256i order = _mm256_set_epi32(7, 3, 6, 2, 5, 1, 4, 0);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(bytes),
                        _mm256_xor_si256(_mm256_permutevar8x32_epi32(joined, order),
                                         _mm256_set1_epi8(static_cast<char>(flip_))));
#else
    const hn::Rebind<uint8_t, Floats> narrow;
    const auto store = [&](FloatVector x, int i) HWY_ATTR {
      // So far from what saturates the zero point does not matter, and cannot overflow.
      const IntVector least = hn::Set(Ints(), -(1 << 20));
      const IntVector moved =
          hn::Add(hn::Max(hn::NearestInt(x), least), hn::Set(Ints(), int32_t{zero_}));
      hn::StoreU(hn::Xor(hn::DemoteTo(narrow, moved), hn::Set(narrow, flip_)), narrow,
                 bytes + i * hn::MaxLanes(Floats()));
    };
    store(a, 0);
    store(b, 1);
    store(c, 2);
    store(d, 3);
#endif
  }

 private:
  int16_t zero_;
  uint8_t flip_;
};

}  // namespace HWY_NAMESPACE
}  // namespace nomograph::quant
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_OPS_QUANT_BYTE_ROUNDING_KERNEL_H_
