// Products of left panels with a few columns, for panel_product.h.
#if defined(NOMOGRAPH_CORE_VECTOR_FEW_COLUMNS_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_VECTOR_FEW_COLUMNS_H_
#undef NOMOGRAPH_CORE_VECTOR_FEW_COLUMNS_H_
#else
#define NOMOGRAPH_CORE_VECTOR_FEW_COLUMNS_H_
#endif

#include <cstdint>

#include "hwy/highway.h"
#include "nomograph/core/vector/vector_steps.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph {
namespace HWY_NAMESPACE {

// A panel of the left matrix has so many rows, one of the right matrix so many columns; in each,
// the elements of all rows (columns) lie side by side, term after term.
constexpr int64_t kPanelRows = 6;
constexpr int64_t kPanelColumns = 2 * kLanes;
// A panel with so many rows or less takes two thirds of the time.
constexpr int64_t kFewRows = 4;
// So many rows meet a right panel at a time. The registers of AVX-512 hold the sums of two panels,
// so that what is loaded of the right matrix serves twice as many.
constexpr int64_t kTogetherRows = HWY_TARGET == HWY_AVX3 ? 2 * kPanelRows : kPanelRows;

// Against few columns the vectors hold rows of the left panel, as they lie: a panel's elements fill
// kStream vectors with kTogether terms. Against them stand the elements of a column, each as often
// as there are rows (ExpandColumns()).
constexpr int64_t kStream = kLanes == 1 ? 6 : 3, kTogether = kStream * kLanes / kPanelRows;
static_assert(kTogether * kPanelRows == kStream * kLanes);
constexpr int64_t kFewColumns = 4;

// With AVX-512 a permutation repeats the elements of a column when they are used, as fast as they
// are loaded then, and what lies in memory does not push panels out of the first cache.
constexpr bool kPermutes = HWY_TARGET == HWY_AVX3;
constexpr int64_t kColumnFloats = kPermutes ? kTogether : kStream * kLanes;  // of kTogether terms

// Which of kTogether terms the elements of each vector are of.
struct StreamTerms {
  alignas(64) int32_t of[kStream * kLanes];
  constexpr StreamTerms() : of() {
    for (int64_t i = 0; i < kStream * kLanes; ++i) of[i] = static_cast<int32_t>(i / kPanelRows);
  }
};

#if HWY_TARGET != HWY_SCALAR
// Four elements of each of four rows become those of four columns.
template <typename D4>
HWY_INLINE void Turn(D4 d, hn::Vec<D4> (&v)[4]) {
  const auto low01 = hn::InterleaveLower(d, v[0], v[1]),
             high01 = hn::InterleaveUpper(d, v[0], v[1]);
  const auto low23 = hn::InterleaveLower(d, v[2], v[3]),
             high23 = hn::InterleaveUpper(d, v[2], v[3]);
  v[0] = hn::ConcatLowerLower(d, low23, low01);
  v[1] = hn::ConcatUpperUpper(d, low23, low01);
  v[2] = hn::ConcatLowerLower(d, high23, high01);
  v[3] = hn::ConcatUpperUpper(d, high23, high01);
}
#endif

// The first `columns` columns of a panel: of kTogether terms at a time those of each column. Terms
// behind the last multiple of kTogether are left out.
inline void ExpandColumns(const float* HWY_RESTRICT b, int64_t terms, int64_t columns,
                          float* HWY_RESTRICT to) {
#if HWY_TARGET == HWY_AVX2
  // Squares of four terms and four columns, turned; a panel has as many behind each whole vector.
  static_assert(kTogether == 4 && kFewColumns == 4);
  const D d;
  const hn::Half<D> half;
  static constexpr StreamTerms kStreamTerms;
  decltype(hn::SetTableIndices(d, kStreamTerms.of)) at[kStream];
  for (int64_t v = 0; v < kStream; ++v) {
    at[v] = hn::SetTableIndices(d, kStreamTerms.of + v * kLanes);
  }
  for (int64_t t = 0; t + kTogether <= terms; t += kTogether) {
    hn::Vec<decltype(half)> square[4];
#pragma GCC unroll 4
    for (int64_t k = 0; k < 4; ++k) square[k] = hn::LoadU(half, b + (t + k) * kPanelColumns);
    Turn(half, square);
#pragma GCC unroll 4
    for (int64_t c = 0; c < kFewColumns; ++c) {
      if (c == columns) break;
      const V of_all = hn::ZeroExtendVector(d, square[c]);
#pragma GCC unroll 3
      for (int64_t v = 0; v < kStream; ++v, to += kLanes) {
        hn::Store(hn::TableLookupLanes(of_all, at[v]), d, to);
      }
    }
  }
#else
  for (int64_t t = 0; t + kTogether <= terms; t += kTogether) {
    for (int64_t c = 0; c < columns; ++c) {
      const float* from = b + t * kPanelColumns + c;
      for (int64_t k = 0; k < kTogether; ++k, from += kPanelColumns) {
        for (int64_t i = 0; i < (kPermutes ? 1 : kPanelRows); ++i) *to++ = *from;
      }
    }
  }
#endif
}

// Three vectors hold kPanelRows elements of each of some terms, term after term: to[i] is the sum
// of all terms' elements i. The terms' second half lies from the middle of the second vector on.
template <class DD>
HWY_INLINE void AddTerms(DD d, hn::Vec<DD> x, hn::Vec<DD> y, hn::Vec<DD> z, float* to) {
#if HWY_TARGET != HWY_SCALAR
  static_assert(kPanelRows == 6);
  const hn::Half<DD> half;
  const auto lower = [half](auto v) HWY_ATTR { return hn::LowerHalf(half, v); };
  const auto upper = [half](auto v) HWY_ATTR { return hn::UpperHalf(half, v); };
  if constexpr (hn::MaxLanes(d) > 4) {
    AddTerms(half, hn::Add(lower(x), upper(y)), hn::Add(upper(x), lower(z)),
             hn::Add(lower(y), upper(z)), to);
  } else {
    hn::StoreU(hn::Add(x, hn::ConcatLowerUpper(d, z, y)), d, to);
    hn::StoreU(hn::Add(lower(y), upper(z)), half, to + 4);
  }
#endif
}
HWY_INLINE void AddTerms(const V (&sums)[kStream], float* to) {
  const D d;
  if constexpr (kLanes == 1) {
    for (int64_t i = 0; i < kStream; ++i) hn::StoreU(sums[i], d, to + i);
  } else {
    AddTerms(d, sums[0], sums[1], sums[2], to);
  }
}

// The product of left panels, kTogetherRows rows of them, `left_step` floats apart, and the first
// kColumns columns of the right one `b`, which are `expanded` too: element (i, c) to
// tile[i * kPanelColumns + c].
template <int64_t kColumns>
void FewColumnsProduct(int64_t terms, const float* HWY_RESTRICT a, int64_t left_step,
                       const float* HWY_RESTRICT b, const float* HWY_RESTRICT expanded,
                       float* HWY_RESTRICT tile) {
  const D d;
  // So many sums that none waits for the one before it.
  constexpr int64_t kPanels = kTogetherRows / kPanelRows;
  constexpr int64_t kTurns = kColumns * kPanels == 1 ? 4 : kColumns * kPanels == 2 ? 2 : 1;
  V y[kTurns][kPanels][kColumns][kStream];
  const auto each = [](auto f) HWY_ATTR {
#pragma GCC unroll 4
    for (int64_t s = 0; s < kTurns; ++s) {
#pragma GCC unroll 2
      for (int64_t p = 0; p < kPanels; ++p) {
#pragma GCC unroll 4
        for (int64_t c = 0; c < kColumns; ++c) {
#pragma GCC unroll 6
          for (int64_t v = 0; v < kStream; ++v) f(s, p, c, v);
        }
      }
    }
  };
  each([&](int64_t s, int64_t p, int64_t c, int64_t v) HWY_ATTR { y[s][p][c][v] = hn::Zero(d); });
#if HWY_TARGET == HWY_AVX3
  static constexpr StreamTerms kStreamTerms;
  decltype(hn::SetTableIndices(d, kStreamTerms.of)) at[kStream];
  for (int64_t v = 0; v < kStream; ++v) {
    at[v] = hn::SetTableIndices(d, kStreamTerms.of + v * kLanes);
  }
  const auto element = [&](const float* column, int64_t v) HWY_ATTR {
    const hn::Half<D> half;
    return hn::TableLookupLanes(hn::ZeroExtendVector(d, hn::Load(half, column)), at[v]);
  };
#else
  const auto element = [d](const float* column, int64_t v)
                           HWY_ATTR { return hn::Load(d, column + v * kLanes); };
#endif
  const float* from = a;
  const auto add = [&](auto& sums) HWY_ATTR {
#pragma GCC unroll 6
    for (int64_t v = 0; v < kStream; ++v) {
      V x[kColumns];
#pragma GCC unroll 4
      for (int64_t c = 0; c < kColumns; ++c) x[c] = element(expanded + c * kColumnFloats, v);
#pragma GCC unroll 2
      for (int64_t p = 0; p < kPanels; ++p) {
        const V w = hn::LoadU(d, from + p * left_step + v * kLanes);
#pragma GCC unroll 4
        for (int64_t c = 0; c < kColumns; ++c) sums[p][c][v] = hn::MulAdd(w, x[c], sums[p][c][v]);
      }
    }
    from += kStream * kLanes;
    expanded += kColumns * kColumnFloats;
  };
  int64_t t = 0;
  for (; t + kTurns * kTogether <= terms; t += kTurns * kTogether) {
#pragma GCC unroll 4
    for (int64_t s = 0; s < kTurns; ++s) add(y[s]);
  }
  for (; t + kTogether <= terms; t += kTogether) add(y[0]);
  each([&](int64_t s, int64_t p, int64_t c, int64_t v) HWY_ATTR {
    if (s > 0) y[0][p][c][v] = hn::Add(y[0][p][c][v], y[s][p][c][v]);
  });
#pragma GCC unroll 2
  for (int64_t p = 0; p < kPanels; ++p) {
#pragma GCC unroll 4
    for (int64_t c = 0; c < kColumns; ++c) {
      alignas(16) float sums[kPanelRows + 2];
      AddTerms(y[0][p][c], sums);
      for (int64_t i = 0; i < kPanelRows; ++i) {
        float sum = sums[i];
        for (int64_t k = t; k < terms; ++k) {
          sum += a[p * left_step + k * kPanelRows + i] * b[k * kPanelColumns + c];
        }
        tile[(p * kPanelRows + i) * kPanelColumns + c] = sum;
      }
    }
  }
}

using FewColumnsFn = void (*)(int64_t terms, const float* HWY_RESTRICT a, int64_t left_step,
                              const float* HWY_RESTRICT b, const float* HWY_RESTRICT expanded,
                              float* HWY_RESTRICT tile);
constexpr FewColumnsFn kFewColumnsProducts[] = {FewColumnsProduct<1>, FewColumnsProduct<2>,
                                                FewColumnsProduct<3>, FewColumnsProduct<4>};

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_CORE_VECTOR_FEW_COLUMNS_H_
