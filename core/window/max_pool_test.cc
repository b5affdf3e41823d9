// Maxima over windows against plain loops.
#include "nomograph/core/window/max_pool.h"

#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/numeric/philox.h"

namespace nomograph {
namespace {

constexpr float kLeast = -std::numeric_limits<float>::infinity();

// The output's size where `pad_end` elements follow.
WindowSpan Axis(int64_t input, int64_t taps, int64_t stride, int64_t dilation, int64_t pad,
                int64_t pad_end) {
  const int64_t reach = (taps - 1) * dilation + 1;
  return {input, (input + pad + pad_end - reach) / stride + 1, taps, stride, dilation, pad};
}

const WindowMatrix kWindows[] = {
    // Rows of 1 to 4, 7, 8, 14, 16 and more outputs, by each stride.
    {Axis(3, 3, 1, 1, 1, 1), Axis(1, 3, 1, 1, 1, 1)},
    {Axis(3, 3, 1, 1, 1, 1), Axis(2, 3, 1, 1, 1, 1)},
    {Axis(5, 2, 2, 1, 0, 1), Axis(5, 2, 2, 1, 0, 1)},
    {Axis(6, 3, 1, 1, 1, 1), Axis(4, 3, 1, 1, 1, 1)},
    {Axis(7, 3, 1, 1, 1, 1), Axis(7, 3, 1, 1, 1, 1)},
    {Axis(14, 2, 2, 1, 0, 0), Axis(14, 2, 2, 1, 0, 0)},
    {Axis(15, 3, 2, 1, 0, 1), Axis(15, 3, 2, 1, 0, 1)},
    {Axis(14, 3, 1, 1, 1, 1), Axis(14, 3, 1, 1, 1, 1)},
    {Axis(28, 3, 2, 1, 1, 1), Axis(28, 3, 2, 1, 1, 1)},
    {Axis(16, 3, 1, 1, 1, 1), Axis(16, 3, 1, 1, 1, 1)},
    {Axis(19, 3, 2, 1, 1, 1), Axis(35, 3, 2, 1, 1, 1)},
    {Axis(28, 3, 1, 1, 1, 1), Axis(28, 3, 1, 1, 1, 1)},
    {Axis(11, 4, 3, 1, 2, 3), Axis(50, 5, 3, 1, 2, 4)},
    {Axis(9, 3, 1, 2, 2, 2), Axis(23, 3, 1, 2, 2, 2)},
    {Axis(9, 3, 2, 3, 3, 3), Axis(40, 3, 2, 3, 3, 3)},
    // Windows of padding alone, and of a plane without its borders.
    {Axis(4, 2, 1, 1, 3, 3), Axis(5, 2, 1, 1, 3, 3)},
    {Axis(4, 2, 2, 1, 5, 3), Axis(20, 2, 2, 1, 5, 3)},
};

// Along one axis: the input's place, or -1.
int64_t Place(const WindowSpan& axis, int64_t output, int64_t tap) {
  const int64_t at = output * axis.stride + tap * axis.dilation - axis.pad_begin;
  return at >= 0 && at < axis.input ? at : -1;
}

// NaN where there is one.
float Greatest(const WindowMatrix& window, const std::vector<float>& x, int64_t row,
               int64_t column) {
  float y = kLeast;
  for (int64_t r = 0; r < window.rows.taps; ++r) {
    for (int64_t c = 0; c < window.columns.taps; ++c) {
      const int64_t i = Place(window.rows, row, r), j = Place(window.columns, column, c);
      if (i < 0 || j < 0 || std::isnan(y)) continue;
      const float value = x[i * window.columns.input + j];
      y = std::isnan(value) ? value : std::max(y, value);
    }
  }
  return y;
}

TEST(MaxPool, AgreesWithTheFormula) {
  for (size_t n = 0; n < std::size(kWindows); ++n) {
    const WindowMatrix& window = kWindows[n];
    // Of `strange` elements one is NaN, or -infinity; 0: none.
    for (const int64_t strange : {0, 5, 31}) {
      SCOPED_TRACE(testing::Message() << "window " << n << ", strange " << strange);
      std::vector<float> x(window.rows.input * window.columns.input);
      for (size_t i = 0; i < x.size(); ++i) {
        const uint64_t random = MixKeys(n, i);
        x[i] = static_cast<float>(random >> 40) / (1 << 23) - 1.0f;
        if (strange == 0 || random % strange != 0) continue;
        x[i] = random & 1024 ? kLeast : std::nanf("");
      }
      const int64_t outputs = window.rows.output * window.columns.output;
      constexpr int64_t kBehind = 64;  // elements that must not be written
      std::vector<float> y(outputs + kBehind, 7.0f);
      std::vector<float> scratch(MaxPoolScratchFloats(window), std::nanf(""));
      MaxPool(window, x.data(), y.data(), scratch.data());
      for (int64_t i = 0; i < outputs; ++i) {
        const int64_t row = i / window.columns.output, column = i % window.columns.output;
        const float right = Greatest(window, x, row, column);
        if (std::isnan(right)) {
          ASSERT_TRUE(std::isnan(y[i])) << row << ", " << column;
        } else {
          ASSERT_EQ(y[i], right) << row << ", " << column;
        }
      }
      for (int64_t i = 0; i < kBehind; ++i) ASSERT_EQ(y[outputs + i], 7.0f) << i;
    }
  }
}

}  // namespace
}  // namespace nomograph
