#include "nomograph/train/trainer.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/layers/layers.h"
#include "nomograph/core/numeric/philox.h"
#include "nomograph/train/callbacks.h"

namespace nomograph {
namespace {

using testing::HasSubstr;

// Points of two interleaved spirals, which no line separates.
struct Spirals {
  Tensor x, y;
};
Spirals MakeSpirals(int64_t count) {
  Tensor x(DType::kFloat32, {count, 2}), y(DType::kInt64, {count});
  const PhiloxStream stream(7, 0, 0);
  for (int64_t i = 0; i < count; ++i) {
    const double t = 0.3 + 2.2 * UniformFloat(stream.At(i));
    const double angle = 1.5 * t + (i % 2) * 3.14159265;
    x.mutable_data<float>()[2 * i] = static_cast<float>(t * std::cos(angle));
    x.mutable_data<float>()[2 * i + 1] = static_cast<float>(t * std::sin(angle));
    y.mutable_data<int64_t>()[i] = i % 2;
  }
  return {x, y};
}

Model Classifier(uint64_t seed = 0) {
  auto model = Sequential({Input({2}), Dense(32, {.activation = "relu"}),
                           Dense(32, {.activation = "relu"}), Dense(2)})
                   .Build("classifier", seed);
  return *std::move(model);
}

TrainingGoals Goals() {
  return {.optimizer = optimizers::Adam({.learning_rate = 0.01}),
          .loss = losses::SparseCategoricalCrossentropy({.from_logits = true}),
          .metrics = {metrics::Accuracy()}};
}

TEST(TrainerTest, LearnsSpirals) {
  const Spirals data = MakeSpirals(512);
  auto trainer = Trainer::Create(Classifier(), Goals());
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  const auto before = (*trainer)->Evaluate({data.x, data.y});
  ASSERT_TRUE(before.ok()) << before.status();
  const auto history =
      (*trainer)->Fit({data.x, data.y},
                      {.epochs = 30, .validation_split = 0.25, .verbose = Verbose::kEpochs});
  ASSERT_TRUE(history.ok()) << history.status();
  EXPECT_EQ(history->epoch.size(), 30u);
  EXPECT_LT(before->at("accuracy"), 0.8);
  EXPECT_GT(history->metrics.at("val_accuracy").back(), 0.97);
  const auto predicted = (*trainer)->Predict(data.x);
  ASSERT_TRUE(predicted.ok()) << predicted.status();
  int64_t right = 0;
  for (int64_t i = 0; i < 512; ++i)
    right += (predicted->at<float>(i, 1) > predicted->at<float>(i, 0)) == (i % 2 == 1);
  EXPECT_GT(right, 500);
}

}  // namespace
}  // namespace nomograph
