// The loops of row_product.cc, which includes this file once for each instruction set.
#if defined(NOMOGRAPH_CORE_VECTOR_ROW_PRODUCT_KERNEL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_VECTOR_ROW_PRODUCT_KERNEL_H_
#undef NOMOGRAPH_CORE_VECTOR_ROW_PRODUCT_KERNEL_H_
#else
#define NOMOGRAPH_CORE_VECTOR_ROW_PRODUCT_KERNEL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "hwy/highway.h"
#include "nomograph/core/vector/row_product.h"
#include "nomograph/core/vector/vector_steps.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph {
namespace HWY_NAMESPACE {

// So many columns are computed side by side where a column's elements lie together.
constexpr int64_t kDots = 4;
// So many, where a row's do: they stay in the first cache while the rows go by, kRowsAtOnce of them
// at a time.
constexpr int64_t kBlockOfColumns = 1024, kRowsAtOnce = 4;

// The sums of products of row x with columns [column, column + kCount), whose elements lie
// together.
template <int64_t kCount>
void Dots(const RowProduct& p, const float* HWY_RESTRICT x, int64_t column, float* out) {
  const D d;
  const int64_t terms = p.matrix.rows;
  const float* const from = p.matrix.data + column * p.matrix.column_stride;
  V even[kCount], odd[kCount];
#pragma GCC unroll 4
  for (int64_t c = 0; c < kCount; ++c) even[c] = odd[c] = hn::Zero(d);
  int64_t t = 0;
  for (; t + 2 * kLanes <= terms; t += 2 * kLanes) {
    const V x0 = hn::LoadU(d, x + t), x1 = hn::LoadU(d, x + t + kLanes);
#pragma GCC unroll 4
    for (int64_t c = 0; c < kCount; ++c) {
      const float* const w = from + c * p.matrix.column_stride + t;
      even[c] = hn::MulAdd(x0, hn::LoadU(d, w), even[c]);
      odd[c] = hn::MulAdd(x1, hn::LoadU(d, w + kLanes), odd[c]);
    }
  }
  if (t + kLanes <= terms) {
    const V x0 = hn::LoadU(d, x + t);
#pragma GCC unroll 4
    for (int64_t c = 0; c < kCount; ++c) {
      const float* const w = from + c * p.matrix.column_stride + t;
      even[c] = hn::MulAdd(x0, hn::LoadU(d, w), even[c]);
    }
    t += kLanes;
  }
#pragma GCC unroll 4
  for (int64_t c = 0; c < kCount; ++c) {
    float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(even[c], odd[c])));
    const float* const w = from + c * p.matrix.column_stride;
    for (int64_t k = t; k < terms; ++k) sum += x[k] * w[k];
    out[c] = sum;
  }
}

void MultiplyByColumns(const RowProduct& p, int64_t begin, int64_t end) {
  for (int64_t c = begin; c < end; c += kDots) {
    for (int64_t r = 0; r < p.num_rows; ++r) {
      const float* const x = p.rows + r * p.matrix.rows;
      float* const out = p.output + r * p.matrix.columns;
      if (c + kDots <= end) {
        Dots<kDots>(p, x, c, out + c);
      } else {
        for (int64_t k = c; k < end; ++k) Dots<1>(p, x, k, out + k);
      }
    }
  }
}

// y += x[0] * w[0] + x[1] * w[1] + … for `count` elements of each, the rows `stride` apart.
template <int64_t kRows>
void AddRows(const float* x, const float* HWY_RESTRICT w, int64_t stride, int64_t count,
             float* HWY_RESTRICT y) {
  const D d;
  V factors[kRows];
  for (int64_t r = 0; r < kRows; ++r) factors[r] = hn::Set(d, x[r]);
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    V sum = hn::LoadU(d, y + i);
#pragma GCC unroll 4
    for (int64_t r = 0; r < kRows; ++r) {
      sum = hn::MulAdd(factors[r], hn::LoadU(d, w + r * stride + i), sum);
    }
    hn::StoreU(sum, d, y + i);
  }
  for (; i < count; ++i) {
    for (int64_t r = 0; r < kRows; ++r) y[i] += x[r] * w[r * stride + i];
  }
}

void MultiplyByRows(const RowProduct& p, int64_t begin, int64_t end) {
  const MatrixView& m = p.matrix;
  for (int64_t c = begin; c < end; c += kBlockOfColumns) {
    const int64_t count = std::min(kBlockOfColumns, end - c);
    for (int64_t r = 0; r < p.num_rows; ++r) {
      std::fill_n(p.output + r * m.columns + c, count, 0.0f);
    }
    for (int64_t t = 0; t < m.rows; t += kRowsAtOnce) {
      const float* const w = m.data + t * m.row_stride + c;
      for (int64_t r = 0; r < p.num_rows; ++r) {
        const float* const x = p.rows + r * m.rows + t;
        float* const y = p.output + r * m.columns + c;
        if (t + kRowsAtOnce <= m.rows) {
          AddRows<kRowsAtOnce>(x, w, m.row_stride, count, y);
        } else {
          for (int64_t k = 0; t + k < m.rows; ++k) {
            AddRows<1>(x + k, w + k * m.row_stride, m.row_stride, count, y);
          }
        }
      }
    }
  }
}

void MultiplyRowsPart(const RowProduct& p, int part, int parts) {
  // Shared out by whole lines of the cache.
  constexpr int64_t kTogether = 16;
  const int64_t units = (p.matrix.columns + kTogether - 1) / kTogether;
  const int64_t begin = std::min(p.matrix.columns, units * part / parts * kTogether);
  const int64_t end = std::min(p.matrix.columns, units * (part + 1) / parts * kTogether);
  if (begin >= end) return;
  (p.matrix.row_stride == 1 ? MultiplyByColumns : MultiplyByRows)(p, begin, end);
  const D d;
  for (int64_t r = 0; r < p.num_rows; ++r) {
    float* const y = p.output + r * p.matrix.columns + begin;
    if (p.column_bias != nullptr) {
      int64_t i = 0;
      for (; i + kLanes <= end - begin; i += kLanes) {
        hn::StoreU(hn::Add(hn::LoadU(d, y + i), hn::LoadU(d, p.column_bias + begin + i)), d, y + i);
      }
      for (; i < end - begin; ++i) y[i] += p.column_bias[begin + i];
    }
    for (const VectorStep& step : p.steps) RunStep(step, r, begin, end - begin, y, y);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_CORE_VECTOR_ROW_PRODUCT_KERNEL_H_
