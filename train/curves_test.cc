// A hundred steps of four kinds of networks, the loss of each against PyTorch's:
// testdata/make_curves.py.
#include <cmath>

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

TEST_P(Curves, AsPyTorch) {
  static const auto* const golden = new auto(ReadNpz("train/testdata/curves.npz"));
  ASSERT_TRUE(golden->ok()) << golden->status();
  auto model = GetParam().build();
  ASSERT_TRUE(model.ok()) << model.status();
  const std::string name = absl::StrCat(GetParam().name, "/");
  const std::string initial = name + "initial/", final = name + "final/";
  size_t set = 0;
  for (const auto& [key, tensor] : **golden) {
    if (key.compare(0, initial.size(), initial) != 0) continue;
    const absl::Status status = model->SetWeight(key.substr(initial.size()), tensor);
    ASSERT_TRUE(status.ok()) << status;
    ++set;
  }
  ASSERT_EQ(set, model->graph.weights.size());
  auto trainer =
      Trainer::Create(*model, {.optimizer = GetParam().optimizer,
                               .loss = losses::SparseCategoricalCrossentropy({.from_logits = true}),
                               .metrics = {metrics::Accuracy()}});
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  const Tensor x = (*golden)->at(name + "x"), y = (*golden)->at(name + "y");
  const Tensor losses = (*golden)->at(name + "losses");
  const auto sample = x.shape().dims().subspan(1);
  for (int64_t step = 0; step < losses.num_elements(); ++step) {
    const int64_t b = step % x.shape()[0];
    const Tensor batch =
        x.Rows(b, b + 1).Reshaped(Shape(std::vector<int64_t>(sample.begin(), sample.end())));
    const auto logs = (*trainer)->TrainOnBatch({batch, y.Rows(b, b + 1).Reshaped({y.shape()[1]})});
    ASSERT_TRUE(logs.ok()) << logs.status();
    ASSERT_NEAR(logs->at("loss"), losses.AsDouble(step), 1e-4) << "step " << step;
  }
  for (const auto& [key, expected] : **golden) {
    if (key.compare(0, final.size(), final) != 0) continue;
    const auto found = (*trainer)->model().GetWeight(key.substr(final.size()));
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_TRUE(AllClose(*found, expected, 1e-3, 1e-3).ok())
        << key << AllClose(*found, expected, 1e-3, 1e-3);
  }
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
