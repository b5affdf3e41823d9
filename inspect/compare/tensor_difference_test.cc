// Differences of tensors against numbers worked out by hand.
#include "nomograph/inspect/compare/tensor_difference.h"

#include <cmath>
#include <limits>

#include "gtest/gtest.h"

namespace nomograph {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
const float kNan = std::nanf("");

TEST(TensorDifferenceTest, MeasuresByHandWorkedNumbers) {
  const TensorDifference d =
      MeasureDifference(Tensor::Vector<float>({3, 0, 4}), Tensor::Vector<float>({3, 4, 0}), {});
  EXPECT_EQ(d.elements, 3);
  EXPECT_EQ(d.differing, 2);
  EXPECT_EQ(d.beyond, 2);
  EXPECT_EQ(d.max_abs, 4);
  EXPECT_EQ(d.worst, 1);
  EXPECT_EQ(d.worst_found, 0);
  EXPECT_EQ(d.worst_expected, 4);
  EXPECT_DOUBLE_EQ(d.norm_difference, std::sqrt(32.0));
  EXPECT_DOUBLE_EQ(d.norm_found, 5);
  EXPECT_DOUBLE_EQ(d.norm_expected, 5);
  EXPECT_DOUBLE_EQ(d.cosine, 9.0 / 25);
  EXPECT_DOUBLE_EQ(d.relative(), std::sqrt(32.0) / 5);
}

TEST(TensorDifferenceTest, CountsWhatIsOutOfTolerance) {
  const Tensor expected = Tensor::Vector<float>({100, 1, 0}),
               found = Tensor::Vector<float>({101, 1.5f, 0.25f});
  EXPECT_EQ(MeasureDifference(found, expected, {.rtol = 0.01, .atol = 0}).beyond, 2);
  EXPECT_EQ(MeasureDifference(found, expected, {.rtol = 0, .atol = 0.5}).beyond, 1);
  EXPECT_TRUE(MeasureDifference(found, expected, {.rtol = 0, .atol = 1}).within());
}

TEST(TensorDifferenceTest, WhatIsNotFiniteDiffersInfinitelyFromAllElse) {
  const float inf = std::numeric_limits<float>::infinity();
  const Tensor same = Tensor::Vector<float>({kNan, inf, -inf});
  EXPECT_EQ(MeasureDifference(same, same, {}).differing, 0);
  EXPECT_EQ(MeasureDifference(same, same, {}).relative(), 0);
  for (const auto& [found, expected] :
       {std::pair{kNan, 1.f}, {1.f, kNan}, {inf, 1.f}, {1.f, inf}, {inf, -inf}, {kNan, inf}}) {
    const TensorDifference d = MeasureDifference(
        Tensor::Vector({found}), Tensor::Vector({expected}), {.rtol = 1, .atol = 1});
    EXPECT_EQ(d.beyond, 1) << found << " " << expected;
    EXPECT_EQ(d.max_abs, kInfinity);
    EXPECT_EQ(d.relative(), kInfinity);
  }
}

TEST(TensorDifferenceTest, TellsLargeIntegersApart) {
  const int64_t large = (int64_t{1} << 60) + 1, least = std::numeric_limits<int64_t>::min();
  const TensorDifference d =
      MeasureDifference(Tensor::Vector<int64_t>({large, least}),
                        Tensor::Vector<int64_t>({large - 1, -(least + 1)}), {.rtol = 0, .atol = 0});
  EXPECT_EQ(d.differing, 2);
  EXPECT_EQ(d.max_abs, 18446744073709551615.0);
}

TEST(TensorDifferenceTest, NormsDoNotOverflow) {
  const TensorDifference d =
      MeasureDifference(Tensor::Vector<double>({1e300, 0}), Tensor::Vector<double>({0, 1e300}), {});
  EXPECT_DOUBLE_EQ(d.norm_difference, std::sqrt(2.0) * 1e300);
  EXPECT_NEAR(d.cosine, 0, 1e-12);
  EXPECT_EQ(MeasureDifference(Tensor::Vector<float>({0}), Tensor::Vector<float>({0}), {}).cosine,
            1);
}

}  // namespace
}  // namespace nomograph
