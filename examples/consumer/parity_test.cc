// The model that make_model has saved, embedded into this program.
#include "gtest/gtest.h"
#include "nomograph/nomograph.h"

extern const unsigned char kParityModel[];
extern const unsigned long kParityModelSize;

namespace {

TEST(Parity, TheEmbeddedModelRuns) {
  const auto model = nomograph::LoadFromBytes(
      {reinterpret_cast<const char*>(kParityModel), kParityModelSize}, nullptr);
  ASSERT_TRUE(model.ok()) << model.status();
  const auto result =
      model->Predict(nomograph::Tensor::Of<int32_t>({2, 4}, {1, 2, 3, 4, 5, 6, 7, 8}));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(*result, nomograph::Tensor::Of<int32_t>({2, 4}, {1, 0, 1, 0, 1, 0, 1, 0}));
}

TEST(Parity, TheModelProvesItself) {
  const auto model = nomograph::LoadFromBytes(
      {reinterpret_cast<const char*>(kParityModel), kParityModelSize}, nullptr);
  ASSERT_TRUE(model.ok()) << model.status();
  const auto session = nomograph::Session::Create(*model);
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_TRUE(nomograph::ReplayGoldenVectors(**session).ok());
}

}  // namespace
