// The inner loops of products of packed panels, for the files that are compiled once for each
// instruction set and include this one each time.
#if defined(NOMOGRAPH_CORE_VECTOR_PANEL_PRODUCT_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_VECTOR_PANEL_PRODUCT_H_
#undef NOMOGRAPH_CORE_VECTOR_PANEL_PRODUCT_H_
#else
#define NOMOGRAPH_CORE_VECTOR_PANEL_PRODUCT_H_
#endif

#include <algorithm>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "hwy/cache_control.h"
#include "hwy/highway.h"
#include "nomograph/core/vector/few_columns.h"
#include "nomograph/core/vector/packed_product.h"
#include "nomograph/core/vector/vector_steps.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph {
namespace HWY_NAMESPACE {

// Blocks, in elements: so many terms of a panel stay in the first cache, of a block in the second.
constexpr int64_t kTerms = 256;
constexpr int64_t kBlockRows = 24 * kPanelRows;
constexpr int64_t kBlockColumns = 192;

// What is done with a tile of the product before it is stored: a sum of what is there already, the
// biases, a matrix that is added, and bounds. Pointers are to the tile's first element, null for
// what is not done.
struct Finish {
  bool add_output = false;
  const float* row_bias = nullptr;
  const float* column_bias = nullptr;
  const float* addend = nullptr;
  int64_t addend_stride = 0;
  const VectorStep* clip = nullptr;

  // To the tile so many columns on.
  HWY_INLINE void MoveOn(int64_t columns) {
    if (column_bias != nullptr) column_bias += columns;
    if (addend != nullptr) addend += columns;
  }

  // Elements of row `i` from `column` on; `there` is what the output holds.
  template <typename Load>
  HWY_INLINE V Apply(V y, int64_t i, int64_t column, const float* there, const Load& load) const {
    const D d;
    if (add_output) y = hn::Add(y, load(there));
    if (row_bias != nullptr) y = hn::Add(y, hn::Set(d, row_bias[i]));
    if (column_bias != nullptr) y = hn::Add(y, load(column_bias + column));
    if (addend != nullptr) y = hn::Add(y, load(addend + i * addend_stride + column));
    return clip == nullptr ? y : Clip(hn::Set(d, clip->a), hn::Set(d, clip->b), y);
  }

  // The same of one element.
  HWY_INLINE float ApplyToOne(float y, int64_t i, int64_t column, float there) const {
    if (add_output) y += there;
    if (row_bias != nullptr) y += row_bias[i];
    if (column_bias != nullptr) y += column_bias[column];
    if (addend != nullptr) y += addend[i * addend_stride + column];
    if (clip != nullptr) y = y < clip->a ? clip->a : y > clip->b ? clip->b : y;
    return y;
  }

  // The same of a whole tile, to out[i * stride]: each question is asked once.
  template <int64_t kRows, int64_t kVectors>
  HWY_INLINE void Store(V (&y)[kRows][kVectors], float* HWY_RESTRICT out, int64_t stride) const {
    const D d;
    const auto each = [&](auto f) HWY_ATTR {
#pragma GCC unroll 12
      for (int64_t i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
        for (int64_t v = 0; v < kVectors; ++v) y[i][v] = f(y[i][v], i, v * kLanes);
      }
    };
    // Elements of a matrix whose rows lie `step` apart.
    const auto add = [&](const float* from, int64_t step) HWY_ATTR {
#pragma GCC unroll 12
      for (int64_t i = 0; i < kRows; ++i, from += step) {
#pragma GCC unroll 2
        for (int64_t v = 0; v < kVectors; ++v) {
          y[i][v] = hn::Add(y[i][v], hn::LoadU(d, from + v * kLanes));
        }
      }
    };
    if (add_output) add(out, stride);
    if (row_bias != nullptr) {
      each([&](V c, int64_t i, int64_t) HWY_ATTR { return hn::Add(c, hn::Set(d, row_bias[i])); });
    }
    if (column_bias != nullptr) add(column_bias, 0);
    if (addend != nullptr) add(addend, addend_stride);
    if (clip != nullptr) {
      const V low = hn::Set(d, clip->a), high = hn::Set(d, clip->b);
      if (clip->b == std::numeric_limits<float>::infinity()) {
        each([&](V c, int64_t, int64_t) HWY_ATTR { return AtLeast(low, c); });
      } else {
        each([&](V c, int64_t, int64_t) HWY_ATTR { return Clip(low, high, c); });
      }
    }
#pragma GCC unroll 12
    for (int64_t i = 0; i < kRows; ++i, out += stride) {
#pragma GCC unroll 2
      for (int64_t v = 0; v < kVectors; ++v) hn::StoreU(y[i][v], d, out + v * kLanes);
    }
  }
};

// What is brought near while terms are multiplied, in two streams: for each term those lines in
// which lies what is `step` floats behind the last one's.
struct Ahead {
  const float *first, *second;
  int64_t step;
  HWY_INLINE void Fetch(int64_t term) const {
    hwy::Prefetch(first + term * step);
    hwy::Prefetch(second + term * step);
  }
};

// The product of the first kRows rows of left panels and kVectors vectors, which load(t, x) yields
// for term t, to the rows out[i * stride]. A second left panel lies `left_step` floats behind the
// first.
template <int64_t kRows, int64_t kVectors, typename Load>
HWY_INLINE void MultiplyTerms(int64_t terms, const float* HWY_RESTRICT a, int64_t left_step,
                              const Load& load, float* HWY_RESTRICT out, int64_t stride,
                              const Finish& finish) {
  const D d;
  V c[kRows][kVectors];
#pragma GCC unroll 12
  for (int64_t i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
    for (int64_t v = 0; v < kVectors; ++v) c[i][v] = hn::Zero(d);
  }
  const float* HWY_RESTRICT second = a + left_step;
#pragma GCC unroll 4
  for (int64_t t = 0; t < terms; ++t, a += kPanelRows, second += kPanelRows) {
    V x[kVectors];
    load(t, x);
#pragma GCC unroll 12
    for (int64_t i = 0; i < kRows; ++i) {
      const V w = hn::Set(d, i < kPanelRows ? a[i] : second[i - kPanelRows]);
#pragma GCC unroll 2
      for (int64_t v = 0; v < kVectors; ++v) c[i][v] = hn::MulAdd(w, x[v], c[i][v]);
    }
  }
  finish.Store(c, out, stride);
}

// Of a right panel.
template <int64_t kRows, int64_t kVectors, bool kFetches = false>
void PanelProduct(int64_t terms, const float* HWY_RESTRICT a, int64_t left_step,
                  const float* HWY_RESTRICT b, float* HWY_RESTRICT out, int64_t stride,
                  const Finish& finish, const Ahead& ahead = {}) {
  const D d;
  MultiplyTerms<kRows, kVectors>(
      terms, a, left_step,
      [&](int64_t t, V(&x)[kVectors]) HWY_ATTR {
        if constexpr (kFetches) ahead.Fetch(t);
#pragma GCC unroll 2
        for (int64_t v = 0; v < kVectors; ++v) {
          x[v] = hn::Load(d, b + t * kPanelColumns + v * kLanes);
        }
      },
      out, stride, finish);
}

// The map of the rows from number `row` on.
inline RowMap MapFrom(RowMap map, int64_t row) {
  if (map.factors != nullptr) map.factors += row;
  if (map.offsets != nullptr) map.offsets += row;
  return map;
}

enum class MapKind { kNone, kFactors, kAll };
inline MapKind KindOf(const RowMap& map) {
  return map.factors == nullptr   ? MapKind::kNone
         : map.offsets == nullptr ? MapKind::kFactors
                                  : MapKind::kAll;
}
// An element of row `row`.
template <MapKind kKind>
HWY_INLINE V Mapped(const RowMap& map, int64_t row, V x) {
  if constexpr (kKind == MapKind::kNone) {
    return x;
  } else {
    const D d;
    const V factor = hn::Set(d, map.factors[row]);
    if constexpr (kKind == MapKind::kFactors) return hn::Mul(x, factor);
    return AtLeast(hn::Set(d, map.least), hn::MulAdd(x, factor, hn::Set(d, map.offsets[row])));
  }
}

// Columns of the right matrix as they lie, and the panels that they become.
struct UnpackedColumns {
  const float* from = nullptr;  // the first term's
  int64_t row_stride = 0;
  float* panels = nullptr;
  RowMap map = {};  // of the terms
};
// Of a panel's columns, which are packed on the way: stores have nothing else to do meanwhile. Each
// row is a line of its own, so that the next panel's are fetched ahead.
template <int64_t kRows, bool kFetches, MapKind kMap>
void PackingProduct(int64_t terms, const float* HWY_RESTRICT a, int64_t left_step,
                    const UnpackedColumns& columns, float* HWY_RESTRICT out, int64_t stride,
                    const Finish& finish, const Ahead& ahead) {
  const D d;
  MultiplyTerms<kRows, 2>(
      terms, a, left_step,
      [&](int64_t t, V(&x)[2]) HWY_ATTR {
        if constexpr (kFetches) ahead.Fetch(t);
        const float* const from = columns.from + t * columns.row_stride;
        constexpr int64_t kLine = 16;
        for (int64_t i = 0; i < kPanelColumns; i += kLine) {
          hwy::Prefetch(from + kPanelColumns + i);
        }
#pragma GCC unroll 2
        for (int64_t v = 0; v < 2; ++v) {
          x[v] = Mapped<kMap>(columns.map, t, hn::LoadU(d, from + v * kLanes));
          hn::Store(x[v], d, columns.panels + t * kPanelColumns + v * kLanes);
        }
      },
      out, stride, finish);
}

using PanelProductFn = void (*)(int64_t terms, const float* HWY_RESTRICT a, int64_t left_step,
                                const float* HWY_RESTRICT b, float* HWY_RESTRICT out,
                                int64_t stride, const Finish& finish, const Ahead& ahead);
using PackingProductFn = void (*)(int64_t terms, const float* HWY_RESTRICT a, int64_t left_step,
                                  const UnpackedColumns& columns, float* HWY_RESTRICT out,
                                  int64_t stride, const Finish& finish, const Ahead& ahead);
struct PanelProductChoice {
  int64_t rows;  // that they yield
  // The second of each fetches what lies ahead.
  PanelProductFn multiply[2];
  PackingProductFn pack_and_multiply[3][2];  // by MapKind
};
template <int64_t kRows, int64_t kVectors>
inline constexpr PanelProductChoice kPanelProducts = {
    kRows,
    {PanelProduct<kRows, kVectors, false>, PanelProduct<kRows, kVectors, true>},
    {{PackingProduct<kRows, false, MapKind::kNone>, PackingProduct<kRows, true, MapKind::kNone>},
     {PackingProduct<kRows, false, MapKind::kFactors>,
      PackingProduct<kRows, true, MapKind::kFactors>},
     {PackingProduct<kRows, false, MapKind::kAll>, PackingProduct<kRows, true, MapKind::kAll>}}};

// For so many rows and columns; it yields some more.
inline const PanelProductChoice& PanelProductFor(int64_t rows, int64_t columns) {
  const auto choose =
      [&]<int64_t kRows>(std::integral_constant<int64_t, kRows>) -> const PanelProductChoice& {
    return columns <= kLanes ? kPanelProducts<kRows, 1> : kPanelProducts<kRows, 2>;
  };
  if constexpr (kTogetherRows > kPanelRows) {
    if (rows > 10) return choose(std::integral_constant<int64_t, 12>());
    if (rows > 8) return choose(std::integral_constant<int64_t, 10>());
    if (rows > kPanelRows) return choose(std::integral_constant<int64_t, 8>());
  }
  return rows > kFewRows ? choose(std::integral_constant<int64_t, kPanelRows>())
                         : choose(std::integral_constant<int64_t, kFewRows>());
}

// Stores the part of a tile, as PanelProduct() leaves it, that the output has.
inline void StorePart(const float* tile, const Finish& finish, int64_t rows, int64_t columns,
                      float* out, int64_t stride) {
  const D d;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; c += kLanes) {
      const int64_t count = std::min(kLanes, columns - c);
      const auto load = [&](const float* from) HWY_ATTR {
        return count == kLanes ? hn::LoadU(d, from) : LoadFirst(from, count);
      };
      float* const to = out + r * stride + c;
      const V y = finish.Apply(hn::Load(d, tile + r * kPanelColumns + c), r, c, to, load);
      if (count == kLanes) {
        hn::StoreU(y, d, to);
      } else {
        StoreFirst(y, count, to);
      }
    }
  }
}

// A left panel of the rows from[i]: packed[t * kPanelRows + i] = from[i][t].
inline void PackRows(const float* const (&from)[kPanelRows], int64_t terms,
                     float* HWY_RESTRICT packed) {
  int64_t t = 0;
#if HWY_TARGET != HWY_SCALAR
  static_assert(kPanelRows == 6);
  const hn::CappedTag<float, 4> d;
  using Quad = hn::Vec<decltype(d)>;
  constexpr int64_t kQuad = 4;
  static_assert(hn::MaxLanes(d) == kQuad);
  for (; t + kQuad <= terms; t += kQuad) {
    const auto pair = [&](int64_t i, bool upper) HWY_ATTR {
      const Quad x = hn::LoadU(d, from[i] + t), y = hn::LoadU(d, from[i + 1] + t);
      return upper ? hn::InterleaveUpper(d, x, y) : hn::InterleaveLower(d, x, y);
    };
    for (const bool upper : {false, true}) {  // of each pair the elements of two terms
      const Quad x = pair(0, upper), y = pair(2, upper), z = pair(4, upper);
      hn::StoreU(hn::ConcatLowerLower(d, y, x), d, packed);
      hn::StoreU(hn::ConcatUpperLower(d, x, z), d, packed + kQuad);
      hn::StoreU(hn::ConcatUpperUpper(d, z, y), d, packed + 2 * kQuad);
      packed += 2 * kPanelRows;
    }
  }
#endif
  for (; t < terms; ++t, packed += kPanelRows) {
    for (int64_t i = 0; i < kPanelRows; ++i) packed[i] = from[i][t];
  }
}

// Rows [first, first + rows) and terms [term, term + terms) of the left matrix, as panels.
inline void PackLeftBlock(const MatrixView& m, int64_t first, int64_t rows, int64_t term,
                          int64_t terms, float* HWY_RESTRICT packed) {
  for (int64_t r = 0; r < rows; r += kPanelRows, packed += terms * kPanelRows) {
    const int64_t count = std::min(kPanelRows, rows - r);
    const float* from[kPanelRows];
    for (int64_t i = 0; i < kPanelRows; ++i) {  // rows that are not there: the last, never stored
      from[i] = m.data + (first + r + std::min(i, count - 1)) * m.row_stride + term;
    }
    PackRows(from, terms, packed);
  }
}

struct Block {
  int64_t begin, end;
};

// All pairs of panels of two blocks; `left` and `right` are their first panels, the next ones lie
// `left_step` and `right_step` floats behind. Where there are unpacked columns, those panels of
// `right` that are whole are written first; kLeft.
inline void MultiplyBlocks(const PackedProduct& p, Block rows, Block columns, int64_t terms,
                           const float* left, int64_t left_step, const float* right,
                           int64_t right_step, bool first, bool last,
                           const UnpackedColumns& unpacked = {}) {
  // Lanes of a vector behind the last column are computed with, too, and what happens to lie in
  // memory may look like a NaN, which would raise the flag "invalid operation".
  alignas(64) float tile[kTogetherRows * kPanelColumns] = {};
  alignas(64) float few_tile[kTogetherRows * kPanelColumns] = {};
  alignas(64) float expanded[kTerms / kTogether * kColumnFloats * kFewColumns];
  // Columns behind the last whole vector, if they are few.
  const int64_t count = columns.end - columns.begin;
  const int64_t few = count % kLanes <= kFewColumns ? count % kLanes : 0;
  const int64_t whole_end = columns.end - few;
  const float* const few_right =
      right + count / kPanelColumns * right_step + count % kPanelColumns - few;
  if (few > 0) ExpandColumns(few_right, terms, few, expanded);
  const Steps steps(p.steps);
  const bool plain = !last || (p.row_bias == nullptr && p.column_bias == nullptr &&
                               (p.steps.empty() || !steps.simple));
  // Steps that are not simple, on whole rows; on all of them at once where they are short and lie
  // side by side.
  constexpr int64_t kShortRow = 128;
  const bool joined = count < kShortRow && count == p.output_stride &&
                      std::none_of(p.steps.begin(), p.steps.end(),
                                   [](const VectorStep& step) { return step.has_operand(); });
  const auto run_steps = [&](int64_t begin, int64_t end) {
    if (!last || steps.simple) return;
    if (joined) {
      float* const y = p.output + begin * count;
      for (const VectorStep& step : p.steps) RunStep(step, 0, 0, (end - begin) * count, y, y);
      return;
    }
    for (int64_t r = begin; r < end; ++r) {
      float* const y = p.output + r * p.output_stride + columns.begin;
      for (const VectorStep& step : p.steps) RunStep(step, r, columns.begin, count, y, y);
    }
  };
  const auto height_at = [&](int64_t r) { return std::min(kTogetherRows, rows.end - r); };
  const auto finish_at = [&](int64_t r, int64_t c) {
    Finish finish{.add_output = !first};
    if (plain) return finish;
    if (p.row_bias != nullptr) finish.row_bias = p.row_bias + r;
    if (p.column_bias != nullptr) finish.column_bias = p.column_bias + c;
    if (steps.simple && steps.addend != nullptr) {
      finish.addend_stride = steps.addend->row_stride;
      finish.addend = steps.addend->operand + r * steps.addend->row_stride + c;
    }
    if (steps.simple) finish.clip = steps.clip;
    return finish;
  };
  static constexpr Finish kNoFinish;
  const MapKind map_kind = KindOf(unpacked.map);
  const auto multiply = [&](int64_t r, int64_t c, const float* a, const float* b, bool fetches,
                            const Ahead& ahead) HWY_ATTR {
    const int64_t height = height_at(r), width = std::min(kPanelColumns, whole_end - c);
    float* const out = p.output + r * p.output_stride + c;
    const Finish finish = finish_at(r, c);
    const PanelProductChoice& product = PanelProductFor(height, width);
    const bool whole = height == product.rows && (width == kPanelColumns || width == kLanes);
    float* const to = whole ? out : tile;
    const int64_t stride = whole ? p.output_stride : kPanelColumns;
    const Finish& now = whole ? finish : kNoFinish;
    if (unpacked.from != nullptr && r == rows.begin && width == kPanelColumns) {
      const UnpackedColumns panel{unpacked.from + (c - columns.begin), unpacked.row_stride,
                                  unpacked.panels + (b - right), unpacked.map};
      const auto* const packing = product.pack_and_multiply[static_cast<int>(map_kind)];
      packing[fetches](terms, a, left_step, panel, to, stride, now, ahead);
    } else {
      product.multiply[fetches](terms, a, left_step, b, to, stride, now, ahead);
    }
    if (!whole) StorePart(tile, finish, height, width, out, p.output_stride);
  };
  const auto multiply_few = [&](int64_t r, const float* a) HWY_ATTR {
    // A second panel that is not there: the first, never stored.
    kFewColumnsProducts[few - 1](terms, a, height_at(r) > kPanelRows ? left_step : 0, few_right,
                                 expanded, few_tile);
  };
  const auto store_few = [&](int64_t r) {
    const Finish finish = finish_at(r, whole_end);
    for (int64_t i = 0; i < height_at(r); ++i) {
      float* const out = p.output + (r + i) * p.output_stride + whole_end;
      for (int64_t c = 0; c < few; ++c) {
        out[c] = finish.ApplyToOne(few_tile[i * kPanelColumns + c], i, c, out[c]);
      }
    }
  };
  // Of a large packed matrix the next panels are brought near while the first of the other one's
  // are multiplied: not at once, or loads would wait behind them.
  constexpr int64_t kLarge = 1 << 17;
  const bool left_packed = p.side == ProductSide::kLeft;
  const bool far = p.size * (left_packed ? p.other.rows : p.other.columns) >= kLarge;
  constexpr int64_t kPanels = kTogetherRows / kPanelRows;  // of the left matrix
  const int64_t together_step = kPanels * left_step;
  if (left_packed) {
    // The block of columns is small. Along the output's rows, whose memory costs more than it does.
    for (int64_t r = rows.begin; r < rows.end; r += kTogetherRows, left += together_step) {
      const float* b = right;
      const Ahead next{left + together_step, left + together_step + (kPanels - 1) * left_step,
                       kPanelRows};
      // Short sums take little longer than what is asked for a tile: of whole ones, once a row.
      const PanelProductChoice& product = PanelProductFor(height_at(r), kPanelColumns);
      const bool packed = unpacked.from == nullptr || r > rows.begin;
      const bool whole = packed && product.rows == height_at(r);
      Finish finish = finish_at(r, columns.begin);
      float* out = p.output + r * p.output_stride + columns.begin;
      for (int64_t c = columns.begin; c < whole_end; c += kPanelColumns, b += right_step) {
        const bool fetches = far && c == columns.begin;
        if (whole && c + kPanelColumns <= whole_end) {
          product.multiply[fetches](terms, left, left_step, b, out, p.output_stride, finish, next);
          finish.MoveOn(kPanelColumns);
          out += kPanelColumns;
        } else {
          multiply(r, c, left, b, fetches, next);
        }
        // The left panels are near now, and others follow before these sums are used.
        if (few > 0 && c == columns.begin) multiply_few(r, left);
      }
      if (few > 0 && whole_end == columns.begin) multiply_few(r, left);
      if (few > 0) store_few(r);
      run_steps(r, std::min(r + kTogetherRows, rows.end));
    }
    return;
  }
  for (int64_t r = rows.begin; few > 0 && r < rows.end; r += kTogetherRows) {
    multiply_few(r, left + (r - rows.begin) / kPanelRows * left_step);
    store_few(r);
  }
  // The next panel in as many parts as rows are computed together.
  const int64_t parts = (rows.end - rows.begin + kTogetherRows - 1) / kTogetherRows;
  const int64_t half_step = (kPanelColumns / 2 + parts - 1) / parts, half = terms * half_step;
  for (int64_t c = columns.begin; c < whole_end; c += kPanelColumns, right += right_step) {
    const float* a = left;
    const float* next = right + right_step;
    const float* const next_end = next + terms * kPanelColumns;
    for (int64_t r = rows.begin; r < rows.end; r += kTogetherRows, a += together_step) {
      multiply(r, c, a, right, far && next < next_end, {next, next + half, half_step});
      next += 2 * half;
    }
  }
  run_steps(rows.begin, rows.end);
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_CORE_VECTOR_PANEL_PRODUCT_H_
