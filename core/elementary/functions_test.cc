// Functions against those of the C library in double.
#include "nomograph/core/elementary/functions.h"

#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/numeric/philox.h"

namespace nomograph {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kA = 1.25f, kB = 0.75f;

struct Case {
  Elementary function;
  double (*defined)(double);
  float low, high;  // between which arguments are tried
};

double Expm1Below(double x, double above, double below, double inner) {
  return x >= 0 ? x * above : below * std::expm1(x * inner);
}

const Case kCases[] = {
    {Elementary::kAcos, [](double x) { return std::acos(x); }, -1, 1},
    {Elementary::kAcosh, [](double x) { return std::acosh(x); }, 1, 1e6f},
    {Elementary::kAsin, [](double x) { return std::asin(x); }, -1, 1},
    {Elementary::kAsinh, [](double x) { return std::asinh(x); }, -1e4f, 1e4f},
    {Elementary::kAtan, [](double x) { return std::atan(x); }, -50, 50},
    {Elementary::kAtanh, [](double x) { return std::atanh(x); }, -0.999f, 0.999f},
    {Elementary::kCeil, [](double x) { return std::ceil(x); }, -50, 50},
    {Elementary::kCelu, [](double x) { return Expm1Below(x, 1, kA, kB); }, -100, 5},
    {Elementary::kCos, [](double x) { return std::cos(x); }, -1000, 1000},
    {Elementary::kCosh, [](double x) { return std::cosh(x); }, -85, 85},
    {Elementary::kElu, [](double x) { return Expm1Below(x, kB, kA, 1); }, -100, 5},
    {Elementary::kErf, [](double x) { return std::erf(x); }, -5, 5},
    {Elementary::kExp, [](double x) { return std::exp(x); }, -85, 85},
    {Elementary::kExpm1, [](double x) { return std::expm1(x); }, -5, 85},
    {Elementary::kFloor, [](double x) { return std::floor(x); }, -50, 50},
    {Elementary::kLog, [](double x) { return std::log(x); }, 1e-6f, 20},
    {Elementary::kLog10, [](double x) { return std::log10(x); }, 1e-6f, 2000},
    {Elementary::kLog1p, [](double x) { return std::log1p(x); }, -0.999f, 20},
    {Elementary::kLog2, [](double x) { return std::log2(x); }, 1e-6f, 2000},
    {Elementary::kLogSigmoid, [](double x) { return -std::log1p(std::exp(-x)); }, -80, 80},
    {Elementary::kMish, [](double x) { return x * std::tanh(std::log1p(std::exp(x))); }, -30, 30},
    {Elementary::kRound, [](double x) { return std::nearbyint(x); }, -50, 50},
    {Elementary::kSin, [](double x) { return std::sin(x); }, -1000, 1000},
    {Elementary::kSinh, [](double x) { return std::sinh(x); }, -85, 85},
    {Elementary::kSoftplus, [](double x) { return std::log1p(std::exp(x)); }, -80, 80},
    {Elementary::kTan, [](double x) { return std::tan(x); }, -1000, 1000},
    {Elementary::kTrunc, [](double x) { return std::trunc(x); }, -50, 50},
};
static_assert(std::size(kCases) == static_cast<size_t>(Elementary::kLast) + 1);

// Relative to `right`; of a subnormal number nothing may be left.
double Error(double value, double right) {
  constexpr double kLeast = std::numeric_limits<float>::min();
  if (std::abs(right) < kLeast) return std::abs(value) < kLeast ? 0 : kInf;
  if (std::isnan(right) || std::isinf(right)) {
    return (std::isnan(value) && std::isnan(right)) || value == right ? 0 : kInf;
  }
  return std::abs(value - right) / std::abs(right);
}

// All counts up to some vectors, in place and beside.
TEST(Functions, AgreeWithTheCLibrary) {
  if (FindElementary(Elementary::kSin) == nullptr) GTEST_SKIP() << "no vectors";
  constexpr int64_t kCounts = 100, kAround = 20;
  for (const Case& c : kCases) {
    for (int64_t count = 1; count < kCounts; ++count) {
      SCOPED_TRACE(testing::Message() << static_cast<int>(c.function) << ", " << count);
      std::vector<float> x(count), y(count + 2 * kAround, 7.0f);
      for (int64_t i = 0; i < count; ++i) {
        const double part = static_cast<double>(MixKeys(count, i) >> 11) / (int64_t{1} << 53);
        x[i] = static_cast<float>(c.low + part * (c.high - c.low));
        if (i % 7 == 3 && c.low < 0) x[i] *= 1e-6f;  // near 0
      }
      const bool in_place = count % 2 == 0;
      if (in_place) std::copy(x.begin(), x.end(), y.begin() + kAround);
      FindElementary(c.function)(kA, kB, in_place ? y.data() + kAround : x.data(),
                                 y.data() + kAround, count);
      for (int64_t i = 0; i < kAround; ++i) {
        ASSERT_EQ(y[i], 7.0f);
        ASSERT_EQ(y[kAround + count + i], 7.0f);
      }
      for (int64_t i = 0; i < count; ++i) {
        ASSERT_LT(Error(y[kAround + i], c.defined(x[i])), 6e-7) << x[i];
      }
    }
  }
}

// Zeros with their signs, what a function does not take, and what is too great or too small.
TEST(Functions, TakeAllArguments) {
  if (FindElementary(Elementary::kSin) == nullptr) GTEST_SKIP() << "no vectors";
  const float given[] = {0.0f,   -0.0f,    1.0f,          -1.0f,   2.0f,   -2.0f,
                         kInf,   -kInf,    std::nanf(""), 90.0f,   -90.0f, 1e30f,
                         -1e30f, 40000.0f, 1e-40f,        -1e-40f, 0.5f,   1.5f};
  for (const Case& c : kCases) {
    for (const float x : given) {
      SCOPED_TRACE(testing::Message() << static_cast<int>(c.function) << " of " << x);
      const std::vector<float> row(19, x);
      std::vector<float> y(19);
      FindElementary(c.function)(kA, kB, row.data(), y.data(), 19);
      // What is past the numbers of float32 is infinity there.
      double right = static_cast<float>(c.defined(x));
      if (c.function == Elementary::kSoftplus && x > 50) right = x;
      if (c.function == Elementary::kLogSigmoid && x < -50) right = x;
      const bool almost_zero = c.function == Elementary::kMish && x < -50 && x > -kInf;
      if (c.function == Elementary::kMish && x > 50) right = x;
      for (const float value : y) {
        if (almost_zero) {
          ASSERT_LT(std::abs(value), 1e-30);
          continue;
        }
        ASSERT_LT(Error(value, right), 6e-7) << value << ", " << right;
        if (right == 0) {
          ASSERT_EQ(std::signbit(value), std::signbit(right));
        }
      }
    }
  }
}

TEST(PowOfRow, AgreesWithPow) {
  const float special[] = {0.0f, -0.0f, 1.0f,  -1.0f,  2.0f,  -2.0f, 0.5f,         3.0f,
                           kInf, -kInf, 1e30f, 1e-30f, -0.5f, 7.25f, std::nanf("")};
  std::vector<float> base, exponents;
  for (const float b : special) {
    for (const float e : special) {
      base.push_back(b);
      exponents.push_back(e);
    }
  }
  for (int64_t i = 0; i < 5000; ++i) {
    base.push_back(static_cast<float>(MixKeys(1, i) >> 40) / (1 << 18));
    exponents.push_back(static_cast<float>(MixKeys(2, i) >> 40) / (1 << 20) - 8.0f);
  }
  for (const int64_t count : {int64_t{1}, int64_t{3}, static_cast<int64_t>(base.size())}) {
    std::vector<float> y(count);
    PowOfRow(base.data(), exponents.data(), y.data(), count);
    for (int64_t i = 0; i < count; ++i) {
      const double right = static_cast<float>(
          std::pow(static_cast<double>(base[i]), static_cast<double>(exponents[i])));
      ASSERT_LT(Error(y[i], right), 2e-7) << base[i] << " to the power " << exponents[i];
    }
  }
}

}  // namespace
}  // namespace nomograph
