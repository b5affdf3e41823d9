// Products with narrow matrices against sums in double of what their elements stand for, for sizes
// around those of vectors, groups and blocks.
#include "nomograph/core/narrow/narrow_product.h"

#include <algorithm>
#include <cmath>
#include <limits>

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

// Whole multiples of 1/64 from -2 to 2, which 16-bit floats hold exactly.
std::vector<float> RandomNarrow(int64_t count, uint64_t key) {
  std::vector<float> values = Random(count, key);
  for (float& value : values) value = std::nearbyint(value * 128) / 64;
  return values;
}

// A narrow matrix with its memory, and what it stands for.
struct Matrix {
  NarrowMatrix narrow;
  std::vector<uint64_t> packed;
  std::vector<float> scales, zeros;
  std::vector<double> meaning;  // [rows, columns]
};

struct Kind {
  NarrowType type;
  int64_t block;  // 0: all rows
  bool zeros;
  bool is_unsigned;
};

void FillFloats(const Kind& kind, bool by_columns, Matrix& m) {
  const int64_t rows = m.narrow.rows, columns = m.narrow.columns;
  const std::vector<float> numbers = RandomNarrow(rows * columns, 7);
  const MatrixView view{numbers.data(), rows, columns, by_columns ? 1 : columns,
                        by_columns ? rows : 1};
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) {
      m.meaning.push_back(view.data[i * view.row_stride + j * view.column_stride]);
    }
  }
  EXPECT_TRUE(ExactNarrowType(numbers.data(), rows * columns).has_value());
  PackNarrow(m.narrow, view, reinterpret_cast<std::byte*>(m.packed.data()));
  (void)kind;
}

void FillIntegers(const Kind& kind, bool by_columns, Matrix& m) {
  const int64_t rows = m.narrow.rows, columns = m.narrow.columns, blocks = m.narrow.blocks();
  const int range = kind.type == NarrowType::kInt4 ? 16 : 256;
  const int least = kind.is_unsigned ? 0 : -range / 2;
  std::vector<std::byte> bytes(rows * columns);
  std::vector<int> values(rows * columns);
  for (int64_t i = 0; i < rows * columns; ++i) {
    values[i] = least + static_cast<int>(MixKeys(3, i) % range);
    bytes[i] = static_cast<std::byte>(values[i]);
  }
  const ByteMatrixView view{bytes.data(), by_columns ? 1 : columns, by_columns ? rows : 1,
                            kind.is_unsigned ? range / 2 : 0};
  PackNarrow(m.narrow, view, reinterpret_cast<std::byte*>(m.packed.data()));
  const std::vector<float> scales = Random(blocks * columns, 4);
  std::vector<float> zeros(blocks * columns, 0.0f);
  for (int64_t i = 0; i < blocks * columns && kind.zeros; ++i) {
    zeros[i] = static_cast<float>(static_cast<int>(MixKeys(5, i) % range) - range / 2);
  }
  m.scales.resize(NarrowParameters(m.narrow));
  PackParameters(m.narrow, {scales.data(), blocks, columns, columns, 1}, m.scales.data());
  m.narrow.scales = m.scales.data();
  if (kind.zeros) {
    m.zeros.resize(NarrowParameters(m.narrow));
    PackParameters(m.narrow, {zeros.data(), blocks, columns, columns, 1}, m.zeros.data());
    m.narrow.zeros = m.zeros.data();
  }
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) {
      const int64_t parameter = (blocks == 1 ? 0 : i / kind.block) * columns + j;
      const int value = values[i * view.row_stride + j * view.column_stride] - view.minus;
      m.meaning.push_back((value - static_cast<double>(zeros[parameter])) * scales[parameter]);
    }
  }
}

Matrix Make(const Kind& kind, int64_t rows, int64_t columns, bool by_columns) {
  Matrix m{.narrow = {.type = kind.type,
                      .rows = rows,
                      .columns = columns,
                      .block = kind.block == 0 ? rows : kind.block},
           .packed = {},
           .scales = {},
           .zeros = {},
           .meaning = {}};
  m.packed.resize(NarrowBytes(m.narrow) / 8 + 1);
  m.narrow.packed = reinterpret_cast<const std::byte*>(m.packed.data());
  (m.narrow.is_integer() ? FillIntegers : FillFloats)(kind, by_columns, m);
  return m;
}

void Multiply(const NarrowProduct& product, int parts) {
  const int64_t floats = NarrowScratchFloats(product);
  std::vector<float> scratch(floats + 16, std::nanf(""));
  auto* begin =
      reinterpret_cast<float*>((reinterpret_cast<uintptr_t>(scratch.data()) + 63) / 64 * 64);
  for (int part = 0; part < parts; ++part) MultiplyNarrow(product, part, parts, begin);
}

const Kind kKinds[] = {
    {NarrowType::kFloat16, 0, false, false}, {NarrowType::kBFloat16, 0, false, false},
    {NarrowType::kInt8, 0, false, false},    {NarrowType::kInt8, 0, true, true},
    {NarrowType::kInt8, 64, true, false},    {NarrowType::kInt4, 32, false, true},
    {NarrowType::kInt4, 16, true, true},     {NarrowType::kInt4, 0, true, false},
    {NarrowType::kInt4, 128, false, false},
};

struct Case {
  int64_t rows, inner, columns;
  int parts = 1;
};

const Case kCases[] = {
    {0, 5, 3},       {1, 0, 5},        {1, 1, 1},   {1, 7, 33},       {1, 64, 64},
    {1, 129, 70, 2}, {2, 100, 17, 3},  {3, 33, 16}, {4, 40, 100, 4},  {5, 31, 40},
    {8, 300, 50, 2}, {9, 0, 3},        {9, 31, 1},  {13, 300, 50, 2}, {150, 513, 35, 3},
    {1, 4099, 3},    {17, 256, 64, 5},
};

TEST(NarrowProduct, AgreesWithWhatTheElementsStandFor) {
  using Step = VectorStep::Kind;
  for (const Kind& kind : kKinds) {
    for (const Case& c : kCases) {
      const std::vector<float> x = Random(c.rows * c.inner, 1), bias = Random(c.columns, 2),
                               more = Random(c.rows * c.columns, 3);
      for (const bool by_columns : {false, true}) {
        SCOPED_TRACE(testing::Message()
                     << "type " << static_cast<int>(kind.type) << " block " << kind.block << ", "
                     << c.rows << "x" << c.inner << "x" << c.columns << (by_columns ? " t" : ""));
        const Matrix m = Make(kind, c.inner, c.columns, by_columns);
        std::vector<float> y(c.rows * c.columns, std::nanf(""));
        NarrowProduct product{.rows = x.data(),
                              .num_rows = c.rows,
                              .matrix = m.narrow,
                              .output = y.data(),
                              .steps = {}};
        if (by_columns) {
          product.column_bias = bias.data();
          product.steps = {{.kind = Step::kAdd,
                            .operand = more.data(),
                            .row_stride = c.columns,
                            .column_stride = 1},
                           {.kind = Step::kLeakyRelu, .a = 0.5}};
        }
        Multiply(product, c.parts);
        for (int64_t r = 0; r < c.rows; ++r) {
          for (int64_t j = 0; j < c.columns; ++j) {
            double sum = 0, magnitude = 1;
            for (int64_t i = 0; i < c.inner; ++i) {
              const double term = x[r * c.inner + i] * m.meaning[i * c.columns + j];
              sum += term;
              magnitude += std::abs(term);
            }
            const int64_t at = r * c.columns + j;
            if (by_columns) {
              sum += static_cast<double>(bias[j]) + more[at];
              if (sum < 0) sum *= 0.5;
            }
            // Each sum is of at most inner + 4 numbers, each rounded to 2^-24 of what it has
            // summed; the errors of random signs grow with the root of that.
            const double tolerance = magnitude * std::sqrt(c.inner + 4.0) * std::ldexp(1, -24);
            ASSERT_NEAR(y[at], sum, tolerance) << r << ", " << j;
          }
        }
      }
    }
  }
}

TEST(NarrowProduct, ManyPartsYieldTheSameBits) {
  const std::vector<float> x = Random(12 * 300, 1);
  for (const Kind& kind : kKinds) {
    const Matrix m = Make(kind, 300, 100, false);
    for (const int64_t rows : {1, 3, 12}) {
      std::vector<std::vector<float>> results;
      for (const int parts : {1, 2, 5, 40}) {
        std::vector<float>& y = results.emplace_back(rows * 100);
        Multiply({.rows = x.data(),
                  .num_rows = rows,
                  .matrix = m.narrow,
                  .output = y.data(),
                  .steps = {}},
                 parts);
        EXPECT_EQ(results[0], y);
      }
    }
  }
}

TEST(NarrowProduct, WhatIsNotFiniteStaysSo) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const Kind& kind : kKinds) {
    for (const int64_t rows : {1, 4, 20}) {
      for (const float special : {kInfinity, -kInfinity, std::nanf("")}) {
        const Matrix m = Make(kind, 41, 9, false);
        std::vector<float> x = Random(rows * 41, 1), y(rows * 9);
        x[40] = special;  // of the first row, in a group that is not full
        Multiply({.rows = x.data(),
                  .num_rows = rows,
                  .matrix = m.narrow,
                  .output = y.data(),
                  .steps = {}},
                 1);
        for (int64_t r = 0; r < rows; ++r) {
          for (int64_t j = 0; j < 9; ++j) {
            const double expected = r == 0 ? special * m.meaning[40 * 9 + j] : 0.0;
            if (std::isnan(expected)) {
              EXPECT_TRUE(std::isnan(y[r * 9 + j]));
            } else if (std::isinf(expected)) {
              EXPECT_EQ(y[r * 9 + j], expected);
            } else {
              EXPECT_TRUE(std::isfinite(y[r * 9 + j]));
            }
          }
        }
      }
    }
  }
}

TEST(NarrowProduct, ATypeIsExactOnlyWhereEachNumberIs) {
  const float third = 1.0f / 3, infinity = std::numeric_limits<float>::infinity();
  struct {
    std::vector<float> numbers;
    std::optional<NarrowType> type;
  } const cases[] = {
      {{}, NarrowType::kBFloat16},
      {{0, -0.0f, 1.5f, 65504, 0x1p-24f, infinity}, NarrowType::kFloat16},
      {{1, 0x1p100f, 3}, NarrowType::kBFloat16},  // past float16's range
      {{1, 0x1p-60f, 3}, NarrowType::kBFloat16},  // below it
      {{65520}, std::nullopt},                    // would be infinity; 12 bits
      {{0x1p100f, 1 + 0x1p-9f}, std::nullopt},    // one for each type
      {std::vector<float>(100, third), std::nullopt},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(ExactNarrowType(c.numbers.data(), c.numbers.size()), c.type);
  }
  std::vector<float> many(5000, 1);
  many.back() = third;
  EXPECT_EQ(ExactNarrowType(many.data(), 5000), std::nullopt);
  EXPECT_EQ(ExactNarrowType(many.data(), 4999), NarrowType::kBFloat16);
}

}  // namespace
}  // namespace nomograph
