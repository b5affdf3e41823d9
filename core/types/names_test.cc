// Names are unique, also when some are given back, and however many wish for one.
#include "nomograph/core/types/names.h"

#include <set>

#include "gtest/gtest.h"

namespace nomograph {
namespace {

TEST(UniqueNames, NumbersWhatIsTaken) {
  UniqueNames names;
  EXPECT_EQ(names.Take("dense"), "dense");
  EXPECT_EQ(names.Take("dense"), "dense_1");
  EXPECT_EQ(names.Take("dense_2"), "dense_2");
  EXPECT_EQ(names.Take("dense"), "dense_3");
  EXPECT_FALSE(names.Reserve("dense_1"));
  EXPECT_TRUE(names.Reserve("conv"));
  EXPECT_EQ(names.Take("conv"), "conv_1");
}

TEST(UniqueNames, WhatIsGivenBackIsTakenAgain) {
  UniqueNames names;
  for (int i = 0; i < 4; ++i) names.Take("x");
  names.Release("x_2");
  names.Release("never taken");
  EXPECT_EQ(names.Take("x"), "x_2");
  EXPECT_EQ(names.Take("x"), "x_4");
}

TEST(UniqueNames, ManyWishForOne) {
  UniqueNames names;
  std::set<std::string> taken;
  for (int i = 0; i < 100000; ++i) EXPECT_TRUE(taken.insert(names.Take("x")).second);
}

TEST(SnakeCase, AsKerasNamesLayers) {
  const std::pair<const char*, const char*> cases[] = {
      {"Dense", "dense"}, {"Conv2DTranspose", "conv2d_transpose"},       {"PReLU", "p_re_lu"},
      {"LSTM", "lstm"},   {"BatchNormalization", "batch_normalization"}, {"", ""},
  };
  for (const auto& [name, snake] : cases) EXPECT_EQ(SnakeCase(name), snake);
}

TEST(NodePlace, IsEscaped) {
  EXPECT_EQ(NodePlace("dense/gemm", "math.Gemm"), "node \"dense/gemm\" (math.Gemm)");
  EXPECT_EQ(NodePlace("a\nb", "x\x1b.Y"), "node \"a\\nb\" (x\\x1b.Y)");
}

}  // namespace
}  // namespace nomograph
