// Values within bodies: of each iteration of a loop, of the branch that ran, within a budget.
#include "nomograph/inspect/dump.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/value.h"
#include "nomograph/inspect/selector.h"

namespace nomograph {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Value kX = InputValue({DType::kFloat32, {2}}, "x");

Value Less(const Value& x, const std::string& name) {
  return Call("math.Sub", {x, ConstantLike(1, x)}, {}, {.name = name});
}

// Two results of x - 1 a step: in a branch, within a loop of `steps` iterations.
Model Nested(int64_t steps) {
  const TensorType index{DType::kInt64, Shape{}}, condition{DType::kBool, Shape{}};
  const auto branch = [](const std::string& name) {
    return [=](absl::Span<const Value> inputs) {
      return std::vector<Value>{
          Call("math.Tanh", {Less(inputs[0], name + "_less")}, {}, {.name = name})};
    };
  };
  const auto body = [&](absl::Span<const Value> inputs) {
    const Value x = inputs[2];
    const Value positive = Call(
        "math.Greater", {Call("math.ReduceSum", {x}, {{"keepdims", false}}), ConstantLike(0, x)});
    CallOptions options{.name = "choose"};
    options.functions = {{"then_branch", branch("then"), {x.type()}},
                         {"else_branch", branch("else"), {x.type()}}};
    const Value chosen = Call("core.If", {positive, x}, {}, options);
    return std::vector<Value>{inputs[1], Less(x, "less"), chosen};
  };
  CallOptions options{.name = "steps", .num_outputs = 2};
  options.functions = {{"body", body, {index, condition, kX.type()}}};
  const std::vector<Value> outputs = CallMulti(
      "core.Loop",
      {Constant(Tensor::Scalar<int64_t>(steps)), Constant(Tensor::Scalar<bool>(true)), kX},
      {{"num_carried", 1}}, options);
  auto model = BuildModel({kX}, {outputs[0], outputs[1]});
  EXPECT_TRUE(model.ok()) << model.status();
  return *std::move(model);
}

absl::StatusOr<BodyDump> Dump(const Model& model, const std::string& selector,
                              int64_t max_bytes = 1 << 20) {
  NOMO_ASSIGN_OR_RETURN(const Selection selection, Select(model, selector));
  std::map<std::string, std::vector<ValueId>> values;
  for (const GraphSelection& graph : selection.graphs) values[graph.function] = graph.WithOutputs();
  return ComputeBodyValues(model, values, {{"x", Tensor::Of<float>({2}, {2.5, 0.5})}}, {},
                           max_bytes);
}

std::vector<std::string> NamesOf(const BodyDump& dump) {
  std::vector<std::string> names;
  for (const BodyValue& value : dump.values) names.push_back(value.Name());
  return names;
}

TEST(ComputeBodyValues, OfEachIteration) {
  const Model model = Nested(3);
  const auto dump = Dump(model, "less");
  ASSERT_TRUE(dump.ok()) << dump.status();
  EXPECT_THAT(NamesOf(*dump), ElementsAre("steps[0]/less", "steps[1]/less", "steps[2]/less"));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(dump->values[i].tensor, Tensor::Of<float>({2}, {1.5f - i, -0.5f - i}));
    EXPECT_EQ(dump->values[i].path.back().iteration, i);
  }
  EXPECT_THAT(dump->not_made, ElementsAre());
}

// The sums are 3, 1 and -1.
TEST(ComputeBodyValues, OfTheBranchesThatRan) {
  const Model model = Nested(3);
  const auto dump = Dump(model, "then_less, else_less");
  ASSERT_TRUE(dump.ok()) << dump.status();
  EXPECT_THAT(NamesOf(*dump), ElementsAre("steps[0]/choose/then_less", "steps[1]/choose/then_less",
                                          "steps[2]/choose/else_less"));
  EXPECT_EQ(dump->values[2].tensor, Tensor::Of<float>({2}, {-0.5, -2.5}));
  const auto one = Dump(Nested(1), "then_less, else_less");
  ASSERT_TRUE(one.ok()) << one.status();
  ASSERT_EQ(one->not_made.size(), 1u);
  EXPECT_THAT(one->not_made[0], HasSubstr("else_less"));
}

TEST(ComputeBodyValues, WithinABudget) {
  const Model model = Nested(3);
  EXPECT_TRUE(Dump(model, "less", 24).ok());
  EXPECT_EQ(Dump(model, "less", 23).status().code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace nomograph
