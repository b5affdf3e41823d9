// What masks do to the scores of a tile, for the files that are compiled once for each instruction
// set and include this one each time.
#if defined(NOMOGRAPH_CORE_ATTENTION_SCORE_MASK_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_ATTENTION_SCORE_MASK_H_
#undef NOMOGRAPH_CORE_ATTENTION_SCORE_MASK_H_
#else
#define NOMOGRAPH_CORE_ATTENTION_SCORE_MASK_H_
#endif

#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "hwy/highway.h"
#include "nomograph/core/attention/attention_panels.h"
#include "nomograph/core/attention/tiled_attention.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph {
namespace HWY_NAMESPACE {

constexpr float kNoScore = -std::numeric_limits<float>::infinity();

// What a mask does to some of the scores of a query.
enum class Masked { kNone, kSome, kAll };

// For `count` keys; a mask's elements lie side by side, or one stands for all.
template <typename T>
Masked MaskedRow(const ScoreMask& mask, const T* row, int64_t count) {
  const bool same = mask.strides.element == 0 ||
                    std::memcmp(row, row + 1, static_cast<size_t>(count - 1) * sizeof(T)) == 0;
  if (!same) return Masked::kSome;
  if (mask.kind == ScoreMask::kAdd) {
    if (*row == T{0}) return Masked::kNone;
    return static_cast<float>(*row) == kNoScore ? Masked::kAll : Masked::kSome;
  }
  if ((*row != T{0}) == (mask.kind == ScoreMask::kShow)) return Masked::kNone;
  return mask.hidden == kNoScore ? Masked::kAll : Masked::kSome;
}

// The score of a key under the mask's element.
template <typename T>
float MaskedScore(const ScoreMask& mask, float score, T element) {
  if (mask.kind == ScoreMask::kAdd) return score + static_cast<float>(element);
  return (element != T{0}) == (mask.kind == ScoreMask::kShow) ? score : mask.hidden;
}

// Calls f(mask's elements as what they are).
template <typename F>
auto WithElements(const ScoreMask& mask, F f) {
  if (mask.kind == ScoreMask::kAdd) return f(static_cast<const float*>(mask.data));
  return f(static_cast<const uint8_t*>(mask.data));
}

// Of rows [row, row + count) and keys [key, key + keys).
inline Masked MaskedTile(const ScoreMask& mask, const Rows& rows, int64_t row, int64_t count,
                         int64_t key, int64_t keys) {
  if (mask.kind == ScoreMask::kNone) return Masked::kNone;
  const bool alike = mask.strides.head == 0 && mask.strides.position == 0;
  return WithElements(mask, [&](const auto* data) {
    Masked all = Masked::kSome;
    for (int64_t i = 0; i < (alike ? 1 : count); ++i) {
      const auto* const elements =
          data + rows.Offset(mask.strides, row + i) + key * mask.strides.element;
      const Masked masked = MaskedRow(mask, elements, keys);
      if (masked == Masked::kSome || (i > 0 && masked != all)) return Masked::kSome;
      all = masked;
    }
    return all;
  });
}

// Adds the mask's elements of four rows to their scores of `keys` keys, a multiple of kQuad.
inline void AddQuads(const float* mask, const HeadStrides& strides, const Rows& rows, int64_t row,
                     int64_t keys, float* HWY_RESTRICT scores) {
  const DQuad d;
  const float* from[kQuad];
#pragma GCC unroll 4
  for (int64_t i = 0; i < kQuad; ++i) from[i] = mask + rows.Offset(strides, row + i);
  for (int64_t k = 0; k < keys; k += kQuad) {
    VQuad v[kQuad];
#pragma GCC unroll 4
    for (int64_t i = 0; i < kQuad; ++i) v[i] = hn::LoadU(d, from[i] + k);
    Turn(v);
#pragma GCC unroll 4
    for (int64_t i = 0; i < kQuad; ++i) {
      float* const at = scores + (k + i) * kQueries;
      hn::StoreU(hn::Add(hn::LoadU(d, at), v[i]), d, at);
    }
  }
}

// Scores lie key by key, those of a panel of queries side by side.
inline void MaskTile(const ScoreMask& mask, const Rows& rows, int64_t row, int64_t count,
                     int64_t key, int64_t keys, float* HWY_RESTRICT scores) {
  const D d;
  const int64_t step = mask.strides.element;
  const bool alike = mask.strides.head == 0 && mask.strides.position == 0;
  WithElements(mask, [&](const auto* data) HWY_ATTR {
    const auto* const elements = data + rows.Offset(mask.strides, row) + key * step;
    if (alike) {
      for (int64_t k = 0; k < keys; ++k) {
        for (int64_t i = 0; i < count; i += kLanes) {
          float* const at = scores + k * kQueries + i;
          if (mask.kind == ScoreMask::kAdd) {
            const V added = hn::Set(d, static_cast<float>(elements[k * step]));
            hn::Store(hn::Add(hn::Load(d, at), added), d, at);
          } else if ((elements[k * step] != 0) != (mask.kind == ScoreMask::kShow)) {
            hn::Store(hn::Set(d, mask.hidden), d, at);
          }
        }
      }
      return;
    }
    const auto row_from = [&](int64_t i, int64_t first) {
      const auto* const of_row = data + rows.Offset(mask.strides, row + i) + key * step;
      for (int64_t k = first; k < keys; ++k) {
        float& score = scores[k * kQueries + i];
        score = MaskedScore(mask, score, of_row[k * step]);
      }
    };
    int64_t i = 0;
    if constexpr (kHasQuads && std::is_same_v<decltype(data), const float*>) {
      const int64_t whole = keys / kQuad * kQuad;
      for (; step == 1 && i + kQuad <= count; i += kQuad) {
        AddQuads(data + key, mask.strides, rows, row + i, whole, scores + i);
        for (int64_t r = i; r < i + kQuad; ++r) row_from(r, whole);
      }
    }
    for (; i < count; ++i) row_from(i, 0);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_CORE_ATTENTION_SCORE_MASK_H_
