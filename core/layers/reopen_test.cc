// A model that is reopened and built again is the same model, and can be cut and continued.
#include "nomograph/core/build/reopen.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/control_flow.h"
#include "nomograph/core/layers/layers.h"

namespace nomograph {
namespace {

using ::testing::ElementsAre;

// Weights, a lambda with a body, a branch, two outputs.
Model Sample() {
  const Value x = Input({4}, {.name = "x"});
  const Value hidden = Dense(3, {.activation = "relu", .name = "hidden"})(x);
  const Value scaled = Lambda([](Value v) { return v * 2.0; }, {.name = "twice"})(hidden);
  const Value any = Call("math.ReduceSum", {scaled}, {{"keepdims", false}}) > 0.0;
  const auto branch = If(
      any, {scaled}, [](absl::Span<const Value> v) { return std::vector{v[0] + 1.0}; },
      [](absl::Span<const Value> v) { return std::vector{v[0] - 1.0}; });
  auto model = BuildModel({x}, {branch[0], scaled}, {.name = "sample"});
  EXPECT_TRUE(model.ok()) << model.status();
  return *std::move(model);
}

std::vector<std::string> NamesOf(const Graph& graph) {
  std::vector<std::string> names;
  for (const Node& node : graph.nodes) names.push_back(node.name);
  for (const Weight& weight : graph.weights) names.push_back(graph.value(weight.value).name);
  for (const ValueId id : graph.inputs) names.push_back(graph.value(id).name);
  return names;
}

TEST(Reopen, BuiltAgainItIsTheSameModel) {
  const Model model = Sample();
  const auto reopened = Reopen(model);
  ASSERT_TRUE(reopened.ok()) << reopened.status();
  const auto again = BuildModel(reopened->inputs, reopened->outputs,
                                {.name = "sample", .output_names = reopened->output_names});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(SemanticHash(*again), SemanticHash(model));
  EXPECT_THAT(NamesOf(again->graph), ::testing::UnorderedElementsAreArray(NamesOf(model.graph)));
  // The weights are not copied.
  EXPECT_EQ(again->graph.weights[0].tensor.raw_data(), model.graph.weights[0].tensor.raw_data());
}

TEST(Reopen, AModelIsCutAndContinued) {
  const auto reopened = Reopen(Sample());
  ASSERT_TRUE(reopened.ok()) << reopened.status();
  const Value hidden = reopened->FindValue("hidden/Relu");
  ASSERT_TRUE(hidden.valid());
  EXPECT_FALSE(reopened->FindValue("nowhere").valid());
  const auto cut = BuildModel(reopened->inputs, {hidden + 1.0});
  ASSERT_TRUE(cut.ok()) << cut.status();
  EXPECT_TRUE(cut->functions.empty());
  std::vector<std::string> ops;
  for (const Node& node : cut->graph.nodes) ops.push_back(node.op);
  EXPECT_THAT(ops, ElementsAre("math.MatMul", "math.Add", "nn.Relu", "core.Constant", "math.Add"));
}

TEST(Reopen, AModelThatIsNotSoundIsRefused) {
  Model model = Sample();
  model.graph.nodes[0].outputs[0] = 1000;
  EXPECT_EQ(Reopen(model).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace nomograph
