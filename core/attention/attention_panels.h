// Panels of queries, keys and values, for the files that are compiled once for each instruction set
// and include this one each time.
#if defined(NOMOGRAPH_CORE_ATTENTION_ATTENTION_PANELS_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_ATTENTION_ATTENTION_PANELS_H_
#undef NOMOGRAPH_CORE_ATTENTION_ATTENTION_PANELS_H_
#else
#define NOMOGRAPH_CORE_ATTENTION_ATTENTION_PANELS_H_
#endif

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "hwy/highway.h"
#include "nomograph/core/attention/tiled_attention.h"
#include "nomograph/core/vector/panel_product.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph {
namespace HWY_NAMESPACE {

// So many queries are a panel, whose elements stand side by side in vectors.
constexpr int64_t kQueries = kPanelColumns;

// A multiple of the rows of a panel.
inline int64_t WholePanels(int64_t size, int64_t rows) { return (size + rows - 1) / rows * rows; }

// The queries of all heads that share the keys of one.
struct Rows {
  int64_t batch, key_head;
  int64_t sharing, queries;  // heads of queries; queries of each
  int64_t count() const { return sharing * queries; }
  int64_t head(int64_t row) const { return key_head * sharing + row / queries; }
  // Row number `row` of a matrix for each head.
  int64_t Offset(const HeadStrides& strides, int64_t row) const {
    return batch * strides.batch + head(row) * strides.head + row % queries * strides.position;
  }
};

// Four elements of each of four rows, which become those of four columns: matrices are turned so,
// whatever the size of vectors.
constexpr int64_t kQuad = 4;
#if HWY_TARGET == HWY_SCALAR
constexpr bool kHasQuads = false;
#else
constexpr bool kHasQuads = true;
#endif
using DQuad = hn::CappedTag<float, kQuad>;
using VQuad = hn::Vec<DQuad>;

HWY_INLINE void Turn([[maybe_unused]] VQuad (&v)[kQuad]) {
#if HWY_TARGET != HWY_SCALAR
  Turn(DQuad(), v);
#endif
}

// Term after term, the elements of a panel of queries; zeros where there are no more.
inline void PackQueries(const TiledAttention& a, const Rows& rows, int64_t row, int64_t count,
                        float* HWY_RESTRICT packed) {
  const int64_t step = a.query_strides.element;
  const float* from[kQueries];
  for (int64_t i = 0; i < kQueries; ++i) {
    from[i] = a.query + rows.Offset(a.query_strides, row + std::min(i, count - 1));
  }
  // Terms [t, end) of rows [i, last).
  const auto by_itself = [&](int64_t t, int64_t end, int64_t i, int64_t last) {
    for (; t < end; ++t) {
      for (int64_t k = i; k < last; ++k) {
        packed[t * kQueries + k] = k < count ? from[k][t * step] * a.scale : 0.0f;
      }
    }
  };
  for (int64_t i = 0; i < kQueries; i += kQuad) {
    int64_t t = 0;
    if constexpr (kHasQuads) {
      const DQuad d;
      for (; step == 1 && i + kQuad <= count && t + kQuad <= a.size; t += kQuad) {
        VQuad v[kQuad];
#pragma GCC unroll 4
        for (int64_t k = 0; k < kQuad; ++k) v[k] = hn::LoadU(d, from[i + k] + t);
        Turn(v);
#pragma GCC unroll 4
        for (int64_t k = 0; k < kQuad; ++k) {
          hn::StoreU(hn::Mul(v[k], hn::Set(d, a.scale)), d, packed + (t + k) * kQueries + i);
        }
      }
    }
    by_itself(t, a.size, i, std::min(i + kQuad, kQueries));
  }
}

// Panels of keys, as PackLeftBlock() makes them.
inline void PackKeyPanels(const TiledAttention& a, const float* key, int64_t count,
                          float* HWY_RESTRICT packed) {
  const HeadStrides& strides = a.key_strides;
  for (int64_t k = 0; k < count; k += kPanelRows, packed += a.size * kPanelRows) {
    const float* from[kPanelRows];
    for (int64_t i = 0; i < kPanelRows; ++i) {  // keys that are not there: the last, never read
      from[i] = key + std::min(k + i, count - 1) * strides.position;
    }
    if (strides.element == 1) {
      PackRows(from, a.size, packed);
      continue;
    }
    for (int64_t t = 0; t < a.size; ++t) {
      for (int64_t i = 0; i < kPanelRows; ++i) {
        packed[t * kPanelRows + i] = from[i][t * strides.element];
      }
    }
  }
}

// Panels of the values' elements, key after key in each; zeros where there are no more.
inline void PackValuePanels(const TiledAttention& a, const float* value, int64_t count,
                            float* HWY_RESTRICT packed) {
  const HeadStrides& strides = a.value_strides;
  for (int64_t e = 0; e < a.value_size; e += kPanelRows) {
    const int64_t there = std::min(kPanelRows, a.value_size - e);
    const float* from = value + e * strides.element;
    const bool together = there == kPanelRows && strides.element == 1;
    for (int64_t k = 0; k < count; ++k, packed += kPanelRows, from += strides.position) {
      if (together) {
        std::memcpy(packed, from, kPanelRows * sizeof(float));
        continue;
      }
      for (int64_t i = 0; i < kPanelRows; ++i) {
        packed[i] = i < there ? from[i * strides.element] : 0.0f;
      }
    }
  }
}

// Sums over the keys so far for a panel of queries. What has been summed counts e^(score -
// greatest) for each key.
struct PanelSums {
  float* HWY_RESTRICT greatest;  // [kQueries]
  float* HWY_RESTRICT total;     // [kQueries]
  float* HWY_RESTRICT values;    // [whole panels of a value's elements, kQueries]
};

// The sums over all keys as what the queries' outputs are.
inline void StorePanel(const TiledAttention& a, const Rows& rows, int64_t row, int64_t count,
                       const PanelSums& sums) {
  const int64_t step = a.output_strides.element;
  float* to[kQueries];
  for (int64_t i = 0; i < count; ++i) to[i] = a.output + rows.Offset(a.output_strides, row + i);
  for (int64_t i = 0; i < count; i += kQuad) {
    int64_t e = 0;
    if constexpr (kHasQuads) {
      const DQuad d;
      for (; step == 1 && i + kQuad <= count && e + kQuad <= a.value_size; e += kQuad) {
        const VQuad totals = hn::LoadU(d, sums.total + i);
        VQuad v[kQuad];
#pragma GCC unroll 4
        for (int64_t k = 0; k < kQuad; ++k) {
          v[k] = hn::Div(hn::LoadU(d, sums.values + (e + k) * kQueries + i), totals);
        }
        Turn(v);
#pragma GCC unroll 4
        for (int64_t k = 0; k < kQuad; ++k) hn::StoreU(v[k], d, to[i + k] + e);
      }
    }
    for (; e < a.value_size; ++e) {
      for (int64_t k = i; k < std::min(i + kQuad, count); ++k) {
        to[k][e * step] = sums.values[e * kQueries + k] / sums.total[k];
      }
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_CORE_ATTENTION_ATTENTION_PANELS_H_
