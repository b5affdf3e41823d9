// Findings: lists of faults taken apart, and names that scripts rely on.
#include "nomograph/inspect/check_model.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/types/status.h"

namespace nomograph {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(SplitFaultsTest, TakesListsApart) {
  EXPECT_THAT(SplitFaults(absl::OkStatus()), IsEmpty());
  EXPECT_THAT(SplitFaults(InvalidArgument("node \"a\": wrong")), ElementsAre("node \"a\": wrong"));
  ErrorList inner;
  inner.Add(InvalidArgument("input 0"));
  inner.Add(InvalidArgument("output 1"));
  const absl::Status nested = Annotate(inner.ToStatus("the signature differs"), "node \"b\"");
  EXPECT_THAT(SplitFaults(nested),
              ElementsAre("node \"b\": the signature differs:\n  input 0\n  output 1"));
  ErrorList outer;
  outer.Add(InvalidArgument("node \"a\": wrong"));
  outer.Add(nested);
  outer.Add(InvalidArgument("node \"c\": wrong"));
  EXPECT_THAT(SplitFaults(outer.ToStatus("types do not fit")),
              ElementsAre("node \"a\": wrong",
                          "node \"b\": the signature differs:\n    input 0\n    output 1",
                          "node \"c\": wrong"));
}

TEST(FindingTest, NamesAreStable) {
  EXPECT_STREQ(FindingName(Finding::Kind::kDamage), "damage");
  EXPECT_STREQ(FindingName(Finding::Kind::kBodyDiffers), "body_differs");
  EXPECT_STREQ(FindingName(Finding::Kind::kNotCompared), "not_compared");
  EXPECT_TRUE(IsFault(Finding::Kind::kBodyDiffers));
  EXPECT_FALSE(IsFault(Finding::Kind::kUpgraded));
}

// A convolution of 38 million products.
std::vector<Finding> FindingsOfConv(DType dtype) {
  const Value x = InputValue({dtype, {1, 32, 32, 64}}, "x");
  const Value kernel = Constant(Tensor::Full(dtype, {3, 3, 64, 64}, 0.5));
  auto model = BuildModel({x}, {Call("nn.Conv", {x, kernel}, {}, {.name = "conv"})});
  EXPECT_TRUE(model.ok()) << model.status();
  return CheckModel({.model = *std::move(model)}, absl::OkStatus(), OpRegistry::Default(), {});
}

TEST(CheckModel, NamesNodesThatNoFastKernelServes) {
  EXPECT_TRUE(FindingsOfConv(DType::kFloat32).empty());
  const std::vector<Finding> slow = FindingsOfConv(DType::kFloat64);
  ASSERT_EQ(slow.size(), 1u);
  EXPECT_EQ(slow[0].kind, Finding::Kind::kSlow);
  EXPECT_EQ(slow[0].place, "node \"conv\" (nn.Conv)");
  EXPECT_EQ(CountFaults(slow), 0);
}

}  // namespace
}  // namespace nomograph
