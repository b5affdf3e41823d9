// Maxima and means over windows against plain loops.
#include "nomograph/core/window/pool.h"

#include <algorithm>
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
    {Axis(9, 3, 4, 1, 1, 2), Axis(70, 4, 4, 1, 0, 0)},
    {Axis(1, 1, 1, 1, 0, 0), Axis(333, 7, 4, 1, 3, 3)},
    {Axis(1, 1, 1, 1, 0, 0), Axis(101, 2, 3, 1, 0, 0)},
    {Axis(8, 2, 2, 1, 0, 0), Axis(170, 9, 7, 1, 4, 4)},
    {Axis(6, 2, 2, 1, 0, 0), Axis(90, 3, 4, 2, 2, 2)},
    // Of planes that lie behind each other.
    {Axis(6, 2, 2, 1, 0, 0), Axis(34, 2, 2, 1, 0, 0), Axis(5, 2, 2, 1, 0, 0)},
    {Axis(7, 3, 2, 1, 1, 1), Axis(20, 3, 1, 1, 1, 1), Axis(6, 3, 1, 2, 2, 2)},
    {Axis(4, 2, 1, 1, 1, 1), Axis(9, 3, 3, 1, 1, 1), Axis(3, 2, 2, 1, 3, 1)},
    // Windows of padding alone, and of a plane without its borders.
    {Axis(4, 2, 1, 1, 3, 3), Axis(5, 2, 1, 1, 3, 3)},
    {Axis(4, 2, 2, 1, 5, 3), Axis(20, 2, 2, 1, 5, 3)},
};

// Along one axis: the input's place, or -1.
int64_t Place(const WindowSpan& axis, int64_t output, int64_t tap) {
  const int64_t at = output * axis.stride + tap * axis.dilation - axis.pad_begin;
  return at >= 0 && at < axis.input ? at : -1;
}

// Calls f(element) for what the window's place `output` has under it.
template <typename F>
void ForEachUnder(const WindowMatrix& window, const std::vector<float>& x, int64_t output, F f) {
  const WindowSpan &depth = window.depth, &rows = window.rows, &columns = window.columns;
  const int64_t column = output % columns.output, plane = output / columns.output / rows.output;
  const int64_t row = output / columns.output % rows.output;
  for (int64_t d = 0; d < depth.taps; ++d) {
    for (int64_t r = 0; r < rows.taps; ++r) {
      for (int64_t c = 0; c < columns.taps; ++c) {
        const int64_t i = Place(depth, plane, d), j = Place(rows, row, r);
        const int64_t k = Place(columns, column, c);
        if (i >= 0 && j >= 0 && k >= 0) f(x[(i * rows.input + j) * columns.input + k]);
      }
    }
  }
}

// Of `strange` elements one is NaN, or -infinity; 0: none.
std::vector<float> Numbers(const WindowMatrix& window, uint64_t seed, uint64_t strange) {
  std::vector<float> x(window.elements());
  for (size_t i = 0; i < x.size(); ++i) {
    const uint64_t random = MixKeys(seed, i);
    x[i] = static_cast<float>(random >> 40) / (1 << 23) - 1.0f;
    if (strange == 0 || random % strange != 0) continue;
    x[i] = random & 1024 ? kLeast : std::nanf("");
  }
  return x;
}

constexpr int64_t kBehind = 64;  // elements that must not be written

TEST(MaxPool, AgreesWithTheFormula) {
  for (size_t n = 0; n < std::size(kWindows); ++n) {
    const WindowMatrix& window = kWindows[n];
    for (const uint64_t strange : {0, 5, 31}) {
      SCOPED_TRACE(testing::Message() << "window " << n << ", strange " << strange);
      const std::vector<float> x = Numbers(window, n, strange);
      std::vector<float> y(window.places() + kBehind, 7.0f);
      std::vector<float> scratch(PoolScratchFloats(window), std::nanf(""));
      MaxPool(window, x.data(), y.data(), scratch.data());
      for (int64_t i = 0; i < window.places(); ++i) {
        float right = kLeast;  // NaN where there is one
        ForEachUnder(window, x, i, [&](float value) {
          if (!std::isnan(right)) right = std::isnan(value) ? value : std::max(right, value);
        });
        if (std::isnan(right)) {
          ASSERT_TRUE(std::isnan(y[i])) << i;
        } else {
          ASSERT_EQ(y[i], right) << i;
        }
      }
      for (int64_t i = 0; i < kBehind; ++i) ASSERT_EQ(y[window.places() + i], 7.0f) << i;
    }
  }
}

TEST(MaxPoolWithIndices, TellsTheFirstOfEquals) {
  for (size_t n = 0; n < std::size(kWindows); ++n) {
    const WindowMatrix& window = kWindows[n];
    for (const uint64_t strange : {0, 2, 5}) {
      SCOPED_TRACE(testing::Message() << "window " << n << ", strange " << strange);
      std::vector<float> x = Numbers(window, n, strange);
      for (float& value : x) value = std::round(value * 3);  // few different ones
      std::vector<float> y(window.places() + kBehind, 7.0f);
      std::vector<int64_t> indices(window.places() + kBehind, 7);
      std::vector<float> scratch(PoolScratchFloats(window), std::nanf(""));
      MaxPoolWithIndices(window, x.data(), 1000, y.data(), indices.data(), scratch.data());
      for (int64_t i = 0; i < window.places(); ++i) {
        const float* greatest = nullptr;
        ForEachUnder(window, x, i, [&](const float& value) {
          const bool is_greater = greatest == nullptr || value > *greatest ||
                                  (std::isnan(value) && !std::isnan(*greatest));
          if (is_greater) greatest = &value;
        });
        ASSERT_EQ(indices[i], greatest == nullptr ? -1 : 1000 + (greatest - x.data())) << i;
        const float right = greatest == nullptr ? kLeast : *greatest;
        ASSERT_TRUE(y[i] == right || (std::isnan(y[i]) && std::isnan(right))) << i;
      }
      for (int64_t i = 0; i < kBehind; ++i) {
        ASSERT_EQ(y[window.places() + i], 7.0f) << i;
        ASSERT_EQ(indices[window.places() + i], 7) << i;
      }
    }
  }
}

TEST(MeanPool, AgreesWithTheFormula) {
  for (size_t n = 0; n < std::size(kWindows); ++n) {
    SCOPED_TRACE(testing::Message() << "window " << n);
    const WindowMatrix& window = kWindows[n];
    const std::vector<float> x = Numbers(window, n, 0);
    // Any counts will do; 0 counts as 1.
    const auto counts = [](const WindowSpan& axis) {
      std::vector<float> counts;
      for (int64_t i = 0; i < axis.output; ++i) counts.push_back(static_cast<float>(i % 3));
      return counts;
    };
    const std::vector<float> depth = counts(window.depth), rows = counts(window.rows);
    const std::vector<float> columns = counts(window.columns);
    std::vector<float> y(window.places() + kBehind, 7.0f);
    std::vector<float> scratch(PoolScratchFloats(window), std::nanf(""));
    MeanPool(window, {depth.data(), rows.data(), columns.data()}, x.data(), y.data(),
             scratch.data());
    for (int64_t i = 0; i < window.places(); ++i) {
      double sum = 0;
      ForEachUnder(window, x, i, [&](float value) { sum += value; });
      const int64_t row = i / window.columns.output;
      const double count = double{depth[row / window.rows.output]} *
                           rows[row % window.rows.output] * columns[i % window.columns.output];
      ASSERT_NEAR(y[i], sum / std::max(count, 1.0), 2e-6) << i;
    }
    for (int64_t i = 0; i < kBehind; ++i) ASSERT_EQ(y[window.places() + i], 7.0f) << i;
  }
}

}  // namespace
}  // namespace nomograph
