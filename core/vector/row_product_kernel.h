// The loops of row_product.cc, which includes this file once for each instruction set.
#if defined(NOMOGRAPH_CORE_VECTOR_ROW_PRODUCT_KERNEL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_VECTOR_ROW_PRODUCT_KERNEL_H_
#undef NOMOGRAPH_CORE_VECTOR_ROW_PRODUCT_KERNEL_H_
#else
#define NOMOGRAPH_CORE_VECTOR_ROW_PRODUCT_KERNEL_H_
#endif

#include <algorithm>
#include <cstdint>
#include <numeric>

#include "hwy/highway.h"
#include "nomograph/core/vector/row_product.h"
#include "nomograph/core/vector/vector_steps.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph {
namespace HWY_NAMESPACE {

// So many columns are computed side by side where a column's elements lie together: the registers
// hold two sums of each.
constexpr int64_t kDots = HWY_TARGET == HWY_AVX3 ? 8 : 4;
// So many, where a row's do: they stay in the first cache while the rows go by, kRowsAtOnce of them
// at a time, which several rows of the product read from that cache.
constexpr int64_t kBlockOfColumns = 512, kBlockOfOneRow = 2048, kRowsAtOnce = 8;
// The rows of a large matrix are summed in so many chunks.
constexpr int kChunksOfRows = 4;
// Elements of a line of the cache.
constexpr int64_t kLine = 16;

// add(0), add(kStep), … for kStep elements each of `count` of kRows rows, which lie `stride` apart.
// Meanwhile the rows at `next` are fetched, one behind the other: from memory that is read from one
// end to the other processors yield up to twice as much as from several places at once. Returns how
// many elements that were; the last ones are left.
template <int64_t kRows, int64_t kStep, typename F>
HWY_INLINE int64_t WhileFetching(const float* next, int64_t stride, int64_t count, F add) {
  const int64_t part = count / (kRows * kStep) * kStep;
  int64_t i = 0;
  for (int64_t row = 0; row < kRows; ++row, next += stride) {
    const float* line = next;
    for (const int64_t end = i + part; i < end; i += kStep) {
#pragma GCC unroll 16
      for (int64_t k = 0; k < kRows * kStep; k += kLine) __builtin_prefetch(line + k, 0, 2);
      line += kRows * kStep;
      add(i);
    }
  }
  return i;
}

// A matrix alone may stay in the caches where those of a model do not; fetched for nothing, it
// takes a thirtieth longer.
bool MayComeFromMemory(const MatrixView& m) {
  constexpr int64_t kElements = 1 << 16;
  return m.rows * m.columns >= kElements;
}

// The sums of products of row x with columns [column, column + kCount), whose elements lie
// together. Those behind them are fetched, if there are so many.
template <int64_t kCount>
void Dots(const RowProduct& p, const float* HWY_RESTRICT x, int64_t column, float* out) {
  const D d;
  const int64_t terms = p.matrix.rows, stride = p.matrix.column_stride;
  const float* const from = p.matrix.data + column * stride;
  V even[kCount], odd[kCount];
#pragma GCC unroll 8
  for (int64_t c = 0; c < kCount; ++c) even[c] = odd[c] = hn::Zero(d);
  const auto add = [&](int64_t t, V(&sums)[kCount]) HWY_ATTR {
    const V part = hn::LoadU(d, x + t);
#pragma GCC unroll 8
    for (int64_t c = 0; c < kCount; ++c) {
      sums[c] = hn::MulAdd(part, hn::LoadU(d, from + c * stride + t), sums[c]);
    }
  };
  const auto add_pair = [&](int64_t t) HWY_ATTR {
    add(t, even);
    add(t + kLanes, odd);
  };
  int64_t t = 0;
  if (kCount > 1 && MayComeFromMemory(p.matrix) && column + 2 * kCount <= p.matrix.columns) {
    constexpr int64_t kStep = std::max(kLine, 2 * kLanes);
    const float* const next = from + kCount * stride;
    t = WhileFetching<kCount, kStep>(next, stride, terms, [&](int64_t first) HWY_ATTR {
#pragma GCC unroll 2
      for (int64_t v = 0; v < kStep; v += 2 * kLanes) add_pair(first + v);
    });
  }
  for (; t + 2 * kLanes <= terms; t += 2 * kLanes) add_pair(t);
  if (t + kLanes <= terms) {
    add(t, even);
    t += kLanes;
  }
#pragma GCC unroll 8
  for (int64_t c = 0; c < kCount; ++c) {
    float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(even[c], odd[c])));
    for (int64_t k = t; k < terms; ++k) sum += x[k] * from[c * stride + k];
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

// y += x[0] * w[0] + x[1] * w[1] + … for `count` elements of each, the rows `stride` apart. Those
// at `next` are fetched, if it is not null.
template <int64_t kRows>
void AddRows(const float* x, const float* HWY_RESTRICT w, int64_t stride, int64_t count,
             const float* next, float* HWY_RESTRICT y) {
  const D d;
  V factors[kRows];
  for (int64_t r = 0; r < kRows; ++r) factors[r] = hn::Set(d, x[r]);
  const auto add = [&](int64_t i) HWY_ATTR {
    V sum = hn::LoadU(d, y + i);
#pragma GCC unroll 8
    for (int64_t r = 0; r < kRows; ++r) {
      sum = hn::MulAdd(factors[r], hn::LoadU(d, w + r * stride + i), sum);
    }
    hn::StoreU(sum, d, y + i);
  };
  int64_t i = 0;
  if (next != nullptr) {
    i = WhileFetching<kRows, kLine>(next, stride, count, [&](int64_t first) HWY_ATTR {
#pragma GCC unroll 4
      for (int64_t v = 0; v < kLine; v += kLanes) add(first + v);
    });
  }
  for (; i + kLanes <= count; i += kLanes) add(i);
  for (; i < count; ++i) {
    for (int64_t r = 0; r < kRows; ++r) y[i] += x[r] * w[r * stride + i];
  }
}

struct Range {
  int64_t begin, end;
};

// The products of the terms [terms.begin, terms.end) for these columns, to `sums`, [num_rows,
// columns].
void MultiplyByRows(const RowProduct& p, Range terms, Range columns, float* sums) {
  const MatrixView& m = p.matrix;
  const int64_t block = p.num_rows == 1 ? kBlockOfOneRow : kBlockOfColumns;
  for (int64_t c = columns.begin; c < columns.end; c += block) {
    const int64_t count = std::min(block, columns.end - c);
    for (int64_t r = 0; r < p.num_rows; ++r) std::fill_n(sums + r * m.columns + c, count, 0.0f);
    for (int64_t t = terms.begin; t < terms.end; t += kRowsAtOnce) {
      const float* const w = m.data + t * m.row_stride + c;
      const bool fetches = MayComeFromMemory(m) && t + 2 * kRowsAtOnce <= m.rows;
      for (int64_t r = 0; r < p.num_rows; ++r) {
        const float* const x = p.rows + r * m.rows + t;
        float* const y = sums + r * m.columns + c;
        if (t + kRowsAtOnce <= terms.end) {
          const float* const next = r == 0 && fetches ? w + kRowsAtOnce * m.row_stride : nullptr;
          AddRows<kRowsAtOnce>(x, w, m.row_stride, count, next, y);
        } else {
          for (int64_t k = 0; t + k < terms.end; ++k) {
            AddRows<1>(x + k, w + k * m.row_stride, m.row_stride, count, nullptr, y);
          }
        }
      }
    }
  }
}

// Part number `part` of `size` elements, which are shared out by so many together.
Range RangeOf(int64_t size, int64_t together, int64_t part, int64_t parts) {
  const int64_t units = (size + together - 1) / together;
  return {std::min(size, units * part / parts * together),
          std::min(size, units * (part + 1) / parts * together)};
}

// What stands behind the sums, for some columns.
void FinishColumns(const RowProduct& p, Range columns) {
  const D d;
  const int64_t begin = columns.begin, end = columns.end;
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

// The first chunk's sums are the output, for which the others wait.
int64_t SumFloats(const RowProduct& p) {
  const MatrixView& m = p.matrix;
  const bool in_chunks = m.row_stride != 1 && m.rows >= kChunksOfRows * kRowsAtOnce &&
                         m.rows * m.columns >= kLargeMatrix;
  return in_chunks ? (kChunksOfRows - 1) * p.num_rows * m.columns : 0;
}

void MultiplyRowsPart(const RowProduct& p, int part, int parts) {
  const MatrixView& m = p.matrix;
  if (SumFloats(p) == 0) {
    const Range columns = RangeOf(m.columns, kLine, part, parts);
    if (columns.begin >= columns.end) return;
    if (m.row_stride == 1) {
      MultiplyByColumns(p, columns.begin, columns.end);
    } else {
      MultiplyByRows(p, {0, m.rows}, columns, p.output);
    }
    return FinishColumns(p, columns);
  }
  // As few blocks of columns in each chunk as let all parts be alike.
  const int blocks = parts / std::gcd(parts, kChunksOfRows);
  const Range units = RangeOf(int64_t{kChunksOfRows} * blocks, 1, part, parts);
  for (int64_t unit = units.begin; unit < units.end; ++unit) {
    const int64_t chunk = unit / blocks;
    float* const sums =
        chunk == 0 ? p.output : p.sums + (chunk - 1) * p.num_rows * p.matrix.columns;
    MultiplyByRows(p, RangeOf(m.rows, kRowsAtOnce, chunk, kChunksOfRows),
                   RangeOf(m.columns, kLine, unit % blocks, blocks), sums);
  }
}

void FinishAllRows(const RowProduct& p) {
  const int64_t floats = SumFloats(p), count = p.num_rows * p.matrix.columns;
  if (floats == 0) return;
  for (int64_t chunk = 0; chunk < floats; chunk += count) {
    ForEachPair(count, p.output, p.sums + chunk, p.output,
                [](V v, V w) HWY_ATTR { return hn::Add(v, w); });
  }
  FinishColumns(p, {0, p.matrix.columns});
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_CORE_VECTOR_ROW_PRODUCT_KERNEL_H_
