// The loops of tiled_attention.cc, which includes this file once for each instruction set.
#if defined(NOMOGRAPH_CORE_ATTENTION_TILED_ATTENTION_KERNEL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_ATTENTION_TILED_ATTENTION_KERNEL_H_
#undef NOMOGRAPH_CORE_ATTENTION_TILED_ATTENTION_KERNEL_H_
#else
#define NOMOGRAPH_CORE_ATTENTION_TILED_ATTENTION_KERNEL_H_
#endif

#include <algorithm>
#include <cstdint>
#include <optional>

#include "hwy/highway.h"
#include "nomograph/core/attention/attention_panels.h"
#include "nomograph/core/attention/score_mask.h"
#include "nomograph/core/attention/tiled_attention.h"
#include "nomograph/core/narrow/bfloat16_tiles.h"
#include "nomograph/core/vector/panel_product.h"
#include "nomograph/core/vector/vector_steps.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph {
namespace HWY_NAMESPACE {

// The keys of a tile, whole panels of the left matrix: their scores stay in the first cache.
constexpr int64_t kKeys = 16 * kPanelRows;
// So many panels of queries pass by a tile's keys and values once these have been packed.
constexpr int64_t kPanelsTogether = std::max<int64_t>(1, 512 / kQueries);
// So few queries are multiplied with keys and values where these lie.
constexpr int64_t kFewQueries = 4;

// e^x for x up to 0, and 0 below -87; NaN stays.
HWY_INLINE V ExpOfNegative(V x) {
  const D d;
  const V low = hn::Set(d, -87.0f);
  return hn::IfThenZeroElse(hn::Lt(x, low), Exp(d, Clip(low, hn::Zero(d), x)));
}

// What scores are taken relative to: where all are hidden, their exponentials are to be 0.
HWY_INLINE V ScoreOrigin(V greatest) {
  const D d;
  return hn::IfThenZeroElse(hn::Eq(greatest, hn::Set(d, kNoScore)), greatest);
}

// Scores become e^(score - greatest), of half a panel of queries; the sums follow.
inline void Exponentials(int64_t keys, float* HWY_RESTRICT scores, int64_t elements,
                         float* HWY_RESTRICT greatest, float* HWY_RESTRICT total,
                         float* HWY_RESTRICT values) {
  const D d;
  const V before = hn::Load(d, greatest);
  V max0 = before, max1 = before;
  int64_t k = 0;
  for (; k + 2 <= keys; k += 2) {
    max0 = hn::Max(max0, hn::Load(d, scores + k * kQueries));
    max1 = hn::Max(max1, hn::Load(d, scores + (k + 1) * kQueries));
  }
  if (k < keys) max0 = hn::Max(max0, hn::Load(d, scores + k * kQueries));
  const V now = hn::Max(max0, max1), origin = ScoreOrigin(now);
  V sum0 = hn::Zero(d), sum1 = sum0;
  const auto exponential = [&](float* at) HWY_ATTR {
    const V e = ExpOfNegative(hn::Sub(hn::Load(d, at), origin));
    hn::Store(e, d, at);
    return e;
  };
  for (k = 0; k + 2 <= keys; k += 2) {
    sum0 = hn::Add(sum0, exponential(scores + k * kQueries));
    sum1 = hn::Add(sum1, exponential(scores + (k + 1) * kQueries));
  }
  if (k < keys) sum0 = hn::Add(sum0, exponential(scores + k * kQueries));
  const V factor = ExpOfNegative(hn::Sub(before, origin));
  hn::Store(now, d, greatest);
  hn::Store(hn::MulAdd(hn::Load(d, total), factor, hn::Add(sum0, sum1)), d, total);
  if (hn::AllTrue(d, hn::Eq(before, now))) return;
  for (int64_t e = 0; e < elements; ++e) {
    float* const at = values + e * kQueries;
    hn::Store(hn::Mul(hn::Load(d, at), factor), d, at);
  }
}

// What panels are multiplied in: a row of a panel is that of one term.
struct Float32Terms {
  // Keys, or elements of values, of a left panel, and how far apart panels of so many terms lie.
  static constexpr int64_t kRows = kPanelRows;
  static int64_t PanelFloats(int64_t terms) { return kRows * terms; }
  static int64_t RowsOf(int64_t terms) { return terms; }
  static void PackKeys(const TiledAttention& a, const float* key, int64_t count, float* packed) {
    PackKeyPanels(a, key, count, packed);
  }
  static void PackValues(const TiledAttention& a, const float* value, int64_t count,
                         float* packed) {
    PackValuePanels(a, value, count, packed);
  }
  // A right panel of so many terms, each a row of kQueries elements, becomes what is multiplied.
  static void Round(int64_t /*terms*/, float* /*panel*/) {}
  // out = a b, or out += a b, of a left and a right panel of so many rows.
  template <int64_t kVectors>
  static void Multiply(int64_t rows, const float* a, const float* b, bool add, float* out) {
    PanelProduct<kPanelRows, kVectors>(rows, a, /*left_step=*/0, b, out, kQueries,
                                       Finish{.add_output = add});
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#if HWY_TARGET == HWY_AVX3

#include <immintrin.h>

HWY_PUSH_ATTRIBUTES(HWY_TARGET_STR ",avx512bf16")
namespace nomograph {
namespace HWY_NAMESPACE {

// In bfloat16: a row is that of two terms, which lie in one word.
struct PairedTerms {
  static constexpr int64_t kRows = kPanelRows;
  static int64_t PanelFloats(int64_t terms) { return kRows * terms; }
  static int64_t RowsOf(int64_t terms) { return (terms + 1) / 2; }
  static void PackKeys(const TiledAttention& a, const float* key, int64_t count, float* packed) {
    PackKeyPanels(a, key, count, packed);
    RoundPanels(count, a.size, packed);
  }
  static void PackValues(const TiledAttention& a, const float* value, int64_t count,
                         float* packed) {
    PackValuePanels(a, value, count, packed);
    RoundPanels(a.value_size, count, packed);
  }
  static void Round(int64_t terms, float* panel) { RoundRows(terms, kQueries, panel); }

  // Left panels of so many terms, each where it lies.
  static void RoundPanels(int64_t rows, int64_t terms, float* packed) {
    for (int64_t r = 0; r < rows; r += kRows) RoundRows(terms, kRows, packed + r * terms);
  }
  // A panel whose rows have `width` elements.
  static void RoundRows(int64_t terms, int64_t width, float* panel) {
    for (int64_t t = 0; t < terms; t += 2) {
      const float* const from = panel + t * width;
      float* const to = panel + t / 2 * width;  // it has been read
      for (int64_t i = 0; i < width; i += kLanes) {
        const auto there = static_cast<__mmask16>((1u << std::min(kLanes, width - i)) - 1);
        const auto rounded = [&](const float* at) __attribute__((always_inline)) {
          const __m512 x = _mm512_maskz_loadu_ps(there, at + i);
          return _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(x));
        };
        __m512i pairs = rounded(from);
        if (t + 1 < terms) {
          pairs = _mm512_or_si512(pairs, _mm512_slli_epi32(rounded(from + width), 16));
        }
        _mm512_mask_storeu_epi32(to + i, there, pairs);
      }
    }
  }

  template <int64_t kVectors>
  static void Multiply(int64_t rows, const float* HWY_RESTRICT a, const float* HWY_RESTRICT b,
                       bool add, float* HWY_RESTRICT out) {
    __m512 c[kPanelRows][kVectors];
    const auto each = [&](auto f) __attribute__((always_inline)) {
#pragma GCC unroll 8
      for (int64_t i = 0; i < kPanelRows; ++i) {
#pragma GCC unroll 2
        for (int64_t v = 0; v < kVectors; ++v) f(c[i][v], out + i * kQueries + v * kLanes);
      }
    };
    each([](__m512 & y, const float*) __attribute__((always_inline)) { y = _mm512_setzero_ps(); });
#pragma GCC unroll 2
    for (int64_t t = 0; t < rows; ++t, a += kPanelRows, b += kQueries) {
      __m512bh x[kVectors];
#pragma GCC unroll 2
      for (int64_t v = 0; v < kVectors; ++v) x[v] = (__m512bh)_mm512_load_ps(b + v * kLanes);
#pragma GCC unroll 8
      for (int64_t i = 0; i < kPanelRows; ++i) {
        const __m512bh w = (__m512bh)_mm512_set1_ps(a[i]);
#pragma GCC unroll 2
        for (int64_t v = 0; v < kVectors; ++v) c[i][v] = _mm512_dpbf16_ps(c[i][v], w, x[v]);
      }
    }
    if (add) {
      each([](__m512 & y, const float* there)
               __attribute__((always_inline)) { y = _mm512_add_ps(y, _mm512_load_ps(there)); });
    }
    each([](__m512 & y, float* to) __attribute__((always_inline)) { _mm512_store_ps(to, y); });
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_POP_ATTRIBUTES

HWY_PUSH_ATTRIBUTES(HWY_TARGET_STR ",avx512bf16,amx-tile,amx-bf16")
namespace nomograph {
namespace HWY_NAMESPACE {

// The same in tiles (core/narrow/bfloat16_tiles.h): rows are filled up with zeros to sixteen.
// REQUIRES: a TileScope.
struct TiledTerms {
  static constexpr int64_t kRows = bfloat16::kTileRows;
  static int64_t PanelFloats(int64_t terms) { return kRows * RowsOf(terms); }
  static int64_t RowsOf(int64_t terms) {
    constexpr int64_t kTerms = 2 * bfloat16::kTilePairs;
    return (terms + kTerms - 1) / kTerms * bfloat16::kTilePairs;
  }
  static void PackKeys(const TiledAttention& a, const float* key, int64_t count, float* packed) {
    const HeadStrides& s = a.key_strides;
    Pack({key, count, a.size, s.position, s.element}, packed);
  }
  static void PackValues(const TiledAttention& a, const float* value, int64_t count,
                         float* packed) {
    const HeadStrides& s = a.value_strides;
    Pack({value, a.value_size, count, s.element, s.position}, packed);
  }
  static void Round(int64_t terms, float* panel) {
    PairedTerms::Round(terms, panel);
    const int64_t rows = PairedTerms::RowsOf(terms);
    std::fill(panel + rows * kQueries, panel + RowsOf(terms) * kQueries, 0.0f);
  }

  template <int64_t kVectors>
  static void Multiply(int64_t rows, const float* a, const float* b, bool add, float* out) {
    static_assert(kQueries == 2 * kLanes);
    constexpr int64_t kRowBytes = kLanes * sizeof(float), kPanelBytes = kQueries * sizeof(float);
    // The compiler is not told what the tiles' instructions read.
    asm volatile("" ::: "memory");
    if (add) {
      _tile_loadd(0, out, kPanelBytes);
      if constexpr (kVectors > 1) _tile_loadd(1, out + kLanes, kPanelBytes);
    } else {
      _tile_zero(0);
      if constexpr (kVectors > 1) _tile_zero(1);
    }
    for (int64_t t = 0; t < rows; t += bfloat16::kTilePairs) {
      _tile_loadd(6, a + t * kRows, kRowBytes);
      _tile_loadd(7, b + t * kQueries, kPanelBytes);
      _tile_dpbf16ps(0, 6, 7);
      if constexpr (kVectors > 1) {
        _tile_loadd(5, b + t * kQueries + kLanes, kPanelBytes);
        _tile_dpbf16ps(1, 6, 5);
      }
    }
    _tile_stored(0, out, kPanelBytes);
    if constexpr (kVectors > 1) _tile_stored(1, out + kLanes, kPanelBytes);
    asm volatile("" ::: "memory");
  }

 private:
  static void Pack(const bfloat16::SideView<float>& rows, float* packed) {
    bfloat16::PackTilePanels(rows, PanelFloats(rows.terms), reinterpret_cast<uint32_t*>(packed));
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_POP_ATTRIBUTES

#endif  // HWY_TARGET == HWY_AVX3

HWY_BEFORE_NAMESPACE();
namespace nomograph {
namespace HWY_NAMESPACE {

// A panel of queries and a tile's keys. With `kNarrow` only the first half of the queries is there.
template <typename Terms, bool kNarrow>
void AttendTile(const TiledAttention& a, const Rows& rows, int64_t row, int64_t count, int64_t key,
                int64_t keys, bool masked, const float* queries, const float* packed_keys,
                const float* packed_values, const PanelSums& sums, float* HWY_RESTRICT scores) {
  constexpr int64_t kVectors = kNarrow ? 1 : 2;
  const int64_t size = Terms::RowsOf(a.size), weights = Terms::RowsOf(keys);
  for (int64_t k = 0; k < keys; k += Terms::kRows, packed_keys += Terms::PanelFloats(a.size)) {
    Terms::template Multiply<kVectors>(size, packed_keys, queries, /*add=*/false,
                                       scores + k * kQueries);
  }
  if (masked) MaskTile(a.mask, rows, row, count, key, keys, scores);
  const int64_t elements = WholePanels(a.value_size, Terms::kRows);
  for (int64_t half = 0; half < (kNarrow ? 1 : 2); ++half) {
    const int64_t at = half * kLanes;
    Exponentials(keys, scores + at, elements, sums.greatest + at, sums.total + at,
                 sums.values + at);
  }
  Terms::Round(keys, scores);
  for (int64_t e = 0; e < elements; e += Terms::kRows, packed_values += Terms::PanelFloats(keys)) {
    Terms::template Multiply<kVectors>(weights, packed_values, scores, /*add=*/true,
                                       sums.values + e * kQueries);
  }
}

#if HWY_TARGET == HWY_AVX3
inline bool ByTiles(const TiledAttention& a) { return a.rounds && HasTiles(); }
#else
inline bool ByTiles(const TiledAttention&) { return false; }
#endif

// How scratch memory is shared out.
struct Scratch {
  Scratch(const TiledAttention& a, int64_t panels, float* memory) {
    int64_t panel = kPanelRows, size = a.size;
    int64_t tile = std::min(kKeys, WholePanels(a.keys, panel)), keys_rows = tile;
#if HWY_TARGET == HWY_AVX3
    if (ByTiles(a)) {
      panel = TiledTerms::kRows;
      tile = std::min(kKeys, WholePanels(a.keys, panel));
      keys_rows = std::max(tile, TiledTerms::RowsOf(tile));
      size = std::max(size, TiledTerms::RowsOf(size));
    }
#endif
    elements = WholePanels(a.value_size, panel);
    query_floats = size * kQueries;
    const auto take = [&](int64_t floats) {
      float* const begin = memory + used;
      used += (floats + kAligned - 1) / kAligned * kAligned;
      return begin;
    };
    scores = take(keys_rows * kQueries);
    keys = take(tile * size);
    values = take(keys_rows * elements);
    queries = take(panels * query_floats);
    greatest = take(panels * kQueries);
    total = take(panels * kQueries);
    outputs = take(panels * elements * kQueries);
  }
  PanelSums Sums(int64_t panel) const {
    return {greatest + panel * kQueries, total + panel * kQueries,
            outputs + panel * elements * kQueries};
  }

  static constexpr int64_t kAligned = 32;
  int64_t elements;      // of a value, in whole panels
  int64_t query_floats;  // of a panel
  int64_t used = 0;
  float *scores, *keys, *values, *queries, *greatest, *total, *outputs;
};

// Rows [begin, end), at most kPanelsTogether panels.
template <typename Terms>
void AttendPanels(const TiledAttention& a, const Rows& rows, int64_t begin, int64_t end,
                  const Scratch& scratch) {
  const int64_t panels = (end - begin + kQueries - 1) / kQueries;
  const auto live = [&](int64_t panel) {
    return std::min(kQueries, end - begin - panel * kQueries);
  };
  for (int64_t p = 0; p < panels; ++p) {
    float* const queries = scratch.queries + p * scratch.query_floats;
    PackQueries(a, rows, begin + p * kQueries, live(p), queries);
    Terms::Round(a.size, queries);
  }
  std::fill_n(scratch.greatest, panels * kQueries, kNoScore);
  std::fill_n(scratch.total, panels * kQueries, 0.0f);
  std::fill_n(scratch.outputs, panels * scratch.elements * kQueries, 0.0f);
  const float* const key =
      a.key + rows.batch * a.key_strides.batch + rows.key_head * a.key_strides.head;
  const float* const value =
      a.value + rows.batch * a.value_strides.batch + rows.key_head * a.value_strides.head;
  for (int64_t k = 0; k < a.keys; k += kKeys) {
    const int64_t count = std::min(kKeys, a.keys - k);
    bool packed = false;
    for (int64_t p = 0; p < panels; ++p) {
      const int64_t row = begin + p * kQueries;
      const Masked masked = MaskedTile(a.mask, rows, row, live(p), k, count);
      if (masked == Masked::kAll) continue;
      if (!packed) {
        Terms::PackKeys(a, key + k * a.key_strides.position, count, scratch.keys);
        Terms::PackValues(a, value + k * a.value_strides.position, count, scratch.values);
        packed = true;
      }
      (live(p) <= kLanes
           ? AttendTile<Terms, true>
           : AttendTile<Terms, false>)(a, rows, row, live(p), k, count, masked == Masked::kSome,
                                       scratch.queries + p * scratch.query_floats, scratch.keys,
                                       scratch.values, scratch.Sums(p), scratch.scores);
    }
  }
  for (int64_t p = 0; p < panels; ++p) {
    StorePanel(a, rows, begin + p * kQueries, live(p), scratch.Sums(p));
  }
}

inline float Dot(const float* HWY_RESTRICT x, const float* HWY_RESTRICT y, int64_t count) {
  const D d;
  V even = hn::Zero(d), odd = even;
  int64_t i = 0;
  for (; i + 2 * kLanes <= count; i += 2 * kLanes) {
    even = hn::MulAdd(hn::LoadU(d, x + i), hn::LoadU(d, y + i), even);
    odd = hn::MulAdd(hn::LoadU(d, x + i + kLanes), hn::LoadU(d, y + i + kLanes), odd);
  }
  float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(even, odd)));
  for (; i < count; ++i) sum += x[i] * y[i];
  return sum;
}

// to = to * factor + weights[0] * values[0] + weights[1] * values[1] + …, `stride` apart.
template <int64_t kVectors>
void AddWeighted(const float* HWY_RESTRICT weights, const float* HWY_RESTRICT values,
                 int64_t stride, int64_t count, float factor, float* HWY_RESTRICT to) {
  const D d;
  V sums[kVectors];
#pragma GCC unroll 4
  for (int64_t v = 0; v < kVectors; ++v) {
    sums[v] = hn::Mul(hn::LoadU(d, to + v * kLanes), hn::Set(d, factor));
  }
  for (int64_t k = 0; k < count; ++k) {
    const V weight = hn::Set(d, weights[k]);
#pragma GCC unroll 4
    for (int64_t v = 0; v < kVectors; ++v) {
      sums[v] = hn::MulAdd(weight, hn::LoadU(d, values + k * stride + v * kLanes), sums[v]);
    }
  }
#pragma GCC unroll 4
  for (int64_t v = 0; v < kVectors; ++v) hn::StoreU(sums[v], d, to + v * kLanes);
}

inline void AddAllWeighted(const float* HWY_RESTRICT weights, const float* HWY_RESTRICT values,
                           int64_t stride, int64_t count, float factor, int64_t elements,
                           float* HWY_RESTRICT to) {
  constexpr int64_t kVectors = 4;
  int64_t e = 0;
  for (; e + kVectors * kLanes <= elements; e += kVectors * kLanes) {
    AddWeighted<kVectors>(weights, values + e, stride, count, factor, to + e);
  }
  for (; e + kLanes <= elements; e += kLanes) {
    AddWeighted<1>(weights, values + e, stride, count, factor, to + e);
  }
  for (; e < elements; ++e) {
    float sum = to[e] * factor;
    for (int64_t k = 0; k < count; ++k) sum += weights[k] * values[k * stride + e];
    to[e] = sum;
  }
}

// Scores of one query become e^(score - reference); their sum.
inline float ExponentialsOfRow(int64_t keys, float reference, float* scores) {
  const D d;
  V sums = hn::Zero(d);
  const V shift = hn::Set(d, reference);
  int64_t k = 0;
  for (; k + kLanes <= keys; k += kLanes) {
    const V e = ExpOfNegative(hn::Sub(hn::Load(d, scores + k), shift));
    hn::Store(e, d, scores + k);
    sums = hn::Add(sums, e);
  }
  float sum = hn::GetLane(hn::SumOfLanes(d, sums));
  for (; k < keys; ++k) {
    scores[k] = hn::GetLane(ExpOfNegative(hn::Set(d, scores[k] - reference)));
    sum += scores[k];
  }
  return sum;
}

// One row with keys and values where they lie; the elements of each lie side by side.
void AttendRow(const TiledAttention& a, const Rows& rows, int64_t row, const Scratch& scratch) {
  float* const scores = scratch.scores;
  float* const query = scratch.queries;
  float* const sums = scratch.outputs;
  const float* const from = a.query + rows.Offset(a.query_strides, row);
  for (int64_t e = 0; e < a.size; ++e) query[e] = from[e * a.query_strides.element] * a.scale;
  std::fill_n(sums, a.value_size, 0.0f);
  const float* const key =
      a.key + rows.batch * a.key_strides.batch + rows.key_head * a.key_strides.head;
  const float* const value =
      a.value + rows.batch * a.value_strides.batch + rows.key_head * a.value_strides.head;
  float greatest = kNoScore, total = 0;
  for (int64_t first = 0; first < a.keys; first += kKeys) {
    const int64_t count = std::min(kKeys, a.keys - first);
    const Masked masked = MaskedTile(a.mask, rows, row, 1, first, count);
    if (masked == Masked::kAll) continue;
    for (int64_t k = 0; k < count; ++k) {
      scores[k] = Dot(query, key + (first + k) * a.key_strides.position, a.size);
    }
    if (masked == Masked::kSome) {
      WithElements(a.mask, [&](const auto* data) {
        const int64_t step = a.mask.strides.element;
        const auto* const elements = data + rows.Offset(a.mask.strides, row) + first * step;
        for (int64_t k = 0; k < count; ++k) {
          scores[k] = MaskedScore(a.mask, scores[k], elements[k * step]);
        }
      });
    }
    const float before = greatest;
    for (int64_t k = 0; k < count; ++k) greatest = scores[k] > greatest ? scores[k] : greatest;
    const float reference = greatest == kNoScore ? 0.0f : greatest;
    float factor = before - reference;
    ExponentialsOfRow(1, 0.0f, &factor);
    total = total * factor + ExponentialsOfRow(count, reference, scores);
    AddAllWeighted(scores, value + first * a.value_strides.position, a.value_strides.position,
                   count, factor, a.value_size, sums);
  }
  float* const to = a.output + rows.Offset(a.output_strides, row);
  const float scale = 1.0f / total;
  for (int64_t e = 0; e < a.value_size; ++e) to[e * a.output_strides.element] = sums[e] * scale;
}

// How the queries of a head are shared out. All that is computed for a query is the same in any
// block.
struct Blocks {
  Blocks(const TiledAttention& a, int parts) {
    constexpr int64_t kUnitsForEach = 4, kWorthPacking = 4;  // units a thread; panels of a block
    const int64_t rows = a.heads / a.key_heads * a.queries;
    heads = a.batch * a.key_heads;
    panels = (rows + kQueries - 1) / kQueries;
    const int64_t wanted = (kUnitsForEach * parts + heads - 1) / std::max<int64_t>(heads, 1);
    blocks = std::max((panels + kPanelsTogether - 1) / kPanelsTogether,
                      std::min(wanted, (panels + kWorthPacking - 1) / kWorthPacking));
  }
  int64_t heads, panels, blocks;
};

int64_t ScratchFloats(const TiledAttention& a) {
  const Blocks blocks(a, 1);
  return Scratch(a, std::min(blocks.panels, kPanelsTogether), nullptr).used;
}

void Attend(const TiledAttention& a, int part, int parts, float* memory) {
  const Blocks blocks(a, parts);
  const Scratch scratch(a, std::min(blocks.panels, kPanelsTogether), memory);
  auto* attend_panels = AttendPanels<Float32Terms>;
#if HWY_TARGET == HWY_AVX3
  std::optional<bfloat16::TileScope> tiles;
  if (ByTiles(a)) {
    tiles.emplace();
    attend_panels = AttendPanels<TiledTerms>;
  } else if (a.rounds) {
    attend_panels = AttendPanels<PairedTerms>;
  }
#endif
  for (int64_t unit = part; unit < blocks.heads * blocks.blocks; unit += parts) {
    const int64_t head = unit / blocks.blocks, block = unit % blocks.blocks;
    const Rows rows{head / a.key_heads, head % a.key_heads, a.heads / a.key_heads, a.queries};
    const bool where_they_lie = a.key_strides.element == 1 && a.value_strides.element == 1;
    if (rows.count() <= kFewQueries && where_they_lie) {
      for (int64_t row = 0; row < rows.count(); ++row) AttendRow(a, rows, row, scratch);
      continue;
    }
    const auto at = [&](int64_t number) {
      return std::min(rows.count(), blocks.panels * number / blocks.blocks * kQueries);
    };
    attend_panels(a, rows, at(block), at(block + 1), scratch);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_CORE_ATTENTION_TILED_ATTENTION_KERNEL_H_
