// Sums of rows against plain loops.
#include "nomograph/core/vector/row_sum.h"

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

TEST(RowSum, SpecialValuesStay) {
  std::vector<float> row(100, 1.0f);
  row[37] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(SumOfRow(row.data(), 100), std::numeric_limits<double>::infinity());
  row[99] = -row[37];
  EXPECT_TRUE(std::isnan(SumOfRow(row.data(), 100)));
}

}  // namespace
}  // namespace nomograph
