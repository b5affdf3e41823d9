#include "nomograph/train/trainer.h"

#include <atomic>
#include <cmath>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/layers/layers.h"
#include "nomograph/core/numeric/philox.h"
#include "nomograph/train/callbacks.h"

namespace nomograph {
namespace {

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

Model Classifier(int64_t units, const std::string& activation = "linear", uint64_t seed = 0) {
  auto model =
      Sequential({Input({2}), Dense(32, {.activation = "relu"}), Dense(32, {.activation = "relu"}),
                  Dense(units, {.activation = activation})})
          .Build(seed);
  return *std::move(model);
}

struct Head {
  const char* name;
  int64_t units;
  const char* activation;
  Loss loss;
  bool one_hot = false;
};

class Heads : public testing::TestWithParam<Head> {};

// Whatever the last layer and its loss, the model learns what separates the spirals.
TEST_P(Heads, LearnSpirals) {
  const Head& head = GetParam();
  const Spirals data = MakeSpirals(512);
  Tensor y = data.y;
  if (head.one_hot) {
    y = Tensor(DType::kFloat32, {512, 2});
    for (int64_t i = 0; i < 512; ++i) y.mutable_data<float>()[2 * i + data.y.at<int64_t>(i)] = 1;
  }
  auto created = Trainer::Create(Classifier(head.units, head.activation),
                                 {.optimizer = optimizers::Adam({.learning_rate = 0.01}),
                                  .loss = head.loss,
                                  .metrics = {metrics::Accuracy()}});
  ASSERT_TRUE(created.ok()) << created.status();
  Trainer& trainer = **created;
  const auto before = trainer.Evaluate({data.x, y});
  ASSERT_TRUE(before.ok()) << before.status();
  const auto history = trainer.Fit(
      {data.x, y}, {.epochs = 30, .validation_split = 0.25, .verbose = Verbose::kSilent});
  ASSERT_TRUE(history.ok()) << history.status();
  EXPECT_EQ(history->epoch.size(), 30u);
  EXPECT_LT(before->at("accuracy"), 0.9);
  EXPECT_GT(history->metrics.at("val_accuracy").back(), 0.97);
  EXPECT_LT(history->metrics.at("loss").back(), 0.2 * before->at("loss"));
  // The model that it leaves predicts as the trainer evaluates.
  const auto after = trainer.Evaluate({data.x, y}, {.batch_size = 100});
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_GT(after->at("accuracy"), 0.97);
  const auto predicted = trainer.model().Predict(data.x);
  ASSERT_TRUE(predicted.ok()) << predicted.status();
  int64_t right = 0;
  const float threshold = std::string(head.activation) == "linear" ? 0 : 0.5f;
  for (int64_t i = 0; i < 512; ++i) {
    const bool one = head.units == 1 ? predicted->at<float>(i, 0) > threshold
                                     : predicted->at<float>(i, 1) > predicted->at<float>(i, 0);
    right += one == (data.y.at<int64_t>(i) == 1);
  }
  EXPECT_NEAR(static_cast<double>(right) / 512, after->at("accuracy"), head.units == 1 ? 0.02 : 0);
}

INSTANTIATE_TEST_SUITE_P(
    Trainer, Heads,
    testing::Values(
        Head{"sigmoid", 1, "sigmoid", losses::BinaryCrossentropy()},
        Head{"binary_logits", 1, "linear", losses::BinaryCrossentropy({.from_logits = true})},
        Head{"softmax", 2, "softmax", losses::SparseCategoricalCrossentropy()},
        Head{"logits", 2, "linear", losses::SparseCategoricalCrossentropy({.from_logits = true})},
        Head{"one_hot", 2, "softmax", losses::CategoricalCrossentropy(), true},
        Head{"squares", 1, "sigmoid", losses::MeanSquaredError()}),
    [](const auto& info) { return info.param.name; });

TrainingGoals Goals() {
  return {.optimizer = optimizers::Adam({.learning_rate = 0.01}),
          .loss = losses::BinaryCrossentropy(),
          .metrics = {metrics::Accuracy()}};
}

// A pipeline that yields the arrays in their order trains as the arrays do.
TEST(TrainerTest, PipelinesTrainAsArrays) {
  const Spirals data = MakeSpirals(100);
  std::vector<Tensor> weights;
  for (const bool pipeline : {false, true}) {
    const auto trainer = Trainer::Create(Classifier(1, "sigmoid"), Goals(), {.exact = true});
    ASSERT_TRUE(trainer.ok()) << trainer.status();
    const TrainingData source =
        pipeline ? TrainingData(Dataset::FromTensorSlices({data.x, data.y}).Batch(32))
                 : TrainingData(data.x, data.y);
    const auto history =
        (*trainer)->Fit(source, {.epochs = 3, .shuffle = false, .verbose = Verbose::kSilent});
    ASSERT_TRUE(history.ok()) << history.status();
    EXPECT_EQ((*trainer)->step(), 12);
    weights.push_back(*(*trainer)->model().GetWeight("dense_2/kernel"));
  }
  EXPECT_TRUE(weights[0] == weights[1]);
}

TEST(TrainerTest, EpochsOfAPipelineWithoutEnd) {
  const Spirals data = MakeSpirals(100);
  const Dataset endless = Dataset::FromTensorSlices({data.x, data.y}).Shuffle(50).Repeat().Batch(8);
  const auto trainer = Trainer::Create(Classifier(1, "sigmoid"), Goals());
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  const auto refused = (*trainer)->Fit(endless, {.verbose = Verbose::kSilent});
  EXPECT_NE(refused.status().message().find("steps_per_epoch"), std::string::npos);
  EXPECT_FALSE((*trainer)->Evaluate(endless).ok());
  EXPECT_TRUE((*trainer)->Evaluate(endless, {.steps = 2}).ok());
  const auto history =
      (*trainer)->Fit(endless, {.epochs = 4, .steps_per_epoch = 5, .verbose = Verbose::kSilent});
  ASSERT_TRUE(history.ok()) << history.status();
  EXPECT_EQ((*trainer)->step(), 20);
}

// What is cancelled goes on where it was, and ends as what was not.
TEST(TrainerTest, CancelledRunsGoOn) {
  const Spirals data = MakeSpirals(96);
  std::vector<Tensor> weights;
  for (const bool cancelled : {false, true}) {
    const auto trainer = Trainer::Create(Classifier(1, "sigmoid"), Goals(), {.exact = true});
    ASSERT_TRUE(trainer.ok()) << trainer.status();
    std::atomic<bool> cancel{false};
    FitOptions options{
        .epochs = 4, .batch_size = 16, .verbose = Verbose::kSilent, .cancel = &cancel};
    if (cancelled) {
      options.callbacks = {
          callbacks::LambdaCallback({.on_batch_end = [&](Trainer& t, int64_t, const Logs&) {
            cancel = t.step() == 9;
            return absl::OkStatus();
          }})};
      EXPECT_TRUE(absl::IsCancelled((*trainer)->Fit({data.x, data.y}, options).status()));
      EXPECT_EQ((*trainer)->step(), 9);
      cancel = false;
    }
    const auto history = (*trainer)->Fit({data.x, data.y}, options);
    ASSERT_TRUE(history.ok()) << history.status();
    EXPECT_EQ(history->epoch.size(), 4u);
    weights.push_back(*(*trainer)->model().GetWeight("dense_2/kernel"));
  }
  EXPECT_TRUE(weights[0] == weights[1]);
}

// What evaluates alone knows the same losses, of a model without gradients, too, and trains
// nothing.
TEST(TrainerTest, EvaluatesAlone) {
  const Spirals data = MakeSpirals(64);
  const auto trainer = Trainer::Create(Classifier(1, "sigmoid"), Goals(), {.exact = true});
  const auto alone =
      Trainer::Create(Classifier(1, "sigmoid"), Goals(), {.exact = true, .evaluation_only = true});
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  ASSERT_TRUE(alone.ok()) << alone.status();
  const auto logs = (*trainer)->Evaluate({data.x, data.y});
  ASSERT_TRUE(logs.ok()) << logs.status();
  const auto same = (*alone)->Evaluate({data.x, data.y});
  ASSERT_TRUE(same.ok()) << same.status();
  EXPECT_EQ(*same, *logs);
  EXPECT_TRUE(absl::IsFailedPrecondition((*alone)->Fit({data.x, data.y}).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition((*alone)->TrainOnBatch({data.x, data.y}).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition((*alone)->Save(testing::TempDir() + "/alone.nomo")));
  EXPECT_TRUE(absl::IsFailedPrecondition((*alone)->Weights().status()));

  const Input x({2}, {.dtype = DType::kFloat16});
  const auto narrow = BuildModel({x}, {Dense(1)(x)});
  ASSERT_TRUE(narrow.ok()) << narrow.status();
  const TrainingGoals goals = {.loss = losses::MeanSquaredError()};
  EXPECT_THAT(Trainer::Create(*narrow, goals).status().message(),
              testing::HasSubstr("expected float32 or float64, found float16"));
  const auto frozen = Trainer::Create(*narrow, goals, {.evaluation_only = true});
  ASSERT_TRUE(frozen.ok()) << frozen.status();
  const auto loss =
      (*frozen)->Evaluate({data.x.Cast(DType::kFloat16), data.y.Cast(DType::kFloat16)});
  EXPECT_TRUE(loss.ok()) << loss.status();
}

// The graph of a step is a model as any other: it names its variables, and runs by itself.
TEST(TrainerTest, TheStepIsAModel) {
  const auto trainer = Trainer::Create(Classifier(1, "sigmoid"), Goals());
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  const Model& step = (*trainer)->step_model();
  EXPECT_TRUE(VerifyModel(step).ok());
  std::set<std::string> variables;
  for (const Variable& variable : step.variables) variables.insert(variable.name);
  EXPECT_TRUE(variables.contains("dense/kernel"));
  EXPECT_TRUE(variables.contains("optimizer/dense/kernel/m"));
  EXPECT_EQ(variables.size(), 6u * 3);
}

}  // namespace
}  // namespace nomograph
