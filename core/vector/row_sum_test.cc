// Sums and functions of rows against plain loops in double.
#include "nomograph/core/vector/row_sum.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/numeric/philox.h"

namespace nomograph {
namespace {

TEST(RowSum, AddsEachElementOnce) {
  // Powers of 2, so that the sum says which elements are in it, whatever the order.
  for (int64_t count = 0; count <= 40; ++count) {
    std::vector<float> row(count + 40, std::nanf(""));
    for (int64_t i = 0; i < count; ++i) row[i] = std::ldexp(1.0f, static_cast<int>(i));
    EXPECT_EQ(SumOfRow(row.data(), count), std::ldexp(1.0, static_cast<int>(count)) - 1) << count;
  }
}

TEST(RowSum, LosesNoDigits) {
  for (const int64_t count : {49, 196, 784, 12'544, 1'000'003}) {
    std::vector<float> row(count);
    long double sum = 0;
    for (int64_t i = 0; i < count; ++i) {
      row[i] = 1.0f + static_cast<float>(MixKeys(count, i) >> 40) / (1 << 24);
      sum += row[i];
    }
    const double right = static_cast<double>(sum);
    EXPECT_NEAR(SumOfRow(row.data(), count), right, right * 1e-13) << count;
  }
}

TEST(RowMoments, LoseNoDigits) {
  for (const int64_t count : {0, 1, 7, 49, 196, 1000, 100'003}) {
    std::vector<float> row(count + 40, std::nanf(""));
    long double sum = 0, squares = 0;
    for (int64_t i = 0; i < count; ++i) {
      row[i] = 1.0f + static_cast<float>(MixKeys(count, i) >> 40) / (1 << 24);
      sum += row[i];
      squares += static_cast<long double>(row[i]) * row[i];
    }
    const RowMoments found = MomentsOfRow(row.data(), count);
    EXPECT_NEAR(found.sum, static_cast<double>(sum), static_cast<double>(sum) * 1e-13) << count;
    EXPECT_NEAR(found.squares, static_cast<double>(squares), static_cast<double>(squares) * 1e-13);
  }
}

TEST(NormalizeRow, TakesTheCenterFirst) {
  // What is far from 0 keeps its digits.
  constexpr float kCenter = 1e6f, kFactor = 0.75f, kOffset = -0.5f;
  for (int64_t count = 1; count < 80; ++count) {
    std::vector<float> x(count), y(count + 16, 7.0f);
    for (int64_t i = 0; i < count; ++i) x[i] = kCenter + static_cast<float>(i % 16) / 16;
    NormalizeRow(x.data(), kCenter, kFactor, kOffset, y.data(), count);
    for (int64_t i = 0; i < count; ++i) {
      EXPECT_EQ(y[i], static_cast<float>(i % 16) / 16 * kFactor + kOffset) << i;
    }
    for (int64_t i = count; i < count + 16; ++i) EXPECT_EQ(y[i], 7.0f);
  }
}

TEST(RowSum, SpecialValuesStay) {
  std::vector<float> row(100, 1.0f);
  row[37] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(SumOfRow(row.data(), 100), std::numeric_limits<double>::infinity());
  row[99] = -row[37];
  EXPECT_TRUE(std::isnan(SumOfRow(row.data(), 100)));
}

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr double kSmallest = std::numeric_limits<float>::denorm_min();

TEST(RowFunctions, HoldForAllNumbers) {
  std::vector<float> x = {0.0f, -0.0f, kInfinity, -kInfinity, std::nanf(""), 1e38f, -1e38f};
  for (float v = 1e-8f; v < 120; v *= 1.003f) x.insert(x.end(), {v, -v});
  std::vector<float> exp(x.size()), erf = x;
  const int64_t count = static_cast<int64_t>(x.size());
  ExpOfRow(x.data(), exp.data(), count);
  ErfOfRow(erf.data(), erf.data(), count);  // in place
  for (size_t i = 0; i < x.size(); ++i) {
    const double e = std::exp(double{x[i]}), f = std::erf(double{x[i]});
    if (std::isnan(e)) {
      EXPECT_TRUE(std::isnan(exp[i]) && std::isnan(erf[i])) << x[i];
    } else if (e > std::numeric_limits<float>::max()) {
      EXPECT_EQ(exp[i], kInfinity) << x[i];
      EXPECT_NEAR(erf[i], 1.0, 2e-7);
    } else {
      EXPECT_NEAR(exp[i], e, 2.5e-7 * e + kSmallest) << x[i];
      EXPECT_NEAR(erf[i], f, 5e-7 * std::abs(f)) << x[i];
    }
  }
}

// Rows of all lengths up to some vectors, with the memory behind them as it was.
TEST(RowFunctions, SoftmaxAndItsGradient) {
  for (int64_t count = 1; count <= 70; ++count) {
    SCOPED_TRACE(count);
    std::vector<float> x(count + 20, std::nanf("")), dy = x, y(count + 20, 7.0f), log = y, dx = y;
    double greatest = -kInfinity, total = 0, product = 0;
    for (int64_t i = 0; i < count; ++i) {
      x[i] = static_cast<float>(MixKeys(count, i) >> 40) / (1 << 20) - 8.0f;
      dy[i] = static_cast<float>(MixKeys(count + 100, i) >> 40) / (1 << 23) - 1.0f;
      greatest = std::max(greatest, double{x[i]});
    }
    for (int64_t i = 0; i < count; ++i) total += std::exp(x[i] - greatest);
    const auto softmax = [&](int64_t i) { return std::exp(x[i] - greatest) / total; };
    for (int64_t i = 0; i < count; ++i) product += softmax(i) * dy[i];
    SoftmaxOfRow(x.data(), y.data(), count, /*logarithm=*/false);
    SoftmaxOfRow(x.data(), log.data(), count, /*logarithm=*/true);
    SoftmaxGradOfRow(dy.data(), y.data(), dx.data(), count);
    for (int64_t i = 0; i < count; ++i) {
      EXPECT_NEAR(y[i], softmax(i), 1e-6 * softmax(i));
      EXPECT_NEAR(log[i], x[i] - greatest - std::log(total), 4e-6);
      EXPECT_NEAR(dx[i], softmax(i) * (dy[i] - product), 1e-6 * softmax(i) + 1e-9);
    }
    for (const auto& row : {y, log, dx}) EXPECT_EQ(row[count], 7.0f);
    for (int64_t at = 0; at < count; ++at) {
      std::vector<float> bad = x;
      bad[at] = at % 2 == 0 ? std::nanf("") : kInfinity;
      SoftmaxOfRow(bad.data(), bad.data(), count, /*logarithm=*/false);
      for (int64_t i = 0; i < count; ++i) EXPECT_TRUE(std::isnan(bad[i])) << at;
    }
  }
}

TEST(RowFunctions, SoftmaxOfColumnsIsThatOfEach) {
  for (int64_t columns = 1; columns <= 70; ++columns) {
    const int64_t rows = 1 + columns % 7;
    std::vector<float> x(rows * columns + 20, std::nanf(""));
    for (int64_t i = 0; i < rows * columns; ++i) {
      x[i] = static_cast<float>(MixKeys(columns, i) >> 40) / (1 << 20) - 8.0f;
    }
    if (columns % 5 == 0) x[columns / 2] = std::nanf("");
    for (const bool logarithm : {false, true}) {
      std::vector<float> y = x;
      y[rows * columns] = 7.0f;
      SoftmaxOfColumns(y.data(), y.data(), rows, columns, logarithm);
      for (int64_t c = 0; c < columns; ++c) {
        std::vector<float> column;
        for (int64_t r = 0; r < rows; ++r) column.push_back(x[r * columns + c]);
        SoftmaxOfRow(column.data(), column.data(), rows, logarithm);
        for (int64_t r = 0; r < rows; ++r) {
          const float found = y[r * columns + c], right = column[r];
          EXPECT_TRUE(std::isnan(right) ? std::isnan(found)
                                        : std::abs(found - right) <= 1e-6f * (1 + std::abs(right)))
              << columns << ": " << found << ", " << right;
        }
      }
      EXPECT_EQ(y[rows * columns], 7.0f);
    }
  }
}

TEST(RowFunctions, ReluGradient) {
  const float nan = std::nanf("");
  for (const ReluSlopes& slopes :
       {ReluSlopes{}, ReluSlopes{0.25f}, ReluSlopes{0, true, 6}, ReluSlopes{-0.5f, true, 1}}) {
    for (int64_t count = 1; count <= 40; ++count) {
      std::vector<float> x(count + 20, nan), dy = x, dx(count + 20, 7.0f);
      for (int64_t i = 0; i < count; ++i) {
        x[i] = static_cast<float>(MixKeys(count, i) % 33) / 2 - 8.0f;
        dy[i] = static_cast<float>(i) + 0.5f;
      }
      x[count / 2] = count % 2 == 0 ? kInfinity : -kInfinity;
      dy[0] = kInfinity;
      ReluGradOfRow(slopes, dy.data(), x.data(), dx.data(), count);
      for (int64_t i = 0; i < count; ++i) {
        const float below = slopes.alpha == 0 ? 0.0f : slopes.alpha * dy[i];
        const bool past = slopes.limited && x[i] >= slopes.limit;
        EXPECT_EQ(dx[i], x[i] <= 0 ? below : past ? 0.0f : dy[i]) << x[i];
      }
      EXPECT_EQ(dx[count], 7.0f);
    }
  }
}

TEST(RowFunctions, CenteredSums) {
  for (int64_t count = 1; count <= 70; ++count) {
    std::vector<float> x(count + 20, std::nanf("")), dy = x;
    double sum = 0, squares = 0, gradients = 0, products = 0;
    for (int64_t i = 0; i < count; ++i) {
      x[i] = static_cast<float>(MixKeys(count, i) >> 40) / (1 << 23) + 4.0f;
      dy[i] = static_cast<float>(MixKeys(count + 100, i) >> 40) / (1 << 23) - 1.0f;
      const double difference = double{x[i]} - 5.0;
      sum += difference;
      squares += difference * difference;
      gradients += dy[i];
      products += dy[i] * difference;
    }
    const RowSums of_x = CenteredSums(x.data(), 5.0f, count);
    const RowSums of_dy = CenteredProducts(dy.data(), x.data(), 5.0f, count);
    const double tolerance = 1e-6 * static_cast<double>(count);
    EXPECT_NEAR(of_x.first, sum, tolerance);
    EXPECT_NEAR(of_x.second, squares, tolerance);
    EXPECT_NEAR(of_dy.first, gradients, tolerance);
    EXPECT_NEAR(of_dy.second, products, tolerance);
  }
}

}  // namespace
}  // namespace nomograph
