// What goals say beside the loss: frozen weights, penalties, bounds, losses within the model,
// sample and class weights, several outputs.
#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/layers/layers.h"
#include "nomograph/train/trainer.h"

namespace nomograph {
namespace {

using testing::HasSubstr;

const Tensor kX = Tensor::Of<float>({4, 2}, {1, 2, -1, 0.5f, 3, -2, 0.25f, 1});
const Tensor kY = Tensor::Of<float>({4, 1}, {1, -1, 2, 0});

// y = x w + b, where w and b are known.
Model Linear() {
  auto model = Sequential({Input({2}), Dense(1, {.name = "line"})}).Build();
  NOMO_CHECK(model->SetWeight("line/kernel", Tensor::Of<float>({2, 1}, {0.5f, -0.25f})).ok());
  NOMO_CHECK(model->SetWeight("line/bias", Tensor::Vector<float>({0.125f})).ok());
  return *std::move(model);
}

// Errors of Linear() for kX and kY.
std::vector<double> Errors() {
  std::vector<double> errors;
  for (int64_t i = 0; i < 4; ++i) {
    errors.push_back(0.5 * kX.at<float>(i, 0) - 0.25 * kX.at<float>(i, 1) + 0.125 -
                     kY.at<float>(i, 0));
  }
  return errors;
}

TrainingGoals Goals() {
  return {.optimizer = optimizers::SGD({.learning_rate = 0.1}), .loss = losses::MeanSquaredError()};
}

struct Step {
  double loss, w0, w1, b;
};
absl::StatusOr<Step> OneStep(const TrainingGoals& goals, const TrainingData& data,
                             const std::map<int64_t, double>& class_weight = {}) {
  NOMO_ASSIGN_OR_RETURN(const auto trainer, Trainer::Create(Linear(), goals));
  NOMO_ASSIGN_OR_RETURN(const Logs logs, trainer->TrainOnBatch(data, class_weight));
  NOMO_ASSIGN_OR_RETURN(const Tensor kernel, trainer->model().GetWeight("line/kernel"));
  NOMO_ASSIGN_OR_RETURN(const Tensor bias, trainer->model().GetWeight("line/bias"));
  return Step{logs.at("loss"), kernel.AsDouble(0), kernel.AsDouble(1), bias.AsDouble(0)};
}

// The step that follows from weights of the samples and penalties by hand.
Step ByHand(const std::vector<double>& weights, double l1 = 0, double l2 = 0) {
  const std::vector<double> errors = Errors();
  double loss = l1 * 0.75 + l2 * (0.25 + 0.0625), g0 = l1 + 2 * l2 * 0.5, g1 = -l1 - 2 * l2 * 0.25;
  double gb = 0;
  for (int64_t i = 0; i < 4; ++i) {
    loss += weights[i] * errors[i] * errors[i] / 4;
    const double d = weights[i] * errors[i] / 2;
    g0 += d * kX.at<float>(i, 0);
    g1 += d * kX.at<float>(i, 1);
    gb += d;
  }
  return {loss, 0.5 - 0.1 * g0, -0.25 - 0.1 * g1, 0.125 - 0.1 * gb};
}

void ExpectStep(const absl::StatusOr<Step>& found, const Step& expected) {
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_NEAR(found->loss, expected.loss, 1e-6);
  EXPECT_NEAR(found->w0, expected.w0, 1e-6);
  EXPECT_NEAR(found->w1, expected.w1, 1e-6);
  EXPECT_NEAR(found->b, expected.b, 1e-6);
}

TEST(GoalsTest, PlainStep) { ExpectStep(OneStep(Goals(), {kX, kY}), ByHand({1, 1, 1, 1})); }

TEST(GoalsTest, SampleWeights) {
  ExpectStep(OneStep(Goals(), {kX, kY, Tensor::Vector<float>({0.5f, 2, 0, 1})}),
             ByHand({0.5, 2, 0, 1}));
}

TEST(GoalsTest, ClassWeights) {  // the classes are the targets
  ExpectStep(OneStep(Goals(), {kX, kY}, {{1, 3}, {-1, 0.5}}), ByHand({3, 0.5, 1, 1}));
}

TEST(GoalsTest, FrozenWeightsStay) {
  TrainingGoals goals = Goals();
  goals.frozen = {"line/kernel"};
  Step expected = ByHand({1, 1, 1, 1});
  expected.w0 = 0.5;
  expected.w1 = -0.25;
  ExpectStep(OneStep(goals, {kX, kY}), expected);
  goals.frozen = {"line"};
  EXPECT_THAT(OneStep(goals, {kX, kY}).status().message(), HasSubstr("no weight of the model"));
  goals.frozen = {"lin"};
  EXPECT_THAT(OneStep(goals, {kX, kY}).status().message(), HasSubstr("no weight \"lin\""));
}

TEST(GoalsTest, PenaltiesOnWeights) {
  TrainingGoals goals = Goals();
  goals.regularizers = {{"line/kernel", {.l1 = 0.03, .l2 = 0.2}}};
  ExpectStep(OneStep(goals, {kX, kY}), ByHand({1, 1, 1, 1}, 0.03, 0.2));
}

TEST(GoalsTest, ConstraintsHoldAfterEachStep) {
  const Step free = ByHand({1, 1, 1, 1});
  const double norm = std::hypot(free.w0, free.w1);
  const auto with = [&](Constraint constraint) {
    TrainingGoals goals = Goals();
    goals.constraints = {{"line/kernel", std::move(constraint)}};
    return OneStep(goals, {kX, kY});
  };
  const auto scaled = [&](double to) {
    return Step{free.loss, free.w0 * to / norm, free.w1 * to / norm, free.b};
  };
  ExpectStep(with(constraints::MaxNorm(norm / 2)), scaled(norm / 2));
  ExpectStep(with(constraints::MaxNorm(2 * norm)), free);
  ExpectStep(with(constraints::UnitNorm()), scaled(1));
  ExpectStep(with(constraints::MinMaxNorm({.min_value = 2 * norm, .max_value = 3 * norm})),
             scaled(2 * norm));
  ExpectStep(
      with(constraints::MinMaxNorm({.min_value = 2 * norm, .max_value = 3 * norm, .rate = 0.5})),
      scaled(1.5 * norm));
  ExpectStep(with(constraints::NonNeg()),
             {free.loss, std::max(free.w0, 0.0), std::max(free.w1, 0.0), free.b});
}

// A penalty of the activations, written into the model.
TEST(GoalsTest, LossesWithinTheModel) {
  const Value x = Input({2}, {.name = "x"});
  Value y = Dense(1, {.name = "line"})(x);
  const Value squares = Call("math.ReduceSum", {y * y}, {{"keepdims", false}});
  y = Call("train.AddLoss", {y, 0.25 * squares});
  auto model = BuildModel({x}, {y});
  ASSERT_TRUE(model.ok()) << model.status();
  ASSERT_TRUE(model->SetWeight("line/kernel", Tensor::Of<float>({2, 1}, {0.5f, -0.25f})).ok());
  ASSERT_TRUE(model->SetWeight("line/bias", Tensor::Vector<float>({0.125f})).ok());
  const auto trainer = Trainer::Create(*model, Goals());
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  const auto before = (*trainer)->TestOnBatch({kX, kY});
  const auto logs = (*trainer)->TrainOnBatch({kX, kY});
  ASSERT_TRUE(logs.ok()) << logs.status();
  double loss = ByHand({1, 1, 1, 1}).loss, gradient = 0;  // of the bias
  for (int64_t i = 0; i < 4; ++i) {
    const double error = Errors()[i], output = error + kY.at<float>(i, 0);
    loss += 0.25 * output * output;
    gradient += error / 2 + 0.5 * output;
  }
  EXPECT_NEAR(logs->at("loss"), loss, 1e-6);
  EXPECT_NEAR(before->at("loss"), loss, 1e-6);
  EXPECT_NEAR((*trainer)->model().GetWeight("line/bias")->AsDouble(0), 0.125 - 0.1 * gradient,
              1e-6);
}

TEST(GoalsTest, SeveralOutputsEachWithItsLoss) {
  const Value x = Input({2}, {.name = "x"});
  const Value shared = Dense(4, {.activation = "tanh", .name = "shared"})(x);
  auto model =
      BuildModel({x}, {Dense(1, {.name = "size"})(shared), Dense(3, {.name = "kind"})(shared),
                       Dense(2, {.name = "unused"})(shared)});
  ASSERT_TRUE(model.ok()) << model.status();
  const TrainingGoals goals = {
      .optimizer = optimizers::Adam({.learning_rate = 0.05}),
      .outputs = {{.output = "kind",
                   .loss = losses::SparseCategoricalCrossentropy({.from_logits = true}),
                   .loss_weight = 0.5,
                   .metrics = {metrics::Accuracy()}},
                  {.output = "size",
                   .loss = losses::MeanAbsoluteError(),
                   .weighted_metrics = {metrics::RootMeanSquaredError()}}}};
  const auto trainer = Trainer::Create(*model, goals);
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  const TrainingData data(NamedTensors{{"x", kX}},
                          {{"kind", Tensor::Vector<int32_t>({0, 1, 2, 1})}, {"size", kY}},
                          {{"size", Tensor::Vector<float>({1, 1, 0, 0})}});
  const auto history = (*trainer)->Fit(data, {.epochs = 60, .verbose = Verbose::kSilent});
  ASSERT_TRUE(history.ok()) << history.status();
  const auto logs = (*trainer)->Evaluate(data);
  ASSERT_TRUE(logs.ok()) << logs.status();
  std::vector<std::string> names;
  for (const auto& [name, value] : *logs) names.push_back(name);
  EXPECT_THAT(names, testing::ElementsAre("kind_accuracy", "kind_loss", "loss", "size_loss",
                                          "size_root_mean_squared_error"));
  EXPECT_NEAR(logs->at("loss"), 0.5 * logs->at("kind_loss") + logs->at("size_loss"), 1e-6);
  EXPECT_EQ(logs->at("kind_accuracy"), 1);
  EXPECT_LT(logs->at("loss"), 0.3 * history->metrics.at("loss")[0]);
  const TrainingData missing(NamedTensors{{"x", kX}}, {{"size", kY}, {"sort", kY}});
  EXPECT_THAT(
      (*trainer)->Evaluate(missing).status().message(),
      testing::AllOf(HasSubstr("target \"kind\" is missing"), HasSubstr("no target \"sort\"")));
}

TEST(GoalsTest, FrozenBatchNormalisationActsAsInInference) {
  auto model =
      Sequential({Input({2}), BatchNormalization({.name = "norm"}), Dense(1, {.name = "line"})})
          .Build();
  ASSERT_TRUE(model.ok()) << model.status();
  for (const bool frozen : {false, true}) {
    TrainingGoals goals = Goals();
    if (frozen) goals.frozen = {"norm"};
    const auto trainer = Trainer::Create(*model, goals);
    ASSERT_TRUE(trainer.ok()) << trainer.status();
    const auto test = (*trainer)->TestOnBatch({kX, kY}), train = (*trainer)->TrainOnBatch({kX, kY});
    ASSERT_TRUE(test.ok() && train.ok()) << test.status() << train.status();
    EXPECT_EQ(std::abs(test->at("loss") - train->at("loss")) < 1e-5, frozen);
    const auto mean = (*trainer)->model().GetWeight("norm/moving_mean");
    ASSERT_TRUE(mean.ok());
    EXPECT_NEAR(mean->AsDouble(0), frozen ? 0 : 0.01 * (3.25 / 4), 1e-6);
  }
}

struct Fault {
  const char* name;
  TrainingGoals goals;
  const char* message;
};

TEST(GoalsTest, FaultsSayWhatIsWrong) {
  const Fault faults[] = {
      {"no loss", {}, "no output has a loss"},
      {"an output that is not there",
       {.outputs = {{.output = "lines", .loss = losses::Hinge()}}},
       "there is no output \"lines\"; the model's outputs are line"},
      {"two losses",
       {.outputs = {{.output = "line", .loss = losses::Hinge()},
                    {.output = "line", .loss = losses::Hinge()}}},
       "has two losses"},
      {"an optimizer that cannot be",
       {.optimizer = optimizers::Adam({.beta_1 = 2}), .loss = losses::Hinge()},
       "beta_1"},
      {"a schedule that cannot be",
       {.optimizer = optimizers::SGD({.learning_rate = schedules::PiecewiseConstantDecay({1}, {})}),
        .loss = losses::Hinge()},
       "expected 2 values"},
  };
  for (const Fault& fault : faults) {
    const auto trainer = Trainer::Create(Linear(), fault.goals);
    EXPECT_THAT(trainer.status().message(), HasSubstr(fault.message)) << fault.name;
  }
  const auto trainer = Trainer::Create(Linear(), Goals());
  ASSERT_TRUE(trainer.ok());
  const std::pair<TrainingData, const char*> data[] = {
      {{kX, Tensor(DType::kFloat32, {3, 1})}, "expected 4 rows, found float32[3,1]"},
      {{kX, Tensor(DType::kFloat32, {4, 2})}, "\"line\": expected float32["},
      {{Tensor(DType::kFloat32, {4, 3}), kY}, "found float32[4,3]"},
      {{kX, kY, Tensor(DType::kFloat32, {4, 2})}, "found float32[4,2]"},
  };
  const TrainingData uneven(kX, Tensor(DType::kFloat32, {2, 1}));
  EXPECT_THAT((*trainer)
                  ->Fit(uneven, {.validation_split = 0.25, .verbose = Verbose::kSilent})
                  .status()
                  .message(),
              HasSubstr("expected at least 3 rows, found float32[2,1]"));
  const TrainingData scalar(Tensor::Scalar<float>(1), Tensor::Scalar<float>(1));
  EXPECT_FALSE(
      (*trainer)->Fit(scalar, {.validation_split = 0.25, .verbose = Verbose::kSilent}).ok());
  for (const auto& [given, message] : data) {
    const auto history = (*trainer)->Fit(given, {.verbose = Verbose::kSilent});
    EXPECT_THAT(history.status().message(), HasSubstr(message));
  }
}

}  // namespace
}  // namespace nomograph
