// Packed products against sums in double, for sizes around those of panels and blocks.
#include "nomograph/core/vector/packed_product.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>

#include "gtest/gtest.h"
#include "nomograph/core/numeric/philox.h"

namespace nomograph {
namespace {

// Aligned as scratch memory is.
std::unique_ptr<float, decltype(&std::free)> Aligned(int64_t count) {
  const size_t bytes = (static_cast<size_t>(count) * sizeof(float) + 127) / 64 * 64;
  return {static_cast<float*>(std::aligned_alloc(64, bytes)), &std::free};
}

std::vector<float> Random(int64_t count, uint64_t key) {
  std::vector<float> values(count);
  for (int64_t i = 0; i < count; ++i) {
    values[i] = static_cast<float>(MixKeys(key, i) >> 40) / (1 << 23) - 1.0f;
  }
  return values;
}

struct Sizes {
  int64_t rows, inner, columns;
  int parts = 1;
  bool transposed = false;  // the constant as it is given
};

// The product by MultiplyPart(), and the right one with what follows computed by `expected`.
template <typename Expected>
void Check(ProductSide side, const Sizes& s, PackedProduct product, Expected expected) {
  SCOPED_TRACE(testing::Message() << (side == ProductSide::kLeft ? "left " : "right ") << s.rows
                                  << "x" << s.inner << "x" << s.columns << " in " << s.parts);
  const bool left = side == ProductSide::kLeft;
  const std::vector<float> a = Random(s.rows * s.inner, 1), b = Random(s.inner * s.columns, 2);
  const auto view = [&](const std::vector<float>& m, int64_t rows, int64_t columns) {
    return MatrixView{m.data(), rows, columns, columns, 1};
  };
  std::vector<float> turned = left ? a : b;
  MatrixView constant = left ? view(turned, s.rows, s.inner) : view(turned, s.inner, s.columns);
  if (s.transposed) {
    for (int64_t i = 0; i < constant.rows; ++i) {
      for (int64_t j = 0; j < constant.columns; ++j) {
        turned[j * constant.rows + i] = (left ? a : b)[i * constant.columns + j];
      }
    }
    constant.row_stride = 1;
    constant.column_stride = constant.rows;
  }
  const auto packed = Aligned(PackedFloats(side, constant.rows, constant.columns));
  PackMatrix(side, constant, packed.get());
  std::vector<float> y(s.rows * s.columns, std::nanf(""));
  product.side = side;
  product.packed = packed.get();
  product.other = left ? view(b, s.inner, s.columns) : view(a, s.rows, s.inner);
  product.size = left ? s.rows : s.columns;
  product.output = y.data();
  product.output_stride = s.columns;
  const auto scratch = Aligned(ProductScratchFloats(product));
  for (int part = 0; part < s.parts; ++part) MultiplyPart(product, part, s.parts, scratch.get());
  const RowMap& map = product.map;
  const auto mapped = [&](double x, int64_t row) {
    if (map.factors == nullptr) return x;
    if (map.offsets == nullptr) return x * map.factors[row];
    return std::max<double>(map.least, x * map.factors[row] + map.offsets[row]);
  };
  for (int64_t i = 0; i < s.rows; ++i) {
    for (int64_t j = 0; j < s.columns; ++j) {
      double sum = 0;
      for (int64_t k = 0; k < s.inner; ++k) {
        sum += static_cast<double>(a[i * s.inner + k]) * mapped(b[k * s.columns + j], k);
      }
      const double right = expected(sum, i, j);
      ASSERT_NEAR(y[i * s.columns + j], right, 1e-6 * (std::sqrt(s.inner) + std::abs(right)))
          << i << ", " << j;
    }
  }
}

constexpr ProductSide kSides[] = {ProductSide::kLeft, ProductSide::kRight};

TEST(PackedProduct, SizesAroundPanelsAndBlocks) {
  const Sizes cases[] = {
      {1, 1, 1},        {6, 3, 16},       {7, 5, 17},           {5, 256, 33},
      {13, 257, 8},     {12, 600, 40, 3}, {145, 64, 193, 2},    {300, 300, 49, 4},
      {2, 40, 1000, 7}, {1000, 40, 2, 7}, {9, 33, 31, 2, true}, {64, 512, 50, 1, true},
      {16, 7, 49, 2},   {10, 30, 18},     {11, 263, 35, 2},     {28, 261, 20, 2},
      {3, 2, 4},        {22, 1, 3},       {8, 20, 36},          {10, 300, 20},
      {24, 300, 64},    {31, 17, 48},     {1, 300, 24},         {1030, 259, 25, 2},
      {200, 9, 289, 2}, {230, 5, 400, 3}, {300, 4, 161, 5},     {260, 7, 36, 4},
  };
  for (const ProductSide side : kSides) {
    for (const Sizes& s : cases) {
      Check(side, s, {}, [](double sum, int64_t, int64_t) { return sum; });
    }
  }
}

TEST(PackedProduct, MapsWhatItReads) {
  const Sizes cases[] = {
      {1, 1, 1},         {7, 5, 17},       {20, 30, 49, 2},  {128, 300, 49, 3},
      {13, 520, 200, 2}, {300, 40, 16, 4}, {12, 64, 784, 2}, {6, 3, 3},
  };
  for (const Sizes& s : cases) {
    const std::vector<float> factors = Random(s.inner, 8), offsets = Random(s.inner, 9);
    const float* const f = factors.data();
    for (const RowMap& map : {RowMap{f}, RowMap{f, offsets.data()}, RowMap{f, offsets.data(), 0}}) {
      Check(ProductSide::kLeft, s, {.other = {}, .map = map, .steps = {}},
            [](double sum, int64_t, int64_t) { return sum; });
    }
  }
}

TEST(PackedProduct, ManyPartsYieldTheSameBits) {
  const std::vector<float> a = Random(70 * 300, 3), b = Random(300 * 90, 4);
  for (const ProductSide side : kSides) {
    const bool left = side == ProductSide::kLeft;
    const MatrixView left_view{a.data(), 70, 300, 300, 1}, right_view{b.data(), 300, 90, 90, 1};
    const auto packed = Aligned(left ? PackedFloats(side, 70, 300) : PackedFloats(side, 300, 90));
    PackMatrix(side, left ? left_view : right_view, packed.get());
    std::vector<std::vector<float>> results;
    for (const int parts : {1, 2, 5}) {
      std::vector<float>& y = results.emplace_back(70 * 90);
      const PackedProduct product{.side = side,
                                  .packed = packed.get(),
                                  .other = left ? right_view : left_view,
                                  .size = left ? 70 : 90,
                                  .output = y.data(),
                                  .output_stride = 90};
      const auto scratch = Aligned(ProductScratchFloats(product));
      for (int part = 0; part < parts; ++part) MultiplyPart(product, part, parts, scratch.get());
    }
    EXPECT_EQ(results[0], results[1]);
    EXPECT_EQ(results[0], results[2]);
  }
}

TEST(PackedProduct, WhatFollows) {
  using Kind = VectorStep::Kind;
  const Sizes s{20, 30, 50, 2};
  const std::vector<float> rows = Random(s.rows, 5), columns = Random(s.columns, 6);
  const std::vector<float> all = Random(s.rows * s.columns, 7);
  const float inf = std::numeric_limits<float>::infinity();
  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  for (const ProductSide side : kSides) {
    Check(side, s, {.other = {}, .row_bias = rows.data()},
          [&](double sum, int64_t i, int64_t) { return sum + rows[i]; });
    Check(side, s, {.other = {}, .column_bias = columns.data()},
          [&](double sum, int64_t, int64_t j) { return sum + columns[j]; });
    Check(side, s,
          {.other = {},
           .row_bias = rows.data(),
           .steps = {{.kind = Kind::kAdd,
                      .operand = all.data(),
                      .row_stride = s.columns,
                      .column_stride = 1},
                     {.kind = Kind::kClip, .a = 0, .b = inf}}},
          [&](double sum, int64_t i, int64_t j) {
            return std::max(0.0, sum + rows[i] + all[i * s.columns + j]);
          });
    Check(side, s,
          {.other = {},
           .steps = {{.kind = Kind::kClip, .a = -1, .b = 1},
                     {.kind = Kind::kAdd, .operand = columns.data(), .column_stride = 1},
                     {.kind = Kind::kAdd, .operand = rows.data(), .row_stride = 1},
                     {.kind = Kind::kLinear, .a = 2, .b = 3}}},
          [&](double sum, int64_t i, int64_t j) {
            return (std::clamp(sum, -1.0, 1.0) + columns[j] + rows[i]) * 2 + 3;
          });
    Check(side, s, {.other = {}, .steps = {{.kind = Kind::kHardSwish, .a = 1.0f / 6, .b = 0.5f}}},
          [](double sum, int64_t, int64_t) { return sum * std::clamp(sum / 6 + 0.5, 0.0, 1.0); });
    Check(side, s, {.other = {}, .steps = {{.kind = Kind::kHardSigmoid, .a = 0.2f, .b = 0.4f}}},
          [](double sum, int64_t, int64_t) { return std::clamp(0.2f * sum + 0.4f, 0.0, 1.0); });
    Check(side, s, {.other = {}, .steps = {{.kind = Kind::kSwish, .a = 1.5f}}},
          [&](double sum, int64_t, int64_t) { return sum * sigmoid(1.5 * sum); });
    Check(side, s, {.other = {}, .steps = {{.kind = Kind::kGelu}}},
          [](double sum, int64_t, int64_t) {
            return sum / 2 * (1 + std::erf(sum / std::sqrt(2.0)));
          });
    Check(side, s, {.other = {}, .steps = {{.kind = Kind::kSigmoid}}},
          [&](double sum, int64_t, int64_t) { return sigmoid(sum); });
  }
}

TEST(PackedProduct, NanAndInfinityPass) {
  const float nan = std::nanf(""), inf = std::numeric_limits<float>::infinity();
  const float a[] = {1, 1}, b[] = {nan, inf, -inf, 2, 0, 0, 0, 0};
  for (const VectorStep& step :
       {VectorStep{.kind = VectorStep::Kind::kClip, .a = 0, .b = 6},
        VectorStep{.kind = VectorStep::Kind::kSwish, .a = 1},
        VectorStep{.kind = VectorStep::Kind::kSigmoid}, VectorStep{.kind = VectorStep::Kind::kGelu},
        VectorStep{.kind = VectorStep::Kind::kHardSwish, .a = 1.0f / 6, .b = 0.5f}}) {
    const auto packed = Aligned(PackedFloats(ProductSide::kLeft, 1, 2));
    PackMatrix(ProductSide::kLeft, {a, 1, 2, 2, 1}, packed.get());
    float y[4];
    const PackedProduct product{.side = ProductSide::kLeft,
                                .packed = packed.get(),
                                .other = {b, 2, 4, 4, 1},
                                .size = 1,
                                .output = y,
                                .output_stride = 4,
                                .steps = {step}};
    const auto scratch = Aligned(ProductScratchFloats(product));
    MultiplyPart(product, 0, 1, scratch.get());
    EXPECT_TRUE(std::isnan(y[0])) << static_cast<int>(step.kind);
    EXPECT_GE(y[1], 1.0f);
  }
}

}  // namespace
}  // namespace nomograph
