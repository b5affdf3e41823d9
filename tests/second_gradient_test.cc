// The gradient of the gradient of every registered op, on each of its examples that float64 serves,
// against central differences of the gradient.
#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/tests/central_differences.h"

namespace nomograph {
namespace {

class SecondGradient : public testing::TestWithParam<const OpDef*> {};

// The first gradient itself is gradient_test's. Ops that it is written with have gradients, or say
// why they have none.
TEST_P(SecondGradient, AsCentralDifferencesOfTheFirst) {
  const OpDef& op = *GetParam();
  if (!op.examples || !op.no_gradient.empty()) return;
  for (const Example& example : op.examples()) {
    SCOPED_TRACE(example.name);
    Scalar function(op, example, /*order=*/2);
    const absl::Status built = function.Build();
    ASSERT_TRUE(built.ok()) << built;
    const absl::Status& status = function.gradient_status();
    EXPECT_FALSE(absl::StrContains(status.message(), "the op has none")) << status;
    if (!status.ok() || !function.HasGradient() || !function.wide()) continue;
    ExpectCentralDifferences(function, /*elements=*/6);
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, SecondGradient, testing::ValuesIn(OpRegistry::Default().All()),
                         [](const auto& info) { return TestNameOf(*info.param); });

}  // namespace
}  // namespace nomograph
