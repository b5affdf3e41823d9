// The gradient of every registered op, on each of its examples, against central differences in
// float64. An op is tested by being registered: one with a floating-point input and output has a
// gradient, a body that is differentiated, or the reason why it has none.
#include "gtest/gtest.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/tests/central_differences.h"

namespace nomograph {
namespace {

class GradientConformance : public testing::TestWithParam<const OpDef*> {};

TEST_P(GradientConformance, AsCentralDifferences) {
  const OpDef& op = *GetParam();
  if (!op.examples) return;
  for (const Example& example : op.examples()) {
    SCOPED_TRACE(example.name);
    Scalar function(op, example);
    const absl::Status built = function.Build();
    ASSERT_TRUE(built.ok()) << built;
    if (!function.HasGradient()) continue;
    if (!op.no_gradient.empty()) {
      EXPECT_FALSE(function.gradient_status().ok()) << "it has a gradient, and a reason for none";
      continue;
    }
    ASSERT_TRUE(function.gradient_status().ok()) << function.gradient_status();
    ExpectCentralDifferences(function, /*elements=*/24);
  }
}

// In the dtypes of the examples, too, gradients have the inputs' types, and run.
TEST_P(GradientConformance, OfTheInputsTypes) {
  const OpDef& op = *GetParam();
  if (!op.examples || !op.no_gradient.empty()) return;
  for (const Example& example : op.examples()) {
    SCOPED_TRACE(example.name);
    Scalar function(op, example);
    function.keep_dtypes();
    const absl::Status built = function.Build();
    ASSERT_TRUE(built.ok()) << built;
    if (!function.HasGradient()) continue;
    ASSERT_TRUE(function.gradient_status().ok()) << function.gradient_status();
    ExpectCentralDifferences(function, /*elements=*/1);
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, GradientConformance, testing::ValuesIn(OpRegistry::Default().All()),
                         [](const auto& info) { return TestNameOf(*info.param); });

}  // namespace
}  // namespace nomograph
