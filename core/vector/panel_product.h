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
};

// The product of two panels, to the rows out[i * stride]: all columns of a panel, or with `narrow`
// the first half. With `plain`, at most what is there is added.
template <bool kNarrow, bool kPlain>
void PanelProduct(int64_t terms, const float* HWY_RESTRICT a, const float* HWY_RESTRICT b,
                  float* HWY_RESTRICT out, int64_t stride, const Finish& finish) {
  const D d;
  V c00 = hn::Zero(d), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00;
  V c30 = c00, c31 = c00, c40 = c00, c41 = c00, c50 = c00, c51 = c00;
#define NOMO_ROW(i)                                               \
  {                                                               \
    const V x = hn::Set(d, a[i]);                                 \
    c##i##0 = hn::MulAdd(x, b0, c##i##0);                         \
    if constexpr (!kNarrow) c##i##1 = hn::MulAdd(x, b1, c##i##1); \
  }
#pragma GCC unroll 4
  for (int64_t t = 0; t < terms; ++t, a += kPanelRows, b += kPanelColumns) {
    const V b0 = hn::Load(d, b), b1 = kNarrow ? b0 : hn::Load(d, b + kLanes);
    NOMO_ROW(0) NOMO_ROW(1) NOMO_ROW(2) NOMO_ROW(3) NOMO_ROW(4) NOMO_ROW(5)(void) b1;
  }
#undef NOMO_ROW
  const auto load = [d](const float* from) HWY_ATTR { return hn::LoadU(d, from); };
  const auto store = [&](V y, int64_t row, int64_t column) HWY_ATTR {
    float* const to = out + row * stride + column;
    if constexpr (kPlain) {
      hn::StoreU(finish.add_output ? hn::Add(y, hn::LoadU(d, to)) : y, d, to);
    } else {
      hn::StoreU(finish.Apply(y, row, column, to, load), d, to);
    }
  };
#define NOMO_STORE(i)   \
  store(c##i##0, i, 0); \
  if constexpr (!kNarrow) store(c##i##1, i, kLanes);
  NOMO_STORE(0) NOMO_STORE(1) NOMO_STORE(2) NOMO_STORE(3) NOMO_STORE(4) NOMO_STORE(5)
#undef NOMO_STORE
}

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

// Rows [first, first + rows) and terms [term, term + terms) of the left matrix, as panels.
inline void PackLeftBlock(const MatrixView& m, int64_t first, int64_t rows, int64_t term,
                          int64_t terms, float* HWY_RESTRICT packed) {
  for (int64_t r = 0; r < rows; r += kPanelRows) {
    const int64_t count = std::min(kPanelRows, rows - r);
    const float* from[kPanelRows];
    for (int64_t i = 0; i < kPanelRows; ++i) {  // rows that are not there: the last, never stored
      from[i] = m.data + (first + r + std::min(i, count - 1)) * m.row_stride + term;
    }
    for (int64_t t = 0; t < terms; ++t, packed += kPanelRows) {
      for (int64_t i = 0; i < kPanelRows; ++i) packed[i] = from[i][t];
    }
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
  alignas(64) float tile[kPanelRows * kPanelColumns];
  const Steps steps(p.steps);
  const bool plain = !last || (p.row_bias == nullptr && p.column_bias == nullptr &&
                               (p.steps.empty() || !steps.simple));
  // Steps that are not simple, on whole rows.
  const auto run_steps = [&](int64_t begin, int64_t end) {
    if (!last || steps.simple) return;
    const int64_t count = columns.end - columns.begin;
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
    if (height == kPanelRows && width == kPanelColumns) {
      return (plain ? PanelProduct<false, true>
                    : PanelProduct<false, false>)(terms, a, b, out, p.output_stride, finish);
    }
    (width <= kLanes ? PanelProduct<true, true>
                     : PanelProduct<false, true>)(terms, a, b, tile, kPanelColumns, Finish());
    StorePart(tile, finish, height, width, out, p.output_stride);
  };
  if (p.side == ProductSide::kLeft) {
    // The block of columns is small. Along the output's rows, whose memory costs more than it does.
    for (int64_t r = rows.begin; r < rows.end; r += kPanelRows, left += left_step) {
      const float* b = right;
      for (int64_t c = columns.begin; c < columns.end; c += kPanelColumns, b += right_step) {
        multiply(r, c, left, b);
      }
      run_steps(r, std::min(r + kPanelRows, rows.end));
    }
    return;
  }
  for (int64_t c = columns.begin; c < columns.end; c += kPanelColumns, right += right_step) {
    const float* a = left;
    for (int64_t r = rows.begin; r < rows.end; r += kPanelRows, a += left_step) {
      multiply(r, c, a, right);
    }
  }
  run_steps(rows.begin, rows.end);
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_CORE_VECTOR_PANEL_PRODUCT_H_
