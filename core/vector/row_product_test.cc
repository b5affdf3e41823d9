// Products of a few rows against sums in double, for sizes around those of vectors and blocks.
#include "nomograph/core/vector/row_product.h"

#include <cmath>

#include "gtest/gtest.h"
#include "nomograph/core/numeric/philox.h"

namespace nomograph {
namespace {

std::vector<float> Random(int64_t count, uint64_t key) {
  std::vector<float> values(count);
  for (int64_t i = 0; i < count; ++i) {
    values[i] = static_cast<float>(MixKeys(key, i) >> 40) / (1 << 23) - 1.0f;
  }
  return values;
}

struct Case {
  int64_t rows, inner, columns;
  int parts = 1;
};

const Case kCases[] = {
    {1, 1, 1},
    {1, 0, 5},
    {2, 7, 3},
    {3, 16, 16},
    {4, 33, 70, 2},
    {1, 64, 64},
    {1, 5, 1025, 3},
    {2, 100, 2050},
    {1, 1000, 10, 4},
    {1, 4099, 17},
    {1, 31, 1, 5},
    {4, 3, 40, 2},
    {1, 2, 1024 * 3},
    {3, 257, 1040, 3},
    // Large ones.
    {1, 517, 1040, 2},
    {1, 17, 40001, 3},
    {4, 2050, 301, 5},
    {2, 1026, 2100},
    {1, 8, 70000, 2},
};

// All parts of a product, and what follows.
void Multiply(RowProduct product, int parts) {
  std::vector<float> sums(RowSumFloats(product), std::nanf(""));
  product.sums = sums.data();
  for (int part = 0; part < parts; ++part) MultiplyRows(product, part, parts);
  FinishRows(product);
}

TEST(RowProduct, AgreesWithTheFormulaInBothLayouts) {
  using Kind = VectorStep::Kind;
  for (const Case& c : kCases) {
    const std::vector<float> x = Random(c.rows * c.inner, 1), w = Random(c.inner * c.columns, 2);
    const std::vector<float> bias = Random(c.columns, 3), more = Random(c.rows * c.columns, 4);
    std::vector<float> turned(w.size());
    for (int64_t i = 0; i < c.inner; ++i) {
      for (int64_t j = 0; j < c.columns; ++j) turned[j * c.inner + i] = w[i * c.columns + j];
    }
    for (const bool by_columns : {false, true}) {
      for (const bool steps : {false, true}) {
        SCOPED_TRACE(testing::Message() << c.rows << "x" << c.inner << "x" << c.columns
                                        << (by_columns ? " by columns" : " by rows"));
        std::vector<float> y(c.rows * c.columns, std::nanf(""));
        RowProduct product{.rows = x.data(),
                           .num_rows = c.rows,
                           .matrix = {w.data(), c.inner, c.columns, c.columns, 1},
                           .output = y.data(),
                           .steps = {}};
        if (by_columns) product.matrix = {turned.data(), c.inner, c.columns, 1, c.inner};
        if (steps) {
          product.column_bias = bias.data();
          product.steps = {{.kind = Kind::kAdd,
                            .operand = more.data(),
                            .row_stride = c.columns,
                            .column_stride = 1},
                           {.kind = Kind::kClip, .a = 0, .b = 6}};
        }
        Multiply(product, c.parts);
        for (int64_t r = 0; r < c.rows; ++r) {
          for (int64_t j = 0; j < c.columns; ++j) {
            double sum = 0;
            for (int64_t i = 0; i < c.inner; ++i) {
              sum += static_cast<double>(x[r * c.inner + i]) * w[i * c.columns + j];
            }
            const int64_t at = r * c.columns + j;
            if (steps) sum = std::clamp(sum + bias[j] + more[at], 0.0, 6.0);
            ASSERT_NEAR(y[at], sum, 1e-6 * (1 + std::sqrt(c.inner))) << r << ", " << j;
          }
        }
      }
    }
  }
}

TEST(RowProduct, ManyPartsYieldTheSameBits) {
  for (const int64_t columns : {100, 2000}) {
    const std::vector<float> x = Random(300, 1), w = Random(300 * columns, 2);
    for (const bool by_columns : {false, true}) {
      std::vector<std::vector<float>> results;
      for (const int parts : {1, 2, 5, 8}) {
        std::vector<float>& y = results.emplace_back(columns);
        RowProduct product{.rows = x.data(),
                           .matrix = {w.data(), 300, columns, columns, 1},
                           .output = y.data(),
                           .steps = {}};
        if (by_columns) product.matrix = {w.data(), 300, columns, 1, 300};
        Multiply(product, parts);
        EXPECT_EQ(results[0], y) << parts;
      }
    }
  }
}

}  // namespace
}  // namespace nomograph
