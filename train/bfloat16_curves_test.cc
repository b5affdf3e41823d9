// Training and answers in bfloat16 against PyTorch's, of four networks:
// testdata/make_bfloat16_curves.py.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "nomograph/core/narrow/bfloat16_product.h"
#include "nomograph/core/run/session.h"
#include "nomograph/train/testing_networks.h"

namespace nomograph {
namespace {

struct Case {
  TestNetwork network;
  const char* rule;  // of curves.npz
  Optimizer optimizer;
};

class BFloat16Curves : public testing::TestWithParam<Case> {
 protected:
  static NamedTensors Wide() {
    return GoldenBelow("curves.npz", absl::StrCat(GetParam().network.name, "/"));
  }
  static NamedTensors Low() {
    return GoldenBelow("bfloat16_curves.npz", absl::StrCat(GetParam().network.name, "/"));
  }
};

// The losses go as far from those in float32 as they do in PyTorch under autocast, but not further.
// What is rounded is not the same: autocast rounds the results of products as well.
TEST_P(BFloat16Curves, AsPyTorchUnderAutocast) {
  const Case& c = GetParam();
  const auto model =
      WithWeights(c.network, GoldenBelow("curves.npz", absl::StrCat(c.network.name, "/initial/")));
  ASSERT_TRUE(model.ok()) << model.status();
  const auto trainer = TrainerOf(*model, c.optimizer, {.precision = Precision::kBFloat16});
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  const auto losses = TrainSteps(c.network, **trainer);
  ASSERT_TRUE(losses.ok()) << losses.status();
  const Tensor wide = Wide().at(absl::StrCat("losses/", c.rule)), autocast = Low().at("losses");
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
TEST_P(BFloat16Curves, AnswersAsWithRoundedFactors) {
  const TestNetwork& network = GetParam().network;
  const auto model = WithWeights(
      network, GoldenBelow("bfloat16_curves.npz", absl::StrCat(network.name, "/trained/")));
  ASSERT_TRUE(model.ok()) << model.status();
  const auto session = Session::Create(*model, {.precision = Precision::kBFloat16});
  ASSERT_TRUE(session.ok()) << session.status();
  const auto found = (*session)->Run(Slice(Wide().at("x"), 0));
  ASSERT_TRUE(found.ok()) << found.status();
  const NamedTensors golden = Low();
  const bool steps = HasBFloat16Products() && golden.count("answer/rounded_steps") != 0;
  const Tensor &wide = golden.at("answer/float32"),
               &rounded = golden.at(steps ? "answer/rounded_steps" : "answer/rounded"),
               &autocast = golden.at("answer/autocast");
  ASSERT_EQ(found->type(), wide.type());
  EXPECT_LT(Distance(*found, rounded), 0.05 * Distance(wide, rounded));
  EXPECT_LT(Distance(*found, wide), Distance(autocast, wide));
}

std::vector<Case> Cases() {
  const Optimizer adam = optimizers::Adam({.learning_rate = 0.003, .epsilon = 1e-12});
  const Optimizer nesterov =
      optimizers::SGD({.learning_rate = 0.02, .momentum = 0.9, .nesterov = true});
  std::vector<Case> cases;
  for (const TestNetwork& network : TestNetworks()) {
    const bool convolutional = absl::string_view(network.name) == "cnn";
    cases.push_back(
        {network, convolutional ? "nesterov" : "adam", convolutional ? nesterov : adam});
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Train, BFloat16Curves, testing::ValuesIn(Cases()),
                         [](const auto& info) { return std::string(info.param.network.name); });

}  // namespace
}  // namespace nomograph
