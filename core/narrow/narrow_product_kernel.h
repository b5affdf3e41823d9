// The loops of narrow_product.cc, which includes this file once for each instruction set.
#if defined(NOMOGRAPH_CORE_NARROW_NARROW_PRODUCT_KERNEL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_NARROW_NARROW_PRODUCT_KERNEL_H_
#undef NOMOGRAPH_CORE_NARROW_NARROW_PRODUCT_KERNEL_H_
#else
#define NOMOGRAPH_CORE_NARROW_NARROW_PRODUCT_KERNEL_H_
#endif

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "hwy/highway.h"
#include "nomograph/core/narrow/narrow_product.h"
#include "nomograph/core/vector/panel_product.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph {
namespace HWY_NAMESPACE {

// Panel after panel of kPanelColumns columns; in each, group after group of terms; in each, a word
// of 32 bits for each column, with its term j in the j-th bits from below. So a shift, or two,
// yields one term of a whole vector's columns. Groups of float16 and int8 are single terms, which
// become whole words as they are loaded. The terms of a panel are filled up with zeros to a
// multiple of kNarrowGroup.
template <NarrowType kType>
inline constexpr int kBits = kType == NarrowType::kInt8   ? 8
                             : kType == NarrowType::kInt4 ? 4
                                                          : 16;
template <NarrowType kType>
inline constexpr int kGroup =
    kType == NarrowType::kFloat16 || kType == NarrowType::kInt8 ? 1 : 32 / kBits<kType>;

using Halves = hn::Rebind<hwy::float16_t, D>;
using Bytes = hn::Rebind<int8_t, D>;
using Words = hn::RebindToSigned<D>;

// Rows of the left matrix up to which the elements are multiplied as soon as they are float32.
constexpr int64_t kDirectRows = 12;
// So many of them at once: their sums stay in registers.
constexpr int64_t kRowsInRegisters = 4;

int64_t NarrowPanelColumns() { return kPanelColumns; }

inline int64_t PaddedRows(const NarrowMatrix& m) {
  return (m.rows + kNarrowGroup - 1) / kNarrowGroup * kNarrowGroup;
}

// Where the groups of a panel begin that has its first column at `column`, from term `term` on.
template <NarrowType kType>
const std::byte* GroupsAt(const NarrowMatrix& m, int64_t column, int64_t term) {
  return m.packed + (column * PaddedRows(m) + term * kPanelColumns) * kBits<kType> / 8;
}

// Where the scales or zeros of a panel's block are.
inline const float* ParametersAt(const NarrowMatrix& m, const float* of, int64_t column,
                                 int64_t block) {
  return of + column * m.blocks() + block * kPanelColumns;
}

// One vector of a group: its words, or the values of a single term.
template <NarrowType kType>
struct GroupVector {
  hn::Vec<Words> words;
  HWY_INLINE explicit GroupVector(const std::byte* from)
      : words(hn::LoadU(Words(), reinterpret_cast<const int32_t*>(from))) {}
  template <int kTerm>
  HWY_INLINE V Term() const {
    const D d;
    if constexpr (kType == NarrowType::kBFloat16) {
      return hn::BitCast(
          d, kTerm == 0 ? hn::ShiftLeft<16>(words) : hn::And(words, hn::Set(Words(), -65536)));
    } else {
#if HWY_TARGET == HWY_AVX3
      // Of an index the last four bits count.
      alignas(64) static constexpr float kIntegers[] = {0,  1,  2,  3,  4,  5,  6,  7,
                                                        -8, -7, -6, -5, -4, -3, -2, -1};
      const auto shifted = hn::ShiftRight<kBits<kType> * kTerm>(words);
      return V{_mm512_permutexvar_ps(shifted.raw, hn::Load(d, kIntegers).raw)};
#else
      constexpr int kAbove = 32 - kBits<kType> * (kTerm + 1);
      return hn::ConvertTo(d, hn::ShiftRight<32 - kBits<kType>>(hn::ShiftLeft<kAbove>(words)));
#endif
    }
  }
  static constexpr int64_t kBytes = 4 * kLanes;
};

HWY_INLINE V LoadTerm(const hwy::float16_t* from) {
  return hn::PromoteTo(D(), hn::LoadU(Halves(), from));
}
HWY_INLINE V LoadTerm(const int8_t* from) {
  return hn::ConvertTo(D(), hn::PromoteTo(Words(), hn::LoadU(Bytes(), from)));
}
template <NarrowType kType>
requires(kGroup<kType> == 1) struct GroupVector<kType> {
  using Element = std::conditional_t<kType == NarrowType::kInt8, int8_t, hwy::float16_t>;
  V value;
  HWY_INLINE explicit GroupVector(const std::byte* from)
      : value(LoadTerm(reinterpret_cast<const Element*>(from))) {}
  template <int kTerm>
  HWY_INLINE V Term() const {
    return value;
  }
  static constexpr int64_t kBytes = sizeof(Element) * kLanes;
};

// f(0), f(1), … with numbers that the compiler knows, so that arrays that they index stay in
// registers.
template <int kCount, int kFirst = 0, typename F>
HWY_INLINE void Repeat(const F& f) {
  if constexpr (kFirst < kCount) {
    f(std::integral_constant<int, kFirst>());
    Repeat<kCount, kFirst + 1>(f);
  }
}
#define NOMO_INLINE_LAMBDA HWY_ATTR __attribute__((always_inline))

// f(term number, its elements of both vectors of the panel) for kNarrowGroup terms; yields what is
// behind them.
template <NarrowType kType, typename F>
HWY_INLINE const std::byte* ForEachTerm(const std::byte* from, const F& f) {
  using Group = GroupVector<kType>;
  Repeat<kNarrowGroup / kGroup<kType>>([&](auto g) NOMO_INLINE_LAMBDA {
    const Group left(from + 2 * g * Group::kBytes), right(from + (2 * g + 1) * Group::kBytes);
    Repeat<kGroup<kType>>([&](auto j) NOMO_INLINE_LAMBDA {
      f(std::integral_constant<int, g * kGroup<kType> + j>(), left.template Term<j>(),
        right.template Term<j>());
    });
  });
  return from + kNarrowGroup / kGroup<kType> * 2 * Group::kBytes;
}

// The products of rows x, `stride` apart and padded as the panel is, with a panel.
template <NarrowType kType, int kRows, bool kZeros>
void RowsByPanel(const NarrowMatrix& m, int64_t column, const float* x, int64_t stride,
                 float* HWY_RESTRICT out) {
  const D d;
  constexpr bool kInteger = kType == NarrowType::kInt8 || kType == NarrowType::kInt4;
  // So many sums that a multiplication need not wait for the one in front of it.
  constexpr int kSums = kRows == 1 ? 4 : kRows == 2 ? 2 : 1;
  const int64_t block = m.blocks() == 1 ? PaddedRows(m) : m.block;
  const std::byte* from = GroupsAt<kType>(m, column, 0);
  V total[2 * kRows], sum[kSums * 2 * kRows];
  Repeat<2 * kRows>([&](auto i) NOMO_INLINE_LAMBDA { total[i] = hn::Zero(d); });
  for (int64_t b = 0, first = 0; first < m.rows; ++b, first += block) {
    V zero0 = hn::Zero(d), zero1 = zero0;
    if constexpr (kZeros) {
      zero0 = hn::LoadU(d, ParametersAt(m, m.zeros, column, b));
      zero1 = hn::LoadU(d, ParametersAt(m, m.zeros, column, b) + kLanes);
    }
    Repeat<kSums * 2 * kRows>([&](auto i) NOMO_INLINE_LAMBDA { sum[i] = hn::Zero(d); });
    const int64_t end = std::min(first + block, PaddedRows(m));
    for (int64_t t = first; t < end; t += kNarrowGroup) {
      const float* const terms = x + t;
      from = ForEachTerm<kType>(from, [&](auto term, V w0, V w1) NOMO_INLINE_LAMBDA {
        if constexpr (kZeros) {
          w0 = hn::Sub(w0, zero0);
          w1 = hn::Sub(w1, zero1);
        }
        Repeat<kRows>([&](auto r) NOMO_INLINE_LAMBDA {
          constexpr int kSum = (term % kSums * kRows + r) * 2;
          const V factor = hn::Set(d, terms[r * stride + term]);
          sum[kSum] = hn::MulAdd(factor, w0, sum[kSum]);
          sum[kSum + 1] = hn::MulAdd(factor, w1, sum[kSum + 1]);
        });
      });
    }
    Repeat<2 * kRows>([&](auto i) NOMO_INLINE_LAMBDA {
      V y = sum[i];
      Repeat<kSums - 1>([&](auto s)
                            NOMO_INLINE_LAMBDA { y = hn::Add(y, sum[(s + 1) * 2 * kRows + i]); });
      if constexpr (kInteger) {
        const float* const scale = ParametersAt(m, m.scales, column, b) + i % 2 * kLanes;
        total[i] = hn::MulAdd(y, hn::LoadU(d, scale), total[i]);
      } else {
        total[i] = y;
      }
    });
  }
  Repeat<2 * kRows>([&](auto i) NOMO_INLINE_LAMBDA { hn::Store(total[i], d, out + i * kLanes); });
}

// Terms [term, term + terms) of a panel as float32; both are multiples of kNarrowGroup.
template <NarrowType kType, bool kZeros>
void ExpandPanel(const NarrowMatrix& m, int64_t column, int64_t term, int64_t terms,
                 float* HWY_RESTRICT to) {
  const D d;
  constexpr bool kInteger = kType == NarrowType::kInt8 || kType == NarrowType::kInt4;
  const int64_t block = m.blocks() == 1 ? PaddedRows(m) : m.block;
  const std::byte* from = GroupsAt<kType>(m, column, term);
  V scale0 = hn::Zero(d), scale1 = scale0, zero0 = scale0, zero1 = scale0;
  int64_t next = term;  // the first term that needs other parameters
  for (int64_t t = term; t < term + terms; t += kNarrowGroup) {
    if (kInteger && t >= next) {
      const int64_t b = t / block;
      const float* const scales = ParametersAt(m, m.scales, column, b);
      scale0 = hn::LoadU(d, scales);
      scale1 = hn::LoadU(d, scales + kLanes);
      if constexpr (kZeros) {
        zero0 = hn::LoadU(d, ParametersAt(m, m.zeros, column, b));
        zero1 = hn::LoadU(d, ParametersAt(m, m.zeros, column, b) + kLanes);
      }
      next = (b + 1) * block;
    }
    from = ForEachTerm<kType>(from, [&](auto, V w0, V w1) NOMO_INLINE_LAMBDA {
      if constexpr (kZeros) {
        w0 = hn::Sub(w0, zero0);
        w1 = hn::Sub(w1, zero1);
      }
      if constexpr (kInteger) {
        w0 = hn::Mul(w0, scale0);
        w1 = hn::Mul(w1, scale1);
      }
      hn::Store(w0, d, to);
      hn::Store(w1, d, to + kLanes);
      to += kPanelColumns;
    });
  }
}

// The functions for one type of elements.
struct PanelFunctions {
  void (*rows[kRowsInRegisters])(const NarrowMatrix&, int64_t column, const float* x,
                                 int64_t stride, float* out);
  void (*expand)(const NarrowMatrix&, int64_t column, int64_t term, int64_t terms, float* to);
};

template <NarrowType kType, bool kZeros>
PanelFunctions FunctionsOf() {
  return {{RowsByPanel<kType, 1, kZeros>, RowsByPanel<kType, 2, kZeros>,
           RowsByPanel<kType, 3, kZeros>, RowsByPanel<kType, 4, kZeros>},
          ExpandPanel<kType, kZeros>};
}

inline PanelFunctions FunctionsFor(const NarrowMatrix& m) {
  switch (m.type) {
    case NarrowType::kFloat16:
      return FunctionsOf<NarrowType::kFloat16, false>();
    case NarrowType::kBFloat16:
      return FunctionsOf<NarrowType::kBFloat16, false>();
    case NarrowType::kInt8:
      return m.zeros == nullptr ? FunctionsOf<NarrowType::kInt8, false>()
                                : FunctionsOf<NarrowType::kInt8, true>();
    case NarrowType::kInt4:
      return m.zeros == nullptr ? FunctionsOf<NarrowType::kInt4, false>()
                                : FunctionsOf<NarrowType::kInt4, true>();
  }
  return {};
}

// A few rows: the panels go by once, and their elements meet up to kRowsInRegisters rows each time.
inline void MultiplyDirect(const NarrowProduct& p, const PanelFunctions& functions,
                           int64_t first_column, int64_t end_column, float* scratch) {
  const NarrowMatrix& m = p.matrix;
  const float* x = p.rows;
  const int64_t stride = PaddedRows(m);
  if (stride != m.rows) {
    for (int64_t r = 0; r < p.num_rows; ++r) {
      std::copy_n(p.rows + r * m.rows, m.rows, scratch + r * stride);
      std::fill_n(scratch + r * stride + m.rows, stride - m.rows, 0.0f);
    }
    x = scratch;
  }
  alignas(64) float tile[kRowsInRegisters * kPanelColumns];
  for (int64_t c = first_column; c < end_column; c += kPanelColumns) {
    const int64_t width = std::min(kPanelColumns, end_column - c);
    for (int64_t r = 0; r < p.num_rows; r += kRowsInRegisters) {
      const int64_t count = std::min(kRowsInRegisters, p.num_rows - r);
      functions.rows[count - 1](m, c, x + r * stride, stride, tile);
      Finish finish;
      if (p.column_bias != nullptr) finish.column_bias = p.column_bias + c;
      StorePart(tile, finish, count, width, p.output + r * m.columns + c, m.columns);
    }
  }
  for (int64_t r = 0; r < p.num_rows; ++r) {
    float* const y = p.output + r * m.columns + first_column;
    for (const VectorStep& step : p.steps) {
      RunStep(step, r, first_column, end_column - first_column, y, y);
    }
  }
}

// Many rows: each panel of a block is expanded once for a block of rows.
inline void MultiplyExpanded(const NarrowProduct& p, const PanelFunctions& functions,
                             int64_t first_column, int64_t end_column, float* scratch) {
  const NarrowMatrix& m = p.matrix;
  PackedProduct product{.side = ProductSide::kRight,
                        .other = {p.rows, p.num_rows, m.rows, m.rows, 1},
                        .size = m.columns,
                        .output = p.output,
                        .output_stride = m.columns,
                        .column_bias = p.column_bias,
                        .steps = p.steps};
  float* const left = scratch;
  float* const right = scratch + kTerms * kBlockRows;
  for (int64_t r = 0; r < p.num_rows; r += kBlockRows) {
    const Block rows{r, std::min(r + kBlockRows, p.num_rows)};
    for (int64_t t = 0; t < m.rows; t += kTerms) {
      const int64_t terms = std::min(kTerms, m.rows - t);
      PackLeftBlock(product.other, rows.begin, rows.end - rows.begin, t, terms, left);
      for (int64_t c = first_column; c < end_column; c += kPanelColumns) {
        functions.expand(m, c, t, (terms + kNarrowGroup - 1) / kNarrowGroup * kNarrowGroup, right);
        MultiplyBlocks(product, rows, {c, std::min(c + kPanelColumns, end_column)}, terms, left,
                       kPanelRows * terms, right, 0, t == 0, t + terms == m.rows);
      }
    }
  }
}

void MultiplyNarrowPart(const NarrowProduct& p, int part, int parts, float* scratch) {
  const int64_t panels = (p.matrix.columns + kPanelColumns - 1) / kPanelColumns;
  const int64_t first = std::min(p.matrix.columns, panels * part / parts * kPanelColumns);
  const int64_t end = std::min(p.matrix.columns, panels * (part + 1) / parts * kPanelColumns);
  if (first >= end || p.num_rows == 0) return;
  const PanelFunctions functions = FunctionsFor(p.matrix);
  // Without terms nothing is expanded, yet the output is written.
  const bool direct = p.num_rows <= kDirectRows || p.matrix.rows == 0;
  (direct ? MultiplyDirect : MultiplyExpanded)(p, functions, first, end, scratch);
}

int64_t NarrowScratch(const NarrowProduct& p) {
  if (p.matrix.rows == 0) return 0;
  if (p.num_rows > kDirectRows) return kTerms * (kBlockRows + kPanelColumns);
  return PaddedRows(p.matrix) == p.matrix.rows ? 0 : p.num_rows * PaddedRows(p.matrix);
}

#undef NOMO_INLINE_LAMBDA

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_CORE_NARROW_NARROW_PRODUCT_KERNEL_H_
