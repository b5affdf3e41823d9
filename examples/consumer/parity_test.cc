// The model that make_model has saved, embedded into this program by nomo_model().
#include "gtest/gtest.h"
#include "parity_model.h"

namespace {

TEST(Parity, TheEmbeddedModelRuns) {
  const auto parity = consumer::ParityModel::Create();
  ASSERT_TRUE(parity.ok()) << parity.status();
  const auto result =
      parity->Run({.x = nomograph::Tensor::Of<int32_t>({2, 4}, {1, 2, 3, 4, 5, 6, 7, 8})});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->lambda, nomograph::Tensor::Of<int32_t>({2, 4}, {1, 0, 1, 0, 1, 0, 1, 0}));
}

TEST(Parity, TheModelProvesItself) {
  ASSERT_TRUE(consumer::ParityModel::Model().ok()) << consumer::ParityModel::Model().status();
  const auto parity = consumer::ParityModel::Create();
  ASSERT_TRUE(parity.ok()) << parity.status();
  EXPECT_TRUE(nomograph::ReplayGoldenVectors(parity->session()).ok());
}

}  // namespace
