// Initializers: the distributions that Keras documents, fans, keys and seeds, and refusals.
#include "nomograph/core/layers/initializers.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nomograph {
namespace {

using ::testing::HasSubstr;

struct Moments {
  double mean, stddev, low, high;
};

Moments MomentsOf(const Tensor& tensor) {
  Moments moments = {0, 0, HUGE_VAL, -HUGE_VAL};
  for (int64_t i = 0; i < tensor.num_elements(); ++i) {
    const double value = tensor.AsDouble(i);
    moments.mean += value / double(tensor.num_elements());
    moments.stddev += value * value / double(tensor.num_elements());
    moments.low = std::min(moments.low, value);
    moments.high = std::max(moments.high, value);
  }
  moments.stddev = std::sqrt(moments.stddev - moments.mean * moments.mean);
  return moments;
}

// Keras' formulas for a kernel [3, 3, 16, 32]: 144 inputs, 288 outputs, 216 on average.
TEST(Initializers, HaveKerasDistributions) {
  constexpr double kIn = 144, kAverage = 216;
  const double uniform = std::sqrt(3 / kAverage), cut = 0.87962566103423978;
  struct Case {
    Initializer initializer;
    double mean, stddev, low, high;
  };
  const std::vector<Case> cases = {
      {GlorotUniform(), 0, uniform / std::sqrt(3), -uniform, uniform},
      {GlorotNormal(), 0, std::sqrt(1 / kAverage), -2 * std::sqrt(1 / kAverage) / cut,
       2 * std::sqrt(1 / kAverage) / cut},
      {HeUniform(), 0, std::sqrt(2 / kIn), -std::sqrt(6 / kIn), std::sqrt(6 / kIn)},
      {HeNormal(), 0, std::sqrt(2 / kIn), -2 * std::sqrt(2 / kIn) / cut,
       2 * std::sqrt(2 / kIn) / cut},
      {LecunUniform(), 0, std::sqrt(1 / kIn), -std::sqrt(3 / kIn), std::sqrt(3 / kIn)},
      {LecunNormal(), 0, std::sqrt(1 / kIn), -2 * std::sqrt(1 / kIn) / cut,
       2 * std::sqrt(1 / kIn) / cut},
      {RandomUniform(), 0, 0.05 / std::sqrt(3), -0.05, 0.05},
      {RandomUniform(1, 3), 2, 1 / std::sqrt(3), 1, 3},
      {RandomNormal(1, 2), 1, 2, -HUGE_VAL, HUGE_VAL},
      {TruncatedNormal(1, 2), 1, 2 * cut, -3, 5},
      {Constant(0.5), 0.5, 0, 0.5, 0.5},
      {Zeros(), 0, 0, 0, 0},
      {Ones(), 1, 0, 1, 1}};
  for (size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(i);
    const Case& c = cases[i];
    const auto tensor = c.initializer({3, 3, 16, 32}, DType::kFloat32, 7);
    ASSERT_TRUE(tensor.ok()) << tensor.status();
    const Moments moments = MomentsOf(*tensor);
    EXPECT_NEAR(moments.mean, c.mean, 0.06 * c.stddev + 1e-9);  // 4 standard errors of 4608 numbers
    EXPECT_NEAR(moments.stddev, c.stddev, 0.05 * c.stddev + 1e-6);
    EXPECT_GE(moments.low, c.low - 1e-6);
    EXPECT_LE(moments.high, c.high + 1e-6);
  }
}

TEST(Initializers, FansOfOtherRanks) {
  // A vector: n inputs and n outputs. A matrix: [inputs, outputs].
  EXPECT_NEAR(MomentsOf(*HeUniform()({2000}, DType::kFloat32, 1)).high, std::sqrt(6.0 / 2000),
              1e-3);
  EXPECT_NEAR(MomentsOf(*HeUniform()({20, 100}, DType::kFloat32, 1)).high, std::sqrt(6.0 / 20),
              1e-2);
  EXPECT_TRUE(HeUniform()({}, DType::kFloat32, 1).ok());
  EXPECT_TRUE(HeUniform()({0, 3}, DType::kFloat32, 1).ok());
}

TEST(Initializers, KeysAndSeeds) {
  const Shape shape = {4, 4};
  const auto make = [&](const Initializer& initializer, uint64_t key) {
    return *initializer(shape, DType::kFloat32, key);
  };
  EXPECT_EQ(make(GlorotUniform(), 1), make(GlorotUniform(), 1));
  EXPECT_FALSE(make(GlorotUniform(), 1) == make(GlorotUniform(), 2));
  EXPECT_EQ(make(HeNormal({.seed = 3}), 1), make(HeNormal({.seed = 3}), 2));
  EXPECT_FALSE(make(HeNormal({.seed = 3}), 1) == make(HeNormal({.seed = 4}), 1));
}

TEST(Initializers, HaveKerasNames) {
  const Shape shape = {4, 4};
  EXPECT_EQ(*Initializer("he_normal")(shape, DType::kFloat32, 5),
            *HeNormal()(shape, DType::kFloat32, 5));
  EXPECT_EQ(*Initializer("GlorotUniform")(shape, DType::kFloat32, 5),
            *GlorotUniform()(shape, DType::kFloat32, 5));
  EXPECT_EQ(*Initializer("zeros")(shape, DType::kInt8, 5), Tensor(DType::kInt8, shape));
  EXPECT_THAT(Initializer("glorot_unifrom")(shape, DType::kFloat32, 5).status().message(),
              HasSubstr("there is no initializer \"glorot_unifrom\" (did you mean glorot_uniform"));
}

TEST(Initializers, RefuseWhatCannotBe) {
  EXPECT_THAT(GlorotUniform()({2}, DType::kInt32, 0).status().message(),
              HasSubstr("the weight is int32"));
  EXPECT_EQ(Zeros()({-1}, DType::kFloat32, 0).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(Zeros()({int64_t{1} << 60}, DType::kFloat32, 0).ok());
}

}  // namespace
}  // namespace nomograph
