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

// Of a kernel [3, 3, 64, 128]: 576 inputs, 1152 outputs, 864 on average.
TEST(Initializers, VarianceScalingHasTheVarianceOfItsFan) {
  const Shape shape = {3, 3, 64, 128};
  constexpr double kScale = 2.5;
  const double count = double(shape.num_elements());
  struct Fan {
    const char* mode;
    double size;
  };
  // The kurtosis, from which the deviation of an estimate of the variance follows, and the greatest
  // value in standard deviations. Of a normal distribution cut at a = 2: its variance is
  // v = 1 - 2 a f(a) / P, and its kurtosis (3 - 2 (a^3 + 3 a) f(a) / P) / v^2, where f is the
  // density and P the probability between -a and a.
  struct Distribution {
    const char* name;
    double kurtosis, most;
  };
  const double density = std::exp(-2.0) / std::sqrt(2 * std::acos(-1.0)),
               between = std::erf(std::sqrt(2.0)), cut = 1 - 4 * density / between;
  const Distribution distributions[] = {
      {"uniform", 1.8, std::sqrt(3)},
      {"untruncated_normal", 3, HUGE_VAL},
      {"truncated_normal", (3 - 28 * density / between) / (cut * cut), 2 / std::sqrt(cut)}};
  for (const Fan& fan : {Fan{"fan_in", 576}, Fan{"fan_out", 1152}, Fan{"fan_avg", 864}}) {
    for (const Distribution& d : distributions) {
      for (const uint64_t key : {1, 2}) {
        SCOPED_TRACE(testing::Message() << fan.mode << ", " << d.name << ", key " << key);
        const auto tensor =
            VarianceScaling({.scale = kScale, .mode = fan.mode, .distribution = d.name})(
                shape, DType::kFloat32, key);
        ASSERT_TRUE(tensor.ok()) << tensor.status();
        const Moments moments = MomentsOf(*tensor);
        const double variance = kScale / fan.size, stddev = std::sqrt(variance);
        // Five standard errors.
        EXPECT_NEAR(moments.mean, 0, 5 * stddev / std::sqrt(count));
        EXPECT_NEAR(moments.stddev * moments.stddev, variance,
                    5 * variance * std::sqrt((d.kurtosis - 1) / count));
        // The ends are reached where there are any, and passed where there are none.
        const double most = std::max(-moments.low, moments.high) / stddev;
        if (d.most < HUGE_VAL) {
          EXPECT_LE(most, d.most * (1 + 1e-6));
          EXPECT_GE(most, d.most * 0.99);
        } else {
          EXPECT_GE(most, 3);
        }
      }
    }
  }
}

TEST(Initializers, VarianceScalingRefusesWhatItDoesNotKnow) {
  struct Case {
    VarianceScalingOptions options;
    const char* message;
  };
  const Case cases[] = {
      {{.scale = 0}, "scale: expected more than 0, found 0"},
      {{.scale = NAN}, "scale: expected more than 0"},
      {{.mode = "fan"}, "mode: expected fan_in, fan_out or fan_avg, found \"fan\""},
      {{.distribution = "normal"}, "found \"normal\""},
  };
  for (const Case& c : cases) {
    const auto tensor = VarianceScaling(c.options)({4, 4}, DType::kFloat32, 1);
    EXPECT_EQ(tensor.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(tensor.status().message(), HasSubstr(c.message));
  }
}

// Its rows or its columns, whichever are fewer, have length `gain` and are at right angles.
TEST(Initializers, OrthogonalIsOrthogonal) {
  struct Case {
    Shape shape;
    double gain = 1;
    DType dtype = DType::kFloat32;
    double tolerance = 1e-6;
  };
  const Case cases[] = {{{1, 1}},
                        {{5, 5}},
                        {{7, 3}},
                        {{3, 7}},
                        {{1, 9}},
                        {{9, 1}},
                        {{100, 64}},
                        {{128, 128}},
                        {{2, 3, 4, 5}},
                        {{3, 3, 2, 50}},
                        {{6, 4}, 2.5, DType::kFloat64, 1e-12},
                        {{64, 64}, 1, DType::kFloat64, 1e-12},
                        {{16, 8}, 1, DType::kFloat16, 4e-3}};
  for (const Case& c : cases) {
    SCOPED_TRACE(c.shape.ToString());
    const auto tensor = Orthogonal(c.gain)(c.shape, c.dtype, 3);
    ASSERT_TRUE(tensor.ok()) << tensor.status();
    ASSERT_EQ(tensor->shape(), c.shape);
    const int64_t width = c.shape[c.shape.rank() - 1], height = tensor->num_elements() / width;
    const bool by_rows = height < width;
    const auto element = [&](int64_t vector, int64_t i) {
      return tensor->AsDouble(by_rows ? vector * width + i : i * width + vector);
    };
    for (int64_t a = 0; a < std::min(width, height); ++a) {
      for (int64_t b = 0; b <= a; ++b) {
        double product = 0;
        for (int64_t i = 0; i < std::max(width, height); ++i)
          product += element(a, i) * element(b, i);
        ASSERT_NEAR(product, a == b ? c.gain * c.gain : 0, c.tolerance) << a << ", " << b;
      }
    }
  }
}

TEST(Initializers, OrthogonalDiffersByKeyAndNeedsTwoAxes) {
  const auto make = [](uint64_t key) { return *Orthogonal()({4, 4}, DType::kFloat32, key); };
  EXPECT_EQ(make(1), make(1));
  EXPECT_FALSE(make(1) == make(2));
  // It has no preferred direction: each element of a 4 x 4 matrix has a variance of 1/4.
  double sum = 0, squares = 0;
  constexpr int kMatrices = 2000;
  for (int key = 0; key < kMatrices; ++key) {
    const double corner = make(static_cast<uint64_t>(key)).AsDouble(0);
    sum += corner / kMatrices;
    squares += corner * corner / kMatrices;
  }
  // Five standard errors; the square, of Beta(1/2, 3/2), has a variance of 1/16.
  EXPECT_NEAR(sum, 0, 5 * std::sqrt(0.25 / kMatrices));
  EXPECT_NEAR(squares, 0.25, 5 * std::sqrt(1.0 / 16 / kMatrices));
  EXPECT_THAT(Orthogonal()({4}, DType::kFloat32, 1).status().message(),
              HasSubstr("needs a weight of two axes, found shape [4]"));
  EXPECT_TRUE(Orthogonal()({0, 4}, DType::kFloat32, 1).ok());
  EXPECT_TRUE(Orthogonal()({4, 0}, DType::kFloat32, 1).ok());
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
