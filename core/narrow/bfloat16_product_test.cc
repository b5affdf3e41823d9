// Products in bfloat16 against sums in double of factors that have been rounded, for sizes around
// those of panels and blocks. What may differ is what sums in float32 leave out.
#include "nomograph/core/narrow/bfloat16_product.h"

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
                                  << (s.narrow ? ", narrow" : ""));
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
    PackBFloat16(product.side, MatrixView{lying.data(), rows, columns, row_stride, column_stride},
                 packed.get());
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
  product.other = side == ProductSide::kLeft
                      ? MatrixView{b.data(), s.inner, s.columns, s.columns, 1}
                      : MatrixView{a.data(), s.rows, s.inner, s.inner, 1};
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
          s.transposed = transposed;
          s.narrow = narrow;
          Check(side, s, {.side = side, .other = {}, .steps = {}}, kTheSum);
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

TEST_F(BFloat16Product, Windows) {
  struct Case {
    int64_t channels, rows;
    WindowSpan down, along;
    int parts = 1;
  };
  const Case cases[] = {
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
  };
  for (const Case& c : cases) {
    const WindowMatrix window{c.down, c.along};
    const int64_t taps = c.down.taps * c.along.taps, plane = c.down.input * c.along.input;
    const Sizes s{c.rows, c.channels * taps, c.down.output * c.along.output, c.parts};
    const std::vector<float> a = Random(s.rows * s.inner, 8);
    const std::vector<float> planes = Random(c.channels * plane, 9);
    PackedProduct product{.side = ProductSide::kLeft,
                          .other = {planes.data(), s.inner, s.columns, s.columns, 1},
                          .window = &window,
                          .steps = {}};
    const auto element = [&](int64_t k, int64_t j) {
      const int64_t tap = k % taps;
      const int64_t row = j / c.along.output * c.down.stride +
                          tap / c.along.taps * c.down.dilation - c.down.pad_begin;
      const int64_t column = j % c.along.output * c.along.stride +
                             tap % c.along.taps * c.along.dilation - c.along.pad_begin;
      const bool inside = row >= 0 && row < c.down.input && column >= 0 && column < c.along.input;
      return inside ? planes[k / taps * plane + row * c.along.input + column] : 0.0f;
    };
    Check(s, a, a, product, element, kTheSum);
  }
}

}  // namespace
}  // namespace nomograph
