// Random calls in Lambdas: the shape and type of what they draw, its range and moments, and that
// it follows from the seed of the run.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/run/session.h"
#include "nomograph/serialization/keras/python/function.h"

namespace nomograph::keras {
namespace {

using List = ConfigValue::List;
using Keywords = std::vector<std::pair<std::string, CallArgument>>;

constexpr int64_t kRows = 200, kColumns = 300;

Tensor Draw(const std::string& name, const std::vector<CallArgument>& arguments,
            const Keywords& keywords, uint64_t seed) {
  const Translation translation = CallKnown(name, arguments, keywords);
  EXPECT_TRUE(translation.status.ok()) << translation.status;
  if (!translation.status.ok()) return Tensor::Scalar(0.0f);
  const auto model = BuildModel({}, translation.outputs);
  EXPECT_TRUE(model.ok()) << model.status();
  const auto session = Session::Create(*model);
  EXPECT_TRUE(session.ok()) << session.status();
  const auto outputs = (*session)->Run(std::vector<Tensor>{}, {.seed = seed});
  EXPECT_TRUE(outputs.ok()) << outputs.status();
  return outputs.ok() ? (*outputs)[0] : Tensor::Scalar(0.0f);
}

struct Case {
  const char* name;
  Keywords keywords;
  DType type;
  double mean, deviation;  // of the distribution
  double least, greatest;  // bounds that hold for every number
};

CallArgument Number(double value) { return {ConfigValue(value)}; }
CallArgument Int(int64_t value) { return {ConfigValue(value)}; }

// The deviation of a normal distribution that ends at two standard deviations a side:
// sqrt(1 - 4 phi(2) / (2 Phi(2) - 1)).
constexpr double kTruncated = 0.87962566;

TEST(RandomCalls, DrawWhatTheyAreNamedAfter) {
  const DType f = DType::kFloat32;
  const double third = std::sqrt(1.0 / 12);
  const Case kCases[] = {
      {"keras.backend.random_normal", {}, f, 0, 1, -7, 7},
      {"keras.backend.random_normal",
       {{"mean", Number(3)}, {"stddev", Number(0.5)}},
       f,
       3,
       0.5,
       -1,
       7},
      {"keras.backend.random_normal", {{"std", Number(2)}}, f, 0, 2, -14, 14},
      {"tf.random.normal", {{"mean", Number(-1)}, {"stddev", Number(2)}}, f, -1, 2, -15, 13},
      {"keras.random.normal", {{"stddev", Number(3)}}, f, 0, 3, -21, 21},
      {"tf.random.stateless_normal", {{"seed", {ConfigValue(List{1, 2})}}}, f, 0, 1, -7, 7},
      {"keras.backend.random_normal",
       {{"dtype", {ConfigValue("float64")}}},
       DType::kFloat64,
       0,
       1,
       -7,
       7},
      {"keras.backend.random_uniform", {}, f, 0.5, third, 0, 1},
      {"keras.backend.random_uniform",
       {{"low", Number(-2)}, {"high", Number(2)}},
       f,
       0,
       4 * third,
       -2,
       2},
      {"tf.random.uniform", {{"minval", Number(1)}, {"maxval", Number(3)}}, f, 2, 2 * third, 1, 3},
      {"keras.random.uniform", {}, f, 0.5, third, 0, 1},
      // Integers 2 to 6: sqrt((5^2 - 1) / 12) is their deviation.
      {"tf.random.uniform",
       {{"minval", Int(2)}, {"maxval", Int(7)}, {"dtype", {ConfigValue("int32")}}},
       DType::kInt32,
       4,
       std::sqrt(2.0),
       2,
       6},
      {"keras.random.randint",
       {{"minval", Int(0)}, {"maxval", Int(2)}},
       DType::kInt32,
       0.5,
       0.5,
       0,
       1},
      {"keras.backend.random_bernoulli", {{"p", Number(0.3)}}, f, 0.3, std::sqrt(0.21), 0, 1},
      {"keras.backend.random_binomial", {{"p", Number(0.9)}}, f, 0.9, 0.3, 0, 1},
      {"tf.random.truncated_normal", {}, f, 0, kTruncated, -2, 2},
      {"keras.backend.truncated_normal",
       {{"mean", Number(1)}, {"stddev", Number(2)}},
       f,
       1,
       2 * kTruncated,
       -3,
       5},
  };
  const CallArgument shape = {ConfigValue(List{kRows, kColumns})};
  for (const Case& test : kCases) {
    SCOPED_TRACE(test.name);
    const Tensor drawn = Draw(test.name, {shape}, test.keywords, 1);
    EXPECT_EQ(drawn.dtype(), test.type);
    ASSERT_EQ(drawn.shape(), (Shape{kRows, kColumns}));
    const int64_t count = drawn.num_elements();
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < count; ++i) {
      const double value = drawn.AsDouble(i);
      ASSERT_GE(value, test.least);
      ASSERT_LE(value, test.greatest);
      sum += value;
      squares += (value - test.mean) * (value - test.mean);
    }
    // Five standard errors: one seed in two million would fail by chance, and the seed is fixed.
    const double error = test.deviation / std::sqrt(static_cast<double>(count));
    EXPECT_NEAR(sum / count, test.mean, 5 * error);
    EXPECT_NEAR(std::sqrt(squares / count), test.deviation, 5 * error);
  }
}

TEST(RandomCalls, FollowFromTheSeed) {
  const CallArgument shape = {ConfigValue(List{4, 5})};
  for (const char* name : {"keras.backend.random_normal", "tf.random.uniform",
                           "keras.random.truncated_normal", "keras.backend.random_bernoulli"}) {
    SCOPED_TRACE(name);
    Keywords keywords;
    if (std::string(name) == "keras.backend.random_bernoulli") keywords = {{"p", Number(0.5)}};
    EXPECT_EQ(Draw(name, {shape}, keywords, 1), Draw(name, {shape}, keywords, 1));
    EXPECT_NE(Draw(name, {shape}, keywords, 1), Draw(name, {shape}, keywords, 2));
    // A seed of the call's own holds in every run.
    keywords.emplace_back("seed", Int(7));
    EXPECT_EQ(Draw(name, {shape}, keywords, 1), Draw(name, {shape}, keywords, 2));
  }
}

// Classes of probabilities 0.2 and 0.8.
TEST(RandomCalls, DrawClasses) {
  const CallArgument logits = {ConfigValue(List{List{std::log(0.2), std::log(0.8)}})};
  const Tensor drawn = Draw("tf.random.categorical", {logits, Int(20000)}, {}, 3);
  EXPECT_EQ(drawn.dtype(), DType::kInt64);
  ASSERT_EQ(drawn.shape(), (Shape{1, 20000}));
  double ones = 0;
  for (int64_t i = 0; i < 20000; ++i) ones += drawn.AsDouble(i);
  EXPECT_NEAR(ones / 20000, 0.8, 5 * 0.4 / std::sqrt(20000.0));
}

// What is dropped is 0, the rest is scaled so that the mean stays.
TEST(RandomCalls, DropElements) {
  const std::vector<double> row(1000, 2.0);
  List values;
  for (const double value : row) values.push_back(value);
  for (const char* name : {"keras.backend.dropout", "tf.nn.dropout", "keras.random.dropout"}) {
    const Tensor kept = Draw(name, {CallArgument{ConfigValue(values)}, Number(0.25)}, {}, 5);
    ASSERT_EQ(kept.shape(), Shape{1000});
    double zeros = 0;
    for (int64_t i = 0; i < 1000; ++i) {
      zeros += kept.AsDouble(i) == 0;
      if (kept.AsDouble(i) != 0) {
        EXPECT_FLOAT_EQ(kept.AsDouble(i), 2 / 0.75);
      }
    }
    EXPECT_NEAR(zeros / 1000, 0.25, 5 * std::sqrt(0.25 * 0.75 / 1000)) << name;
  }
}

}  // namespace
}  // namespace nomograph::keras
