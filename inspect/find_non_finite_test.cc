// The first NaN: in the main graph, in a loop's body with its iteration, in a branch, and none.
#include "nomograph/inspect/find_non_finite.h"

#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/value.h"

namespace nomograph {
namespace {

const Value kX = InputValue({DType::kFloat32, {2}}, "x");

absl::StatusOr<std::optional<NonFiniteStep>> Find(const Value& y, std::vector<float> x) {
  NOMO_ASSIGN_OR_RETURN(const Model model, BuildModel({kX}, {y}));
  return FindNonFinite(model, {{"x", Tensor::Of<float>({2}, std::move(x))}});
}

Value Sqrt(const Value& x, const std::string& name) {
  return Call("math.Sqrt", {x}, {}, {.name = name});
}

TEST(FindNonFinite, NamesTheFirstNode) {
  const Value y = Call("math.Log", {Sqrt(Call("math.Neg", {kX}, {}, {.name = "neg"}), "root")}, {},
                       {.name = "log"});
  const auto found = Find(y, {4, -4});
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_TRUE(found->has_value());
  EXPECT_EQ(PathText((*found)->path), "root");
  EXPECT_EQ((*found)->path[0].op, "math.Sqrt");
  EXPECT_EQ((*found)->nan, 1);
  EXPECT_EQ((*found)->inf, 0);
  EXPECT_EQ((*found)->elements, 2);
  EXPECT_FALSE((*found)->from_input);

  const auto infinite = Find(y, {-1, 0});  // log 0
  ASSERT_TRUE(infinite.ok() && infinite->has_value());
  EXPECT_EQ(PathText((*infinite)->path), "log");
  EXPECT_EQ((*infinite)->inf, 1);

  const auto given = Find(y, {-1, std::nanf("")});
  ASSERT_TRUE(given.ok() && given->has_value());
  EXPECT_EQ(PathText((*given)->path), "neg");
  EXPECT_TRUE((*given)->from_input);

  const auto none = Find(y, {-1, -4});
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_FALSE(none->has_value());
}

// x becomes smaller by 1 in each iteration; its root is none from 0 on.
TEST(FindNonFinite, LooksIntoBodiesOfLoops) {
  const TensorType index{DType::kInt64, Shape{}}, condition{DType::kBool, Shape{}};
  const auto body = [](absl::Span<const Value> inputs) {
    const Value less =
        Call("math.Sub", {inputs[2], ConstantLike(1, inputs[2])}, {}, {.name = "less"});
    return std::vector<Value>{inputs[1], less, Sqrt(less, "root")};
  };
  CallOptions options{.name = "steps", .num_outputs = 2};
  options.functions = {{"body", body, {index, condition, kX.type()}}};
  const std::vector<Value> outputs = CallMulti(
      "core.Loop", {Constant(Tensor::Scalar<int64_t>(6)), Constant(Tensor::Scalar<bool>(true)), kX},
      {{"num_carried", 1}}, options);
  ASSERT_FALSE(outputs.empty());
  ASSERT_TRUE(outputs.back().status().ok()) << outputs.back().status();
  const auto found = Find(outputs.back(), {3.5, 9});
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_TRUE(found->has_value());
  ASSERT_EQ((*found)->path.size(), 2u);
  EXPECT_EQ((*found)->path[0].node, "steps");
  EXPECT_EQ((*found)->path[1].node, "root");
  EXPECT_NE((*found)->path[1].function, "");
  EXPECT_EQ((*found)->path[1].iteration, 3);  // 2.5, 1.5, 0.5, -0.5
  EXPECT_EQ((*found)->nan, 1);
  EXPECT_THAT(PathText((*found)->path), ::testing::StartsWith("steps, iteration 3: @"));
}

TEST(FindNonFinite, LooksIntoBranches) {
  const Value positive = Call(
      "math.Greater", {Call("math.ReduceSum", {kX}, {{"keepdims", false}}), ConstantLike(0, kX)});
  const auto branch = [](const std::string& name) {
    return
        [=](absl::Span<const Value> inputs) { return std::vector<Value>{Sqrt(inputs[0], name)}; };
  };
  CallOptions options{.name = "choose"};
  options.functions = {{"then_branch", branch("then"), {kX.type()}},
                       {"else_branch", branch("else"), {kX.type()}}};
  const Value y = Call("core.If", {positive, kX}, {}, options);
  ASSERT_TRUE(y.status().ok()) << y.status();
  const auto found = Find(y, {-5, 1});
  ASSERT_TRUE(found.ok() && found->has_value()) << found.status();
  ASSERT_EQ((*found)->path.size(), 2u);
  EXPECT_EQ((*found)->path[1].node, "else");
  EXPECT_THAT(PathText((*found)->path), ::testing::StartsWith("choose: @"));
}

}  // namespace
}  // namespace nomograph
