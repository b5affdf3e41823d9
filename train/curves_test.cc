// A hundred steps of four kinds of networks with each of ten optimizers, the loss of every step
// against PyTorch's: testdata/make_curves.py.
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
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
  return Sequential({Input({8, 8, 2}), Conv2D(6, {3, 3}, {.padding = "same", .use_bias = false}),
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

struct Network {
  const char* name;
  absl::StatusOr<Model> (*build)();
};
struct Rule {
  const char* name;
  Optimizer optimizer;
};

class Curves : public testing::TestWithParam<std::tuple<Network, Rule>> {};

const NamedTensors& Golden() {
  static const auto* const golden = [] {
    auto read = ReadNpz("train/testdata/curves.npz");
    EXPECT_TRUE(read.ok()) << read.status();
    return new NamedTensors(read.value_or(NamedTensors()));
  }();
  return *golden;
}

// What the golden file has below `prefix`, by the rest of the name.
NamedTensors Below(const std::string& prefix) {
  NamedTensors found;
  for (const auto& [name, tensor] : Golden()) {
    if (name.starts_with(prefix)) found[name.substr(prefix.size())] = tensor;
  }
  return found;
}

// Element `i` of the first axis.
Tensor Slice(const Tensor& x, int64_t i) {
  const auto rest = x.shape().dims().subspan(1);
  return x.Rows(i, i + 1).Reshaped(Shape(std::vector<int64_t>(rest.begin(), rest.end())));
}

TEST_P(Curves, AsPyTorch) {
  const auto& [network, rule] = GetParam();
  auto model = network.build();
  ASSERT_TRUE(model.ok()) << model.status();
  const NamedTensors golden = Below(absl::StrCat(network.name, "/"));
  const NamedTensors initial = Below(absl::StrCat(network.name, "/initial/"));
  ASSERT_EQ(initial.size(), model->graph.weights.size());
  for (const auto& [name, tensor] : initial) {
    const absl::Status status = model->SetWeight(name, tensor);
    ASSERT_TRUE(status.ok()) << status;
  }
  auto trainer =
      Trainer::Create(*model, {.optimizer = rule.optimizer,
                               .loss = losses::SparseCategoricalCrossentropy({.from_logits = true}),
                               .metrics = {metrics::Accuracy()}});
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  const Tensor x = golden.at("x"), y = golden.at("y");
  const Tensor losses = golden.at(absl::StrCat("losses/", rule.name));
  ASSERT_EQ(losses.num_elements(), 100);
  for (int64_t step = 0; step < losses.num_elements(); ++step) {
    const int64_t b = step % x.shape()[0];
    const auto logs = (*trainer)->TrainOnBatch({Slice(x, b), Slice(y, b)});
    ASSERT_TRUE(logs.ok()) << logs.status();
    ASSERT_NEAR(logs->at("loss"), losses.AsDouble(step), 1e-4) << "step " << step;
  }
  for (const auto& [name, expected] :
       Below(absl::StrCat(network.name, "/final/", rule.name, "/"))) {
    const auto found = (*trainer)->model().GetWeight(name);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_TRUE(AllClose(*found, expected, 1e-3, 1e-3).ok())
        << name << AllClose(*found, expected, 1e-3, 1e-3);
  }
}

using namespace optimizers;

// Where PyTorch adds epsilon at another place than Keras it is too small to matter.
constexpr double kTiny = 1e-12;

INSTANTIATE_TEST_SUITE_P(
    Train, Curves,
    testing::Combine(
        testing::Values(Network{"mlp", Mlp}, Network{"cnn", Cnn}, Network{"lstm", Lstm},
                        Network{"transformer", Transformer}),
        testing::Values(
            Rule{"sgd", SGD({.learning_rate = 0.05})},
            Rule{"momentum", SGD({.learning_rate = 0.02, .momentum = 0.9})},
            Rule{"nesterov", SGD({.learning_rate = 0.02, .momentum = 0.9, .nesterov = true})},
            Rule{"adam", Adam({.learning_rate = 0.003, .epsilon = kTiny})},
            Rule{"adamw", AdamW({.learning_rate = 0.003, .epsilon = kTiny}, {.weight_decay = 0.1})},
            Rule{"rmsprop", RMSprop({.learning_rate = 0.002})},
            Rule{"adagrad", Adagrad({.learning_rate = 0.05, .epsilon = kTiny})},
            Rule{"adamax", Adamax({.learning_rate = 0.005, .epsilon = kTiny})},
            Rule{"nadam", Nadam({.learning_rate = 0.003})},
            Rule{"lion", Lion({.learning_rate = 0.001})})),
    [](const auto& info) {
      return absl::StrCat(std::get<0>(info.param).name, "_", std::get<1>(info.param).name);
    });

}  // namespace
}  // namespace nomograph
