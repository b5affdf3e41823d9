// A hundred steps of four kinds of networks with each of ten optimizers, the loss of every step
// against PyTorch's: testdata/make_curves.py.
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "nomograph/train/testing_networks.h"

namespace nomograph {
namespace {

struct Rule {
  const char* name;
  Optimizer optimizer;
};

class Curves : public testing::TestWithParam<std::tuple<TestNetwork, Rule>> {};

TEST_P(Curves, AsPyTorch) {
  const auto& [network, rule] = GetParam();
  const NamedTensors golden = GoldenBelow("curves.npz", absl::StrCat(network.name, "/"));
  const auto model =
      WithWeights(network, GoldenBelow("curves.npz", absl::StrCat(network.name, "/initial/")));
  ASSERT_TRUE(model.ok()) << model.status();
  const auto trainer = TrainerOf(*model, rule.optimizer);
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  const auto losses = TrainSteps(network, **trainer);
  ASSERT_TRUE(losses.ok()) << losses.status();
  const Tensor expected = golden.at(absl::StrCat("losses/", rule.name));
  ASSERT_EQ(expected.num_elements(), static_cast<int64_t>(losses->size()));
  for (size_t step = 0; step < losses->size(); ++step) {
    ASSERT_NEAR((*losses)[step], expected.AsDouble(static_cast<int64_t>(step)), 1e-4)
        << "step " << step;
  }
  for (const auto& [name, final] :
       GoldenBelow("curves.npz", absl::StrCat(network.name, "/final/", rule.name, "/"))) {
    const auto found = (*trainer)->model().GetWeight(name);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_TRUE(AllClose(*found, final, 1e-3, 1e-3).ok())
        << name << AllClose(*found, final, 1e-3, 1e-3);
  }
}

using namespace optimizers;

// Where PyTorch adds epsilon at another place than Keras it is too small to matter.
constexpr double kTiny = 1e-12;

INSTANTIATE_TEST_SUITE_P(
    Train, Curves,
    testing::Combine(
        testing::ValuesIn(TestNetworks()),
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
