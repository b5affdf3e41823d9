// A hundred steps of four kinds of networks, the loss of each against PyTorch's:
// testdata/make_curves.py.
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/layers/layers.h"
#include "nomograph/data/npz.h"
#include "nomograph/train/trainer.h"

namespace nomograph {
namespace {

absl::StatusOr<Model> Mlp() {
  return Sequential({Input({6}), Dense(16, {.activation = "tanh"}),
                     Dense(16, {.activation = "relu"}), Dense(3)})
      .Build();
}

absl::StatusOr<Model> Cnn() {
  return Sequential({Input({8, 8, 2}), Conv2D(6, {3, 3}, {.padding = "same"}),
                     BatchNormalization({.momentum = 0.9}), Activation("relu"), MaxPooling2D(),
                     Conv2D(8, {3, 3}, {.activation = "relu"}), GlobalAveragePooling2D(), Dense(3)})
      .Build();
}

absl::StatusOr<Model> Lstm() { return Sequential({Input({7, 4}), LSTM(8), Dense(3)}).Build(); }

absl::StatusOr<Model> Transformer() {
  const Value input = Input({5, 4});
  Value x = Dense(8)(input);
  x = LayerNormalization()(x + MultiHeadAttention(2, 4)({x, x}));
  const Value y = Dense(8)(Dense(16, {.activation = "gelu"})(x));
  x = LayerNormalization()(x + y);
  return BuildModel({input}, {Dense(3)(GlobalAveragePooling1D()(x))});
}

struct Case {
  const char* name;
  absl::StatusOr<Model> (*build)();
  Optimizer optimizer;
};

class Curves : public testing::TestWithParam<Case> {};

const NamedTensors& Golden() {
  static const auto* const golden = new auto(ReadNpz("train/testdata/curves.npz"));
  NOMO_CHECK(golden->ok());
  return **golden;
}

// The model with PyTorch's weights, "initial" or "trained".
absl::StatusOr<Model> WithWeights(const Case& c, const std::string& state) {
  NOMO_ASSIGN_OR_RETURN(Model model, c.build());
  const std::string prefix = absl::StrCat(c.name, "/", state, "/");
  size_t set = 0;
  for (const auto& [key, tensor] : Golden()) {
    if (key.compare(0, prefix.size(), prefix) != 0) continue;
    NOMO_RETURN_IF_ERROR(model.SetWeight(key.substr(prefix.size()), tensor));
    ++set;
  }
  if (set != model.graph.weights.size()) return InvalidArgument(set, " weights are set");
  return model;
}

absl::StatusOr<std::unique_ptr<Trainer>> MakeTrainer(const Case& c, Precision precision) {
  NOMO_ASSIGN_OR_RETURN(const Model model, WithWeights(c, "initial"));
  return Trainer::Create(model,
                         {.optimizer = c.optimizer,
                          .loss = losses::SparseCategoricalCrossentropy({.from_logits = true}),
                          .metrics = {metrics::Accuracy()}},
                         {.precision = precision});
}

// The loss of each step.
absl::StatusOr<std::vector<double>> TrainSteps(const Case& c, Trainer& trainer) {
  const std::string name = absl::StrCat(c.name, "/");
  const Tensor x = Golden().at(name + "x"), y = Golden().at(name + "y");
  const auto sample = x.shape().dims().subspan(1);
  const int64_t steps = Golden().at(name + "losses").num_elements();
  std::vector<double> losses;
  for (int64_t step = 0; step < steps; ++step) {
    const int64_t b = step % x.shape()[0];
    const Tensor batch =
        x.Rows(b, b + 1).Reshaped(Shape(std::vector<int64_t>(sample.begin(), sample.end())));
    NOMO_ASSIGN_OR_RETURN(const Logs logs,
                          trainer.TrainOnBatch({batch, y.Rows(b, b + 1).Reshaped({y.shape()[1]})}));
    losses.push_back(logs.at("loss"));
  }
  return losses;
}

TEST_P(Curves, AsPyTorch) {
  const auto trainer = MakeTrainer(GetParam(), Precision::kFloat32);
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  const auto losses = TrainSteps(GetParam(), **trainer);
  ASSERT_TRUE(losses.ok()) << losses.status();
  const Tensor expected = Golden().at(absl::StrCat(GetParam().name, "/losses"));
  for (size_t step = 0; step < losses->size(); ++step) {
    ASSERT_NEAR((*losses)[step], expected.AsDouble(static_cast<int64_t>(step)), 1e-4)
        << "step " << step;
  }
  const std::string final = absl::StrCat(GetParam().name, "/final/");
  for (const auto& [key, expected] : Golden()) {
    if (key.compare(0, final.size(), final) != 0) continue;
    const auto found = (*trainer)->model().GetWeight(key.substr(final.size()));
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_TRUE(AllClose(*found, expected, 1e-3, 1e-3).ok())
        << key << AllClose(*found, expected, 1e-3, 1e-3);
  }
}

// The losses go as far from those in float32 as they do in PyTorch under autocast, but not further.
// What is rounded is not the same: autocast rounds the results of products as well.
TEST_P(Curves, InBFloat16AsPyTorchUnderAutocast) {
  const auto trainer = MakeTrainer(GetParam(), Precision::kBFloat16);
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  const auto losses = TrainSteps(GetParam(), **trainer);
  ASSERT_TRUE(losses.ok()) << losses.status();
  const Tensor wide = Golden().at(absl::StrCat(GetParam().name, "/losses"));
  const Tensor autocast = Golden().at(absl::StrCat(GetParam().name, "/bfloat16_losses"));
  double apart = 0, apart_there = 0;
  for (size_t step = 0; step < losses->size(); ++step) {
    const auto i = static_cast<int64_t>(step);
    apart = std::max(apart, std::fabs((*losses)[step] - wide.AsDouble(i)));
    apart_there = std::max(apart_there, std::fabs(autocast.AsDouble(i) - wide.AsDouble(i)));
  }
  EXPECT_LE(apart, 1.5 * apart_there);
  EXPECT_GT(apart, 1e-5) << "nothing was rounded";
  EXPECT_LT(losses->back(), 0.9 * losses->front());
  // The weights are float32, and more than their upper halves.
  bool has_digits = false;
  for (const Weight& weight : (*trainer)->model().graph.weights) {
    ASSERT_EQ(weight.tensor.dtype(), DType::kFloat32);
    const Tensor rounded = weight.tensor.Cast(DType::kBFloat16).Cast(DType::kFloat32);
    has_digits |= !AllClose(rounded, weight.tensor, 0, 0).ok();
  }
  EXPECT_TRUE(has_digits);
  // So is what the optimizer keeps.
  const auto kept = (*trainer)->Weights();
  ASSERT_TRUE(kept.ok()) << kept.status();
  for (const auto& [name, tensor] : *kept) EXPECT_NE(tensor.dtype(), DType::kBFloat16) << name;
}

Tensor FirstBatch(const Tensor& x) {
  const auto sample = x.shape().dims().subspan(1);
  return x.Rows(0, 1).Reshaped(Shape(std::vector<int64_t>(sample.begin(), sample.end())));
}

double Distance(const Tensor& a, const Tensor& b) {
  double sum = 0;
  for (int64_t i = 0; i < a.num_elements(); ++i) {
    sum += (a.AsDouble(i) - b.AsDouble(i)) * (a.AsDouble(i) - b.AsDouble(i));
  }
  return std::sqrt(sum);
}

// What a trained model answers in bfloat16 is what PyTorch computes where products alone are given
// rounded factors. Where the two round a sum to neighbours before it is a factor again, that moves
// an answer by a small part of what all the rounding does. Autocast, which rounds more, is as far
// from float32 as this, or further.
TEST_P(Curves, AnswersInBFloat16AsWithRoundedFactors) {
  const std::string answer = absl::StrCat(GetParam().name, "/answer/");
  const auto model = WithWeights(GetParam(), "trained");
  ASSERT_TRUE(model.ok()) << model.status();
  const auto session = Session::Create(*model, {.precision = Precision::kBFloat16});
  ASSERT_TRUE(session.ok()) << session.status();
  const auto found = (*session)->Run(FirstBatch(Golden().at(absl::StrCat(GetParam().name, "/x"))));
  ASSERT_TRUE(found.ok()) << found.status();
  const Tensor &wide = Golden().at(answer + "float32"), &rounded = Golden().at(answer + "rounded"),
               &autocast = Golden().at(answer + "autocast");
  ASSERT_EQ(found->type(), wide.type());
  EXPECT_LT(Distance(*found, rounded), 0.05 * Distance(wide, rounded));
  EXPECT_LT(Distance(*found, wide), Distance(autocast, wide));
}

const Optimizer kAdam = optimizers::Adam({.learning_rate = 0.003, .epsilon = 1e-12});

INSTANTIATE_TEST_SUITE_P(
    Train, Curves,
    testing::Values(
        Case{"mlp_sgd", Mlp, optimizers::SGD({.learning_rate = 0.05, .momentum = 0.9})},
        Case{"mlp_adam", Mlp, kAdam},
        Case{"cnn", Cnn,
             optimizers::SGD({.learning_rate = 0.02, .momentum = 0.9, .nesterov = true})},
        Case{"lstm", Lstm, kAdam}, Case{"transformer", Transformer, kAdam}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace nomograph
