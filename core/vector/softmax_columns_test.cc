// Softmax down columns against its definition in double.
#include "nomograph/core/vector/softmax_columns.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/numeric/philox.h"

namespace nomograph {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

std::vector<double> Defined(const std::vector<float>& x, int64_t rows, int64_t stride,
                            int64_t column) {
  double greatest = -kInf, sum = 0;
  std::vector<double> y(rows);
  for (int64_t r = 0; r < rows; ++r) {
    const double value = x[r * stride + column];
    if (value > greatest || std::isnan(value)) greatest = value;
    if (std::isnan(greatest)) break;
  }
  for (int64_t r = 0; r < rows; ++r) {
    y[r] = std::exp(static_cast<double>(x[r * stride + column]) - greatest);
    sum += y[r];
  }
  for (double& value : y) value /= sum;
  return y;
}

TEST(SoftmaxColumns, AgreesWithItsDefinition) {
  constexpr int64_t kGap = 3;  // elements between the rows, which must not be written
  for (const int64_t rows : {1, 2, 3, 16, 81}) {
    for (int64_t columns = 1; columns < 80; ++columns) {
      for (const bool in_place : {false, true}) {
        SCOPED_TRACE(testing::Message() << rows << " x " << columns << ", in place " << in_place);
        const int64_t stride = columns + kGap;
        std::vector<float> x(rows * stride);
        for (size_t i = 0; i < x.size(); ++i) {
          // Some far below the others, some -infinity.
          const uint64_t random = MixKeys(rows * 100 + columns, i);
          x[i] = static_cast<float>(random >> 40) / (1 << 21) - 4.0f;
          if (random % 17 == 0) x[i] = random % 2 == 0 ? -200.0f : -kInf;
        }
        if (columns % 5 == 0) x[rows / 2 * stride + columns - 1] = std::nanf("");
        std::vector<float> y = in_place ? x : std::vector<float>(x.size(), 7.0f);
        const std::vector<float> before = y;
        SoftmaxColumns(in_place ? y.data() : x.data(), rows, columns, stride, y.data());
        for (int64_t c = 0; c < stride; ++c) {
          const std::vector<double> right = Defined(x, rows, stride, c);
          for (int64_t r = 0; r < rows; ++r) {
            const float value = y[r * stride + c];
            if (c >= columns) {
              ASSERT_EQ(value, before[r * stride + c]);
            } else if (std::isnan(right[r])) {
              ASSERT_TRUE(std::isnan(value)) << r << ", " << c;
            } else {
              ASSERT_NEAR(value, right[r], 5e-7 * right[r] + 1e-37) << r << ", " << c;
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace nomograph
