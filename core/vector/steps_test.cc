// Steps against their definitions in double.
#include "nomograph/core/vector/steps.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/numeric/philox.h"
#include "nomograph/core/vector/elementwise_run.h"

namespace nomograph {
namespace {

using Kind = VectorStep::Kind;
constexpr float kInf = std::numeric_limits<float>::infinity();

// With an element z of the operand.
double Defined(const VectorStep& step, double y, double z) {
  const double a = step.a, b = step.b;
  const auto clip = [](double x, double low, double high) {
    return std::isnan(x) ? x : std::min(std::max(x, low), high);
  };
  switch (step.kind) {
    case Kind::kAdd:
      return y + z;
    case Kind::kSubtract:
      return y - z;
    case Kind::kMultiply:
      return y * z;
    case Kind::kDivide:
      return y / z;
    case Kind::kMaximum:
      return std::isnan(y) || std::isnan(z) ? std::nan("") : std::max(y, z);
    case Kind::kMinimum:
      return std::isnan(y) || std::isnan(z) ? std::nan("") : std::min(y, z);
    case Kind::kPRelu:
      return y < 0 ? y * z : y;
    case Kind::kLinear:
      return y * a + b;
    case Kind::kClip:
      return clip(y, a, b);
    case Kind::kLeakyRelu:
      return y > 0 ? y : y * a;
    case Kind::kAbs:
      return std::abs(y);
    case Kind::kSquare:
      return y * y;
    case Kind::kSqrt:
      return std::sqrt(y);
    case Kind::kPower:
      return std::pow(y, a);
    case Kind::kHardSwish:
      return y * clip(y * a + b, 0, 1);
    case Kind::kHardSigmoid:
      return clip(y * a + b, 0, 1);
    case Kind::kSwish:
      return y / (1 + std::exp(-a * y));
    case Kind::kSigmoid:
      return 1 / (1 + std::exp(-y));
    case Kind::kTanh:
      return std::tanh(y);
    case Kind::kGelu:
      return y / 2 * (1 + std::erf(y / std::sqrt(2.0)));
    case Kind::kGeluTanh:
      return y / 2 * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (y + 0.044715 * y * y * y)));
    case Kind::kFunction:
      return a * y * y + b;
  }
  return 0;
}

void Squares(float a, float b, const float* from, float* to, int64_t count) {
  for (int64_t i = 0; i < count; ++i) to[i] = a * from[i] * from[i] + b;
}

const VectorStep kSteps[] = {
    {.kind = Kind::kAdd},
    {.kind = Kind::kSubtract},
    {.kind = Kind::kMultiply},
    {.kind = Kind::kDivide},
    {.kind = Kind::kMaximum},
    {.kind = Kind::kMinimum},
    {.kind = Kind::kPRelu},
    {.kind = Kind::kLinear, .a = 1.5f, .b = -0.25f},
    {.kind = Kind::kClip, .a = -0.5f, .b = 0.75f},
    {.kind = Kind::kLeakyRelu, .a = 0.1f},
    {.kind = Kind::kAbs},
    {.kind = Kind::kSquare},
    {.kind = Kind::kSqrt},
    {.kind = Kind::kPower, .a = 3},
    {.kind = Kind::kHardSwish, .a = 1.0f / 6, .b = 0.5f},
    {.kind = Kind::kHardSigmoid, .a = 0.2f, .b = 0.5f},
    {.kind = Kind::kSwish, .a = 1},
    {.kind = Kind::kSwish, .a = 1.702f},
    {.kind = Kind::kSigmoid},
    {.kind = Kind::kTanh},
    {.kind = Kind::kGelu},
    {.kind = Kind::kGeluTanh},
    {.kind = Kind::kFunction, .a = 0.5f, .b = -0.5f, .function = Squares},
};

// In units of the larger of `right` and `least`.
double Error(double value, double right, double least) {
  if (std::isnan(right) || std::isinf(right)) {
    return (std::isnan(value) && std::isnan(right)) || value == right ? 0 : kInf;
  }
  return std::abs(value - right) / std::max(std::abs(right), least);
}

// All counts up to some vectors, in place and beside, with operands of each form.
TEST(Steps, AgreeWithTheirDefinitions) {
  constexpr int64_t kCounts = 150, kAround = 20, kRow = 2, kColumn = 3;
  for (size_t n = 0; n < std::size(kSteps); ++n) {
    for (const int64_t column_stride : {0, 1}) {
      for (int64_t count = 1; count < kCounts; ++count) {
        const bool in_place = count % 2 == 0;
        SCOPED_TRACE(testing::Message()
                     << "step " << n << ", columns " << column_stride << ", " << count);
        const auto random = [&](uint64_t key, int64_t i) {
          return static_cast<float>(MixKeys(key, i) >> 40) / (1 << 21) - 4.0f;
        };
        std::vector<float> x(count), z(4 * kCounts);
        for (int64_t i = 0; i < count; ++i) x[i] = random(n, i);
        for (size_t i = 0; i < z.size(); ++i) z[i] = random(n + 100, i);
        std::vector<float> y(count + 2 * kAround, 7.0f);
        if (in_place) std::copy(x.begin(), x.end(), y.begin() + kAround);
        VectorStep step = kSteps[n];
        step.operand = z.data();
        step.row_stride = kCounts;
        step.column_stride = column_stride;
        FindStep(step.kind)(step, kRow, kColumn, count, in_place ? y.data() + kAround : x.data(),
                            y.data() + kAround);
        for (int64_t i = 0; i < kAround; ++i) {
          ASSERT_EQ(y[i], 7.0f);
          ASSERT_EQ(y[kAround + count + i], 7.0f);
        }
        for (int64_t i = 0; i < count; ++i) {
          const double other = z[kRow * kCounts + (kColumn + i) * column_stride];
          const double right = Defined(step, x[i], other);
          ASSERT_LT(Error(y[kAround + i], right, 1), 1e-6) << i << ": " << x[i];
        }
      }
    }
  }
}

TEST(Steps, PReluTakesInfinitiesAndNaN) {
  for (int64_t count = 1; count <= 40; ++count) {
    std::vector<float> x(count + 20, std::nanf("")), slopes = x;
    for (int64_t i = 0; i < count; ++i) {
      x[i] = static_cast<float>(MixKeys(count, i) % 33) / 2 - 8.0f;
      slopes[i] = static_cast<float>(i) / 4 - 3.0f;
    }
    x[count / 2] = -kInf;
    for (const bool one : {false, true}) {
      std::vector<float> y(count + 20, 7.0f);
      const VectorStep step{
          .kind = Kind::kPRelu, .operand = slopes.data(), .column_stride = one ? 0 : 1};
      FindStep(step.kind)(step, 0, 0, count, x.data(), y.data());
      for (int64_t i = 0; i < count; ++i) {
        const float below = slopes[one ? 0 : i] * x[i];
        if (x[i] < 0 && std::isnan(below)) {
          EXPECT_TRUE(std::isnan(y[i])) << i;
        } else {
          EXPECT_EQ(y[i], x[i] < 0 ? below : x[i]) << i;
        }
      }
      EXPECT_EQ(y[count], 7.0f);
    }
  }
}

// They are off by some units in the last place, wherever the result is not tiny.
TEST(Steps, ExponentialsAreAccurate) {
  for (const Kind kind : {Kind::kSwish, Kind::kSigmoid}) {
    std::vector<float> x;
    for (int64_t i = -800'000; i <= 1'000'000; ++i) x.push_back(static_cast<float>(i) * 1e-4f);
    for (const float value : {kInf, 1e30f, -1e30f, 1e-30f, std::nanf("")}) x.push_back(value);
    std::vector<float> y(x.size());
    const VectorStep step{.kind = kind, .a = 1};
    FindStep(kind)(step, 0, 0, static_cast<int64_t>(x.size()), x.data(), y.data());
    for (size_t i = 0; i < x.size(); ++i) {
      const double right = Defined(step, x[i], 0);
      ASSERT_LT(Error(y[i], right, 1e-36), 5e-7) << static_cast<int>(kind) << " of " << x[i];
    }
  }
}

TEST(Steps, TanhIsAccurateNearZeroAndFarFromIt) {
  std::vector<float> x = {0.0f, -0.0f, kInf, -kInf, 1e-45f, -1e-40f, 3e38f, -88.8f, std::nanf("")};
  for (float v = 1e-38f; v < 100; v *= 1.001f) x.insert(x.end(), {v, -v});
  std::vector<float> y(x.size());
  const VectorStep step{.kind = Kind::kTanh};
  FindStep(step.kind)(step, 0, 0, static_cast<int64_t>(x.size()), x.data(), y.data());
  for (size_t i = 0; i < x.size(); ++i) {
    const double right = std::tanh(double{x[i]});
    if (std::isnan(right)) {
      EXPECT_TRUE(std::isnan(y[i]));
      continue;
    }
    EXPECT_EQ(std::signbit(y[i]), std::signbit(x[i])) << x[i];
    ASSERT_LE(std::abs(y[i] - right), 4e-7 * std::abs(right)) << x[i];
    EXPECT_TRUE(std::abs(x[i]) < 10 || std::abs(y[i]) == 1.0f) << x[i];
  }
}

// Off by some units in the last place; and what pow() says of zeros, infinities and numbers whose
// power is none.
TEST(Steps, EasyPowersAreThoseOfPow) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  constexpr double kSmallest = std::numeric_limits<float>::denorm_min();
  std::vector<float> x = {0.0f, -0.0f, kInf, -kInf, std::nanf(""), 1.0f, -1.0f, kLargest};
  for (float v = 1e-39f; v < 1e38f; v *= 1.01f) x.insert(x.end(), {v, -v});
  int easy = 0;
  for (float exponent = -5; exponent <= 5; exponent += 0.25f) {
    if (!IsEasyPower(exponent)) continue;
    ++easy;
    std::vector<float> y(x.size());
    const VectorStep step{.kind = Kind::kPower, .a = exponent};
    FindStep(step.kind)(step, 0, 0, static_cast<int64_t>(x.size()), x.data(), y.data());
    for (size_t i = 0; i < x.size(); ++i) {
      const double right = std::pow(double{x[i]}, double{exponent});
      SCOPED_TRACE(testing::Message() << x[i] << "^" << exponent << ": " << y[i]);
      if (std::isnan(right)) {
        EXPECT_TRUE(std::isnan(y[i]));
      } else if (std::abs(right) > kLargest || right == 0) {
        EXPECT_EQ(y[i], static_cast<float>(right));
        EXPECT_EQ(std::signbit(y[i]), std::signbit(right));
      } else {
        ASSERT_LE(std::abs(y[i] - right), 4e-7 * std::abs(right) + 4 * kSmallest);
      }
    }
  }
  EXPECT_EQ(easy, 10);
}

}  // namespace
}  // namespace nomograph
