// Products in bfloat16 against sums in double of factors that have been rounded, for sizes around
// those of panels and blocks. What may differ is what sums in float32 leave out.
#include "nomograph/core/narrow/bfloat16_product.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>

#include "gtest/gtest.h"
#include "nomograph/core/numeric/philox.h"

namespace nomograph {
namespace {

// Aligned as scratch memory is.
template <typename T>
std::unique_ptr<T, decltype(&std::free)> Aligned(int64_t count) {
  const size_t bytes = (static_cast<size_t>(count) * sizeof(T) + 127) / 64 * 64;
  return {static_cast<T*>(std::aligned_alloc(64, bytes)), &std::free};
}

std::vector<float> Random(int64_t count, uint64_t key) {
  std::vector<float> values(count);
  for (int64_t i = 0; i < count; ++i) {
    values[i] = static_cast<float>(MixKeys(key, i) >> 40) / (1 << 23) - 1.0f;
  }
  return values;
}

// The nearest bfloat16, of two the even one.
uint16_t Rounded(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof(bits));
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

double Widened(uint16_t half) {
  const uint32_t bits = uint32_t{half} << 16;
  float x;
  std::memcpy(&x, &bits, sizeof(x));
  return x;
}

struct Sizes {
  int64_t rows, inner, columns;
  int parts = 1;
  bool transposed = false;  // the constant as it is given
  bool narrow = false;      // the constant's elements as they are given
  int64_t lies = 0;         // the other matrix: 0 in rows, 1 in columns, 2 anyhow
};

// A product of `a` and the right matrix whose element (k, j) is right(k, j); product.other and
// product.window say how the one that is not packed lies. `expected` is asked for what becomes of
// a sum.
template <typename Right, typename Expected>
void Check(const Sizes& s, const std::vector<float>& a, const std::vector<float>& constant,
           PackedProduct product, Right right, Expected expected) {
  const bool left = product.side == ProductSide::kLeft;
  SCOPED_TRACE(testing::Message() << (left ? "left " : "right ") << s.rows << "x" << s.inner << "x"
                                  << s.columns << " in " << s.parts
                                  << (s.transposed ? ", transposed" : "")
                                  << (s.narrow ? ", narrow" : "") << ", other " << s.lies);
  const int64_t rows = left ? s.rows : s.inner, columns = left ? s.inner : s.columns;
  std::vector<float> lying = constant;
  if (s.transposed) {
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < columns; ++j) lying[j * rows + i] = constant[i * columns + j];
    }
  }
  const int64_t row_stride = s.transposed ? 1 : columns, column_stride = s.transposed ? rows : 1;
  const auto packed = Aligned<uint32_t>(BFloat16Pairs(product.side, rows, columns));
  if (s.narrow) {
    std::vector<uint16_t> halves;
    for (const float x : lying) halves.push_back(Rounded(x));
    PackBFloat16(product.side,
                 BFloat16View{halves.data(), rows, columns, row_stride, column_stride},
                 packed.get());
  } else {
    for (int part = 0; part < s.parts; ++part) {
      PackBFloat16(product.side, MatrixView{lying.data(), rows, columns, row_stride, column_stride},
                   packed.get(), {}, part, s.parts);
    }
  }
  std::vector<float> y(s.rows * s.columns, product.accumulate ? 3.0f : std::nanf(""));
  product.size = left ? s.rows : s.columns;
  product.output = y.data();
  product.output_stride = s.columns;
  const auto scratch = Aligned<float>(BFloat16ScratchFloats(product.side));
  for (int part = 0; part < s.parts; ++part) {
    MultiplyBFloat16Part(product, packed.get(), part, s.parts, scratch.get());
  }
  for (int64_t i = 0; i < s.rows; ++i) {
    for (int64_t j = 0; j < s.columns; ++j) {
      double sum = 0;
      for (int64_t k = 0; k < s.inner; ++k) {
        sum += Widened(Rounded(a[i * s.inner + k])) * Widened(Rounded(right(k, j)));
      }
      const double wanted = expected(sum, i, j);
      ASSERT_NEAR(y[i * s.columns + j], wanted, 1e-6 * (std::sqrt(s.inner) + std::abs(wanted)))
          << i << ", " << j;
    }
  }
}

template <typename Expected>
void Check(ProductSide side, const Sizes& s, PackedProduct product, Expected expected) {
  const std::vector<float> a = Random(s.rows * s.inner, 1), b = Random(s.inner * s.columns, 2);
  product.side = side;
  const bool left = side == ProductSide::kLeft;
  const int64_t rows = left ? s.inner : s.rows, columns = left ? s.columns : s.inner;
  product.other = {nullptr, rows, columns, columns, 1};
  if (s.lies == 1) product.other = {nullptr, rows, columns, 1, rows};
  if (s.lies == 2) product.other = {nullptr, rows, columns, 2 * columns, 2};
  std::vector<float> lying(2 * rows * columns, std::nanf(""));
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) {
      lying[i * product.other.row_stride + j * product.other.column_stride] =
          (left ? b : a)[i * columns + j];
    }
  }
  product.other.data = lying.data();
  Check(
      s, a, side == ProductSide::kLeft ? a : b, product,
      [&](int64_t k, int64_t j) { return b[k * s.columns + j]; }, expected);
}

constexpr ProductSide kSides[] = {ProductSide::kLeft, ProductSide::kRight};
const auto kTheSum = [](double sum, int64_t, int64_t) { return sum; };

class BFloat16Product : public testing::Test {
 protected:
  void SetUp() override {
    if (!HasBFloat16Products()) GTEST_SKIP() << "this machine does not multiply bfloat16";
  }
};

TEST_F(BFloat16Product, SizesAroundPanelsAndBlocks) {
  const Sizes cases[] = {
      {1, 1, 1},         {8, 3, 48},        {7, 5, 47},        {5, 512, 33},     {13, 513, 8},
      {12, 1100, 40, 3}, {145, 64, 481, 2}, {300, 301, 49, 3}, {2, 40, 1000, 3}, {1000, 40, 2, 3},
      {9, 33, 31, 2},    {64, 1024, 50},    {16, 7, 49, 2},    {257, 31, 16},    {11, 263, 432, 2},
      {28, 261, 433, 2}, {3, 2, 4},         {22, 1, 3},        {4, 300, 24},     {1030, 515, 25, 3},
  };
  for (const ProductSide side : kSides) {
    for (Sizes s : cases) {
      for (const bool transposed : {false, true}) {
        for (const bool narrow : {false, true}) {
          for (const int64_t lies : {0, 1, 2}) {
            s.transposed = transposed;
            s.narrow = narrow;
            s.lies = lies;
            Check(side, s, {.side = side, .other = {}, .steps = {}}, kTheSum);
          }
        }
      }
    }
  }
}

TEST_F(BFloat16Product, ManyPartsYieldTheSameBits) {
  const std::vector<float> a = Random(70 * 700, 3), b = Random(700 * 500, 4);
  for (const ProductSide side : kSides) {
    const bool left = side == ProductSide::kLeft;
    const MatrixView left_view{a.data(), 70, 700, 700, 1}, right_view{b.data(), 700, 500, 500, 1};
    const auto packed =
        Aligned<uint32_t>(left ? BFloat16Pairs(side, 70, 700) : BFloat16Pairs(side, 700, 500));
    PackBFloat16(side, left ? left_view : right_view, packed.get());
    std::vector<std::vector<float>> results;
    for (const int parts : {1, 2, 5}) {
      std::vector<float>& y = results.emplace_back(70 * 500);
      const PackedProduct product{.side = side,
                                  .other = left ? right_view : left_view,
                                  .size = left ? 70 : 500,
                                  .output = y.data(),
                                  .output_stride = 500,
                                  .steps = {}};
      const auto scratch = Aligned<float>(BFloat16ScratchFloats(side));
      for (int part = 0; part < parts; ++part) {
        MultiplyBFloat16Part(product, packed.get(), part, parts, scratch.get());
      }
    }
    EXPECT_EQ(results[0], results[1]);
    EXPECT_EQ(results[0], results[2]);
  }
}

TEST_F(BFloat16Product, WhatFollows) {
  using Kind = VectorStep::Kind;
  constexpr Sizes kSizes = {37, 70, 59, 2};
  const std::vector<float> rows = Random(37, 5), columns = Random(59, 6);
  const std::vector<float> whole = Random(37 * 59, 7);
  const VectorStep add{
      .kind = Kind::kAdd, .operand = whole.data(), .row_stride = 59, .column_stride = 1};
  const VectorStep relu{.kind = Kind::kClip, .a = 0, .b = std::numeric_limits<float>::infinity()};
  const VectorStep bounds{.kind = Kind::kClip, .a = -1.5f, .b = 2};
  const VectorStep scale{.kind = Kind::kMultiply, .operand = rows.data(), .row_stride = 1};
  const VectorStep sigmoid{.kind = Kind::kSigmoid};
  const auto at = [&](int64_t i, int64_t j) { return static_cast<double>(whole[i * 59 + j]); };
  const auto clip = [](double y, double low, double high) {
    return std::min(high, std::max(low, y));
  };
  for (const ProductSide side : kSides) {
    const PackedProduct plain{.side = side, .other = {}, .steps = {}};
    PackedProduct p = plain;
    p.row_bias = rows.data();
    Check(side, kSizes, p, [&](double y, int64_t i, int64_t) { return y + rows[i]; });
    p.column_bias = columns.data();
    Check(side, kSizes, p,
          [&](double y, int64_t i, int64_t j) { return y + rows[i] + columns[j]; });
    p = plain;
    p.accumulate = true;
    p.row_bias = rows.data();
    Check(side, kSizes, p, [&](double y, int64_t i, int64_t) { return 3 + y + rows[i]; });
    p = plain;
    p.steps = {add};
    Check(side, kSizes, p, [&](double y, int64_t i, int64_t j) { return y + at(i, j); });
    p.steps = {relu};
    Check(side, kSizes, p, [](double y, int64_t, int64_t) { return std::max(y, 0.0); });
    p.column_bias = columns.data();
    p.steps = {add, bounds};
    Check(side, kSizes, p,
          [&](double y, int64_t i, int64_t j) { return clip(y + columns[j] + at(i, j), -1.5, 2); });
    p.steps = {scale, add, sigmoid, bounds};  // not simple
    Check(side, kSizes, p, [&](double y, int64_t i, int64_t j) {
      const double x = (y + columns[j]) * rows[i] + at(i, j);
      return 1 / (1 + std::exp(-x));
    });
  }
}

TEST_F(BFloat16Product, NanAndInfinityStay) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> a(8 * 2, 1.0f);
  std::vector<float> b(2 * 48, 1.0f);
  b[3] = std::nanf("");
  b[5] = kInfinity;
  b[7] = std::numeric_limits<float>::max();  // rounds to infinity
  const auto packed = Aligned<uint32_t>(BFloat16Pairs(ProductSide::kLeft, 8, 2));
  PackBFloat16(ProductSide::kLeft, MatrixView{a.data(), 8, 2, 2, 1}, packed.get());
  std::vector<float> y(8 * 48);
  const PackedProduct product{.side = ProductSide::kLeft,
                              .other = {b.data(), 2, 48, 48, 1},
                              .size = 8,
                              .output = y.data(),
                              .output_stride = 48,
                              .steps = {{.kind = VectorStep::Kind::kClip, .a = 0, .b = kInfinity}}};
  const auto scratch = Aligned<float>(BFloat16ScratchFloats(ProductSide::kLeft));
  MultiplyBFloat16Part(product, packed.get(), 0, 1, scratch.get());
  EXPECT_TRUE(std::isnan(y[3]));
  EXPECT_EQ(y[5], kInfinity);
  EXPECT_EQ(y[7], kInfinity);
  EXPECT_EQ(y[4], 2);
}

struct WindowCase {
  int64_t channels, rows;
  WindowSpan down, along;
  int parts = 1;

  WindowMatrix window() const { return {down, along}; }
  int64_t taps() const { return down.taps * along.taps; }
  int64_t plane() const { return down.input * along.input; }
  int64_t places() const { return down.output * along.output; }
  // What is under tap k % taps() of plane k / taps() at place j.
  float Element(const std::vector<float>& planes, int64_t k, int64_t j) const {
    const int64_t tap = k % taps();
    const int64_t row =
        j / along.output * down.stride + tap / along.taps * down.dilation - down.pad_begin;
    const int64_t column =
        j % along.output * along.stride + tap % along.taps * along.dilation - along.pad_begin;
    const bool inside = row >= 0 && row < down.input && column >= 0 && column < along.input;
    return inside ? planes[k / taps() * plane() + row * along.input + column] : 0.0f;
  }
};

const WindowCase kWindows[] = {
    {3,
     16,
     {.input = 9, .output = 9, .taps = 3, .pad_begin = 1},
     {.input = 14, .output = 14, .taps = 3, .pad_begin = 1}},
    {5,
     9,
     {.input = 12, .output = 5, .taps = 3, .stride = 2},
     {.input = 40, .output = 20, .taps = 3, .stride = 2, .pad_begin = 1},
     3},
    {1, 8, {}, {.input = 50, .output = 46, .taps = 3, .dilation = 2}},
    {64,
     11,
     {.input = 8, .output = 8, .taps = 3, .pad_begin = 1},
     {.input = 7, .output = 7, .taps = 3, .pad_begin = 1},
     2},
    {4,
     6,
     {.input = 10, .output = 3, .taps = 1, .stride = 4},
     {.input = 10, .output = 3, .taps = 1, .stride = 4, .pad_begin = -1}},
    {70,
     50,
     {.input = 15, .output = 8, .taps = 5, .stride = 2, .pad_begin = 2},
     {.input = 35, .output = 18, .taps = 3, .stride = 2, .pad_begin = 1},
     2},
    {6,
     17,
     {.input = 5, .output = 3, .taps = 3, .stride = 3, .dilation = 2, .pad_begin = 3},
     {.input = 100, .output = 97, .taps = 2, .dilation = 3},
     2},
    {2, 8, {}, {.input = 600, .output = 599, .taps = 4, .pad_begin = 2}},
    {7,
     60,
     {.input = 7, .output = 4, .taps = 1, .stride = 2},
     {.input = 9, .output = 4, .taps = 1, .stride = 2, .pad_begin = -2}},
};

TEST_F(BFloat16Product, Windows) {
  for (const WindowCase& c : kWindows) {
    const WindowMatrix window = c.window();
    const Sizes s{c.rows, c.channels * c.taps(), c.places(), c.parts};
    const std::vector<float> a = Random(s.rows * s.inner, 8);
    const std::vector<float> planes = Random(c.channels * c.plane(), 9);
    PackedProduct product{.side = ProductSide::kLeft,
                          .other = {planes.data(), s.inner, s.columns, s.columns, 1},
                          .window = &window,
                          .steps = {}};
    Check(
        s, a, a, product, [&](int64_t k, int64_t j) { return c.Element(planes, k, j); }, kTheSum);
  }
}

// The same with planes that are paired beforehand, as they are and transposed, and with what
// follows the sums.
TEST_F(BFloat16Product, PairedPlanes) {
  for (const WindowCase& c : kWindows) {
    const WindowMatrix window = c.window();
    if (!PairsPlanes(window)) continue;
    const int64_t terms = c.channels * c.taps(), places = c.places();
    const std::vector<float> a = Random(c.rows * terms, 10), bias = Random(c.rows, 11);
    const std::vector<float> planes = Random(c.channels * c.plane(), 12);
    const std::vector<float> sum = Random(c.rows * places, 13);
    const auto paired = Aligned<uint32_t>(BFloat16PlanePairs(window, c.channels));
    // What is not written is not to be read as numbers.
    std::fill_n(paired.get(), BFloat16PlanePairs(window, c.channels), 0x7fa07fa0u);
    for (int part = 0; part < c.parts; ++part) {
      PairBFloat16Planes(window, planes.data(), c.channels, part, c.parts, paired.get());
    }
    const BFloat16Taps taps{c.taps(), 1};
    const int64_t pairs = (c.channels + 1) / 2 * c.taps();
    std::vector<float> y(c.rows * places, std::nanf(""));
    const VectorStep add{.kind = VectorStep::Kind::kAdd,
                         .operand = sum.data(),
                         .row_stride = places,
                         .column_stride = 1};
    const VectorStep bound{.kind = VectorStep::Kind::kClip, .a = -2, .b = 3};
    const VectorStep scale{
        .kind = VectorStep::Kind::kMultiply, .operand = bias.data(), .row_stride = 1};
    for (const bool simple : {true, false}) {
      const PackedProduct product{.side = ProductSide::kLeft,
                                  .other = {planes.data(), terms, places, places, 1},
                                  .window = &window,
                                  .size = c.rows,
                                  .output = y.data(),
                                  .output_stride = places,
                                  .row_bias = bias.data(),
                                  .steps = simple ? std::vector<VectorStep>{add, bound}
                                                  : std::vector<VectorStep>{add, bound, scale}};
      for (const bool turned : {false, true}) {
        SCOPED_TRACE(testing::Message() << c.channels << " planes to " << c.rows << ", "
                                        << (turned ? "turned" : "as they are") << ", " << simple);
        const ProductSide side = turned ? ProductSide::kRight : ProductSide::kLeft;
        const int64_t left = turned ? 2 * pairs : c.rows, right = turned ? c.rows : 2 * pairs;
        const auto packed = Aligned<uint32_t>(BFloat16Pairs(side, left, right));
        const MatrixView view = turned ? MatrixView{a.data(), c.channels, c.rows, c.taps(), terms}
                                       : MatrixView{a.data(), c.rows, c.channels, terms, c.taps()};
        PackBFloat16(side, view, packed.get(), taps);
        const auto scratch = Aligned<float>(BFloat16ScratchFloats(side));
        PackedProduct computed = product;
        const int64_t stride = c.rows + 3;
        std::vector<float> transposed(places * stride, std::nanf(""));
        if (turned) {
          computed = {.side = side,
                      .other = {planes.data(), places, terms, 1, places},
                      .window = &window,
                      .size = c.rows,
                      .output = transposed.data(),
                      .output_stride = stride,
                      .steps = {}};
        }
        std::fill(y.begin(), y.end(), std::nanf(""));
        for (int part = 0; part < c.parts; ++part) {
          MultiplyBFloat16Part(computed, packed.get(), part, c.parts, scratch.get(), paired.get());
        }
        for (int part = 0; turned && part < c.parts; ++part) {
          FinishTurnedBFloat16(product, transposed.data(), stride, part, c.parts);
        }
        for (int64_t i = 0; i < c.rows; ++i) {
          for (int64_t j = 0; j < places; ++j) {
            double wanted = bias[i] + static_cast<double>(sum[i * places + j]);
            for (int64_t k = 0; k < terms; ++k) {
              wanted +=
                  Widened(Rounded(a[i * terms + k])) * Widened(Rounded(c.Element(planes, k, j)));
            }
            wanted = std::min(3.0, std::max(-2.0, wanted));
            if (!simple) wanted *= bias[i];
            ASSERT_NEAR(y[i * places + j], wanted,
                        1e-6 * (std::sqrt(static_cast<double>(terms)) + std::abs(wanted)))
                << i << ", " << j;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace nomograph
