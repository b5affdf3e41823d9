// Masks that layers make reach losses and metrics: against sums over the steps that count.
#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/layers/layers.h"
#include "nomograph/core/run/session.h"
#include "nomograph/serialization/model_io.h"
#include "nomograph/train/trainer.h"

namespace nomograph {
namespace {

// Sentences of up to three words; 0 is no word.
const Tensor kX = Tensor::Of<int64_t>({3, 3}, {1, 2, 0, 3, 0, 0, 2, 1, 3});
const Tensor kY = Tensor::Of<float>({3, 3, 1}, {0.5f, -1, 9, 0.25f, 9, 9, 1, 0, -0.5f});
constexpr double kTable[] = {0, 0.3, -0.2, 0.7}, kKernel = 1.5, kBias = 0.1;

Model Words() {
  const Value x = Input({3}, {.dtype = DType::kInt64, .name = "x"});
  const Value words = Embedding(4, 1, {.mask_zero = true, .name = "words"})(x);
  auto model = BuildModel({x}, {Dense(1, {.name = "line"})(words)});
  EXPECT_TRUE(model.ok()) << model.status();
  EXPECT_TRUE(
      model->SetWeight("words/embeddings", Tensor::Of<float>({4, 1}, {0, 0.3f, -0.2f, 0.7f})).ok());
  EXPECT_TRUE(model->SetWeight("line/kernel", Tensor::Of<float>({1, 1}, {1.5f})).ok());
  EXPECT_TRUE(model->SetWeight("line/bias", Tensor::Vector<float>({0.1f})).ok());
  return *std::move(model);
}

// Of the steps that count, each with its sample's weight: the weighted squared errors, their
// gradients by the bias, the absolute errors, and the numbers of steps and of weights.
struct Sums {
  double squares = 0, gradient = 0, absolute = 0, steps = 0, weights = 0;
};

Sums ByHand(const std::vector<double>& weights) {
  Sums sums;
  for (int64_t i = 0; i < 9; ++i) {
    const int64_t word = kX.at<int64_t>(i / 3, i % 3);
    if (word == 0) continue;
    const double error = kTable[word] * kKernel + kBias - kY.data<float>()[i], w = weights[i / 3];
    sums.squares += w * error * error;
    sums.gradient += w * 2 * error;
    sums.absolute += w * std::abs(error);
    sums.steps += 1;
    sums.weights += w;
  }
  return sums;
}

struct Case {
  const char* name;
  Reduction reduction;
  bool weighted;
};

class Masks : public testing::TestWithParam<Case> {};

TEST_P(Masks, LeaveStepsOutOfLossesAndMetrics) {
  const std::vector<double> weights =
      GetParam().weighted ? std::vector<double>{2, 0.5, 1} : std::vector<double>{1, 1, 1};
  const Sums sums = ByHand(weights), plain = ByHand({1, 1, 1});
  // keras/src/losses/loss.py: of a mean a step has the weight total / valid.
  const double divisor = GetParam().reduction == Reduction::kSum                ? 1
                         : GetParam().reduction == Reduction::kSumOverBatchSize ? sums.steps
                                                                                : sums.weights;
  Loss loss = losses::MeanSquaredError();
  loss.reduction = GetParam().reduction;
  // A saved model has its mask.
  const auto bytes = SaveToString(Words());
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  const auto owner = std::make_shared<const std::string>(*bytes);
  auto model = LoadFromBytes(*owner, owner);
  ASSERT_TRUE(model.ok()) << model.status();
  const auto trainer = Trainer::Create(
      *model, {.optimizer = optimizers::SGD({.learning_rate = 0.1}),
               .outputs = {{.loss = loss,
                            .metrics = {metrics::MeanOf(losses::MeanAbsoluteError())},
                            .weighted_metrics = {metrics::RootMeanSquaredError()}}}});
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  const Tensor rows =
      Tensor::Vector<double>({weights[0], weights[1], weights[2]}).Cast(DType::kFloat32);
  const TrainingData data(kX, kY, rows);
  const auto tested = (*trainer)->TestOnBatch(data);
  ASSERT_TRUE(tested.ok()) << tested.status();
  const auto trained = (*trainer)->TrainOnBatch(data);
  ASSERT_TRUE(trained.ok()) << trained.status();
  for (const Logs& logs : {*tested, *trained}) {
    EXPECT_NEAR(logs.at("loss"), sums.squares / divisor, 1e-6);
    EXPECT_NEAR(logs.at("mean_absolute_error"), plain.absolute / plain.steps, 1e-6);
    EXPECT_NEAR(logs.at("root_mean_squared_error"), std::sqrt(sums.squares / sums.weights), 1e-6);
  }
  EXPECT_NEAR((*trainer)->model().GetWeight("line/bias")->AsDouble(0),
              kBias - 0.1 * sums.gradient / divisor, 1e-6);
}

INSTANTIATE_TEST_SUITE_P(Train, Masks,
                         testing::Values(Case{"mean", Reduction::kSumOverBatchSize, false},
                                         Case{"mean_weighted", Reduction::kSumOverBatchSize, true},
                                         Case{"mean_by_weights", Reduction::kMeanWithSampleWeight,
                                              true},
                                         Case{"sum", Reduction::kSum, true}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(MaskTest, ABatchInWhichNothingCountsChangesNothing) {
  const auto trainer = Trainer::Create(
      Words(), {.optimizer = optimizers::SGD(), .loss = losses::MeanSquaredError()});
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  const auto logs = (*trainer)->TrainOnBatch({Tensor(DType::kInt64, {3, 3}), kY});
  ASSERT_TRUE(logs.ok()) << logs.status();
  EXPECT_EQ(logs->at("loss"), 0);
  EXPECT_EQ((*trainer)->model().GetWeight("line/bias")->at<float>(0), 0.1f);
}

// A loss of a whole sentence counts where a word of it does.
TEST(MaskTest, ALossOfSequencesCountsWhereAStepDoes) {
  const Loss total = {.name = "total", .function = [](const Value& t, const Value& p) {
                        return Call("math.ReduceSum", {Call("math.Abs", {p - t})},
                                    {{"axes", std::vector<int64_t>{1, 2}}, {"keepdims", false}});
                      }};
  const auto trainer = Trainer::Create(Words(), {.optimizer = optimizers::SGD(), .loss = total});
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  const Tensor x = Tensor::Of<int64_t>({2, 3}, {0, 0, 0, 1, 0, 0});
  const auto logs = (*trainer)->TestOnBatch({x, Tensor(DType::kFloat32, {2, 3, 1})});
  ASSERT_TRUE(logs.ok()) << logs.status();
  EXPECT_NEAR(logs->at("loss"), (kTable[1] * kKernel + kBias) + 2 * kBias, 1e-6);
}

// Where a layer ends the mask, all counts; so it does in inference.
TEST(MaskTest, AMaskThatEndsIsInNoOutput) {
  const Value x = Input({3}, {.dtype = DType::kInt64, .name = "x"});
  const Value words = Embedding(4, 2, {.mask_zero = true})(x);
  const auto model = BuildModel({x}, {Dense(1)(Flatten()(words))});
  ASSERT_TRUE(model.ok()) << model.status();
  for (const Node& node : model->graph.nodes) EXPECT_NE(node.op, "train.LossMask");
}

}  // namespace
}  // namespace nomograph
