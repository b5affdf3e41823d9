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

#include "hwy/cache_control.h"
#include "hwy/highway.h"
#include "nomograph/core/vector/packed_product.h"
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

  // The same of a whole tile, to out[i * stride]: each question is asked once.
  template <int64_t kRows, int64_t kVectors>
  HWY_INLINE void Store(V (&y)[kRows][kVectors], float* HWY_RESTRICT out, int64_t stride) const {
    const D d;
    const auto each = [&](auto f) HWY_ATTR {
#pragma GCC unroll 6
      for (int64_t i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
        for (int64_t v = 0; v < kVectors; ++v) f(y[i][v], i, v * kLanes);
      }
    };
    if (add_output) {
      each([&](V& c, int64_t i, int64_t column)
               HWY_ATTR { c = hn::Add(c, hn::LoadU(d, out + i * stride + column)); });
    }
    if (row_bias != nullptr) {
      each([&](V& c, int64_t i, int64_t) HWY_ATTR { c = hn::Add(c, hn::Set(d, row_bias[i])); });
    }
    if (column_bias != nullptr) {
      each([&](V& c, int64_t, int64_t column)
               HWY_ATTR { c = hn::Add(c, hn::LoadU(d, column_bias + column)); });
    }
    if (addend != nullptr) {
      each([&](V& c, int64_t i, int64_t column)
               HWY_ATTR { c = hn::Add(c, hn::LoadU(d, addend + i * addend_stride + column)); });
    }
    if (clip != nullptr) {
      const V low = hn::Set(d, clip->a), high = hn::Set(d, clip->b);
      each([&](V& c, int64_t, int64_t) HWY_ATTR { c = Clip(low, high, c); });
    }
    each([&](V& c, int64_t i, int64_t column)
             HWY_ATTR { hn::StoreU(c, d, out + i * stride + column); });
  }
};

// The product of the first kRows rows of a left panel and the first kVectors vectors of a right
// one, to the rows out[i * stride].
template <int64_t kRows, int64_t kVectors>
void PanelProduct(int64_t terms, const float* HWY_RESTRICT a, const float* HWY_RESTRICT b,
                  float* HWY_RESTRICT out, int64_t stride, const Finish& finish) {
  const D d;
  V c[kRows][kVectors];
#pragma GCC unroll 6
  for (int64_t i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
    for (int64_t v = 0; v < kVectors; ++v) c[i][v] = hn::Zero(d);
  }
#pragma GCC unroll 4
  for (int64_t t = 0; t < terms; ++t, a += kPanelRows, b += kPanelColumns) {
    V x[kVectors];
#pragma GCC unroll 2
    for (int64_t v = 0; v < kVectors; ++v) x[v] = hn::Load(d, b + v * kLanes);
#pragma GCC unroll 6
    for (int64_t i = 0; i < kRows; ++i) {
      const V w = hn::Set(d, a[i]);
#pragma GCC unroll 2
      for (int64_t v = 0; v < kVectors; ++v) c[i][v] = hn::MulAdd(w, x[v], c[i][v]);
    }
  }
  finish.Store(c, out, stride);
}

// For panels with so many rows and columns; it yields some more.
using PanelProductFn = void (*)(int64_t terms, const float* HWY_RESTRICT a,
                                const float* HWY_RESTRICT b, float* HWY_RESTRICT out,
                                int64_t stride, const Finish& finish);
inline PanelProductFn PanelProductFor(int64_t rows, int64_t columns) {
  if (rows <= kFewRows)
    return columns <= kLanes ? PanelProduct<kFewRows, 1> : PanelProduct<kFewRows, 2>;
  return columns <= kLanes ? PanelProduct<kPanelRows, 1> : PanelProduct<kPanelRows, 2>;
}

// Of a right panel with few columns the vectors hold rows of the left one, as they lie: a panel's
// elements fill kStream vectors with kTogether terms. Against them stand the elements of a column,
// each as often as there are rows (ExpandColumns()).
constexpr int64_t kStream = kLanes == 1 ? 6 : 3, kTogether = kStream * kLanes / kPanelRows;
static_assert(kTogether * kPanelRows == kStream * kLanes);
constexpr int64_t kFewColumns = 4;

// The first `columns` columns of a panel: of kTogether terms at a time those of each column. Terms
// behind the last multiple of kTogether are left out.
inline void ExpandColumns(const float* HWY_RESTRICT b, int64_t terms, int64_t columns,
                          float* HWY_RESTRICT to) {
  for (int64_t t = 0; t + kTogether <= terms; t += kTogether) {
    for (int64_t c = 0; c < columns; ++c) {
      const float* from = b + t * kPanelColumns + c;
      for (int64_t k = 0; k < kTogether; ++k, from += kPanelColumns, to += kPanelRows) {
        for (int64_t i = 0; i < kPanelRows; ++i) to[i] = *from;
      }
    }
  }
}

// The product of a left panel and the first kColumns columns of the right one `b`, which are
// `expanded` too: element (i, c) to tile[i * kPanelColumns + c].
template <int64_t kColumns>
void FewColumnsProduct(int64_t terms, const float* HWY_RESTRICT a, const float* HWY_RESTRICT b,
                       const float* HWY_RESTRICT expanded, float* HWY_RESTRICT tile) {
  const D d;
  // So many sums that none waits for the one before it.
  constexpr int64_t kTurns = kColumns == 1 ? 4 : kColumns == 2 ? 2 : 1, kFloats = kStream * kLanes;
  V y[kTurns][kColumns][kStream];
#pragma GCC unroll 4
  for (int64_t s = 0; s < kTurns; ++s) {
#pragma GCC unroll 4
    for (int64_t c = 0; c < kColumns; ++c) {
#pragma GCC unroll 6
      for (int64_t v = 0; v < kStream; ++v) y[s][c][v] = hn::Zero(d);
    }
  }
  const auto add = [&](auto& sums) HWY_ATTR {
#pragma GCC unroll 6
    for (int64_t v = 0; v < kStream; ++v) {
      const V w = hn::LoadU(d, a + v * kLanes);
#pragma GCC unroll 4
      for (int64_t c = 0; c < kColumns; ++c) {
        sums[c][v] = hn::MulAdd(w, hn::Load(d, expanded + c * kFloats + v * kLanes), sums[c][v]);
      }
    }
    a += kFloats;
    expanded += kColumns * kFloats;
  };
  int64_t t = 0;
  for (; t + kTurns * kTogether <= terms; t += kTurns * kTogether) {
#pragma GCC unroll 4
    for (int64_t s = 0; s < kTurns; ++s) add(y[s]);
  }
  for (; t + kTogether <= terms; t += kTogether) add(y[0]);
#pragma GCC unroll 4
  for (int64_t c = 0; c < kColumns; ++c) {
    alignas(64) float sums[kFloats];
#pragma GCC unroll 6
    for (int64_t v = 0; v < kStream; ++v) {
#pragma GCC unroll 4
      for (int64_t s = 1; s < kTurns; ++s) y[0][c][v] = hn::Add(y[0][c][v], y[s][c][v]);
      hn::Store(y[0][c][v], d, sums + v * kLanes);
    }
    for (int64_t i = 0; i < kPanelRows; ++i) {
      float sum = 0;
      for (int64_t k = 0; k < kTogether; ++k) sum += sums[k * kPanelRows + i];
      for (int64_t k = t; k < terms; ++k) {
        sum += a[(k - t) * kPanelRows + i] * b[k * kPanelColumns + c];
      }
      tile[i * kPanelColumns + c] = sum;
    }
  }
}

using FewColumnsFn = void (*)(int64_t terms, const float* HWY_RESTRICT a,
                              const float* HWY_RESTRICT b, const float* HWY_RESTRICT expanded,
                              float* HWY_RESTRICT tile);
constexpr FewColumnsFn kFewColumnsProducts[] = {FewColumnsProduct<1>, FewColumnsProduct<2>,
                                                FewColumnsProduct<3>, FewColumnsProduct<4>};

// Stores the part of a tile, as PanelProduct() leaves it, that the output has.
inline void StorePart(const float* tile, const Finish& finish, int64_t rows, int64_t columns,
                      float* out, int64_t stride) {
  const D d;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; c += kLanes) {
      const int64_t count = std::min(kLanes, columns - c);
      alignas(64) float part[kLanes];
      const auto load = [&](const float* from) HWY_ATTR {
        if (count == kLanes) return hn::LoadU(d, from);
        for (int64_t i = 0; i < kLanes; ++i) part[i] = i < count ? from[i] : 0.0f;
        return hn::Load(d, part);
      };
      float* const to = out + r * stride + c;
      const V y = finish.Apply(hn::Load(d, tile + r * kPanelColumns + c), r, c, to, load);
      if (count == kLanes) {
        hn::StoreU(y, d, to);
      } else {
        hn::Store(y, d, part);
        for (int64_t i = 0; i < count; ++i) to[i] = part[i];
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
// `left_step` and `right_step` floats behind.
inline void MultiplyBlocks(const PackedProduct& p, Block rows, Block columns, int64_t terms,
                           const float* left, int64_t left_step, const float* right,
                           int64_t right_step, bool first, bool last) {
  // Lanes of a vector behind the last column are computed with, too, and what happens to lie in
  // memory may look like a NaN, which would raise the flag "invalid operation".
  alignas(64) float tile[kPanelRows * kPanelColumns] = {};
  alignas(64) float expanded[kTerms * kPanelRows * kFewColumns];
  // Columns behind the last whole vector, if they are few, and where they begin in their panel.
  const int64_t count = columns.end - columns.begin;
  const int64_t few = count % kLanes <= kFewColumns ? count % kLanes : 0;
  const int64_t few_at = count % kPanelColumns - few;
  if (few > 0) {
    ExpandColumns(right + count / kPanelColumns * right_step + few_at, terms, few, expanded);
  }
  const Steps steps(p.steps);
  const bool plain = !last || (p.row_bias == nullptr && p.column_bias == nullptr &&
                               (p.steps.empty() || !steps.simple));
  // Steps that are not simple, on whole rows.
  const auto run_steps = [&](int64_t begin, int64_t end) {
    if (!last || steps.simple) return;
    for (int64_t r = begin; r < end; ++r) {
      float* const y = p.output + r * p.output_stride + columns.begin;
      for (const VectorStep& step : p.steps) RunStep(step, r, columns.begin, count, y, y);
    }
  };
  const auto multiply = [&](int64_t r, int64_t c, const float* a, const float* b) HWY_ATTR {
    const int64_t height = std::min(kPanelRows, rows.end - r);
    const int64_t width = std::min(kPanelColumns, columns.end - c);
    float* const out = p.output + r * p.output_stride + c;
    Finish finish{.add_output = !first};
    if (!plain) {
      if (p.row_bias != nullptr) finish.row_bias = p.row_bias + r;
      if (p.column_bias != nullptr) finish.column_bias = p.column_bias + c;
      if (steps.simple && steps.addend != nullptr) {
        finish.addend_stride = steps.addend->row_stride;
        finish.addend = steps.addend->operand + r * steps.addend->row_stride + c;
      }
      if (steps.simple) finish.clip = steps.clip;
    }
    const auto product = PanelProductFor(height, width);
    const bool whole_rows = height == kPanelRows || height == kFewRows;
    if (whole_rows && (width == kPanelColumns || width == kLanes)) {
      return product(terms, a, b, out, p.output_stride, finish);
    }
    if (few > 0 && width == few_at + few) {
      if (few_at > 0) PanelProductFor(height, few_at)(terms, a, b, tile, kPanelColumns, Finish());
      kFewColumnsProducts[few - 1](terms, a, b + few_at, expanded, tile + few_at);
    } else {
      product(terms, a, b, tile, kPanelColumns, Finish());
    }
    StorePart(tile, finish, height, width, out, p.output_stride);
  };
  // Of a large packed matrix the next panel is brought near, some lines for each panel of the
  // other.
  constexpr int64_t kLarge = 1 << 17, kLine = 16;
  const bool left_packed = p.side == ProductSide::kLeft;
  const bool far = p.size * (left_packed ? p.other.rows : p.other.columns) >= kLarge;
  const auto lines_each = [&](int64_t floats, int64_t turns) {
    return far ? floats / kLine / turns + 1 : 0;
  };
  const auto fetch = [](const float* from, int64_t lines) HWY_ATTR {
    for (int64_t i = 0; i < lines; ++i) hwy::Prefetch(from + i * kLine);
    return from + lines * kLine;
  };
  if (left_packed) {
    const int64_t turns = (columns.end - columns.begin + kPanelColumns - 1) / kPanelColumns;
    const int64_t lines = lines_each(terms * kPanelRows, turns);
    // The block of columns is small. Along the output's rows, whose memory costs more than it does.
    for (int64_t r = rows.begin; r < rows.end; r += kPanelRows, left += left_step) {
      const float* b = right;
      const float* next = left + left_step;
      for (int64_t c = columns.begin; c < columns.end; c += kPanelColumns, b += right_step) {
        next = fetch(next, lines);
        multiply(r, c, left, b);
      }
      run_steps(r, std::min(r + kPanelRows, rows.end));
    }
    return;
  }
  const int64_t turns = (rows.end - rows.begin + kPanelRows - 1) / kPanelRows;
  const int64_t lines = lines_each(terms * kPanelColumns, turns);
  for (int64_t c = columns.begin; c < columns.end; c += kPanelColumns, right += right_step) {
    const float *a = left, *next = right + right_step;
    for (int64_t r = rows.begin; r < rows.end; r += kPanelRows, a += left_step) {
      next = fetch(next, lines);
      multiply(r, c, a, right);
    }
  }
  run_steps(rows.begin, rows.end);
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_CORE_VECTOR_PANEL_PRODUCT_H_
