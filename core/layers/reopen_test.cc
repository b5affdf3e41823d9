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

// A model as a file may have it: a chain of functions, each an identity by way of the next one, and
// so many that the graph calls, each by way of the chain.
Model Chain(int length, int called) {
  Model model;
  const auto add = [](Graph& graph, absl::string_view body) {
    const ValueId x = static_cast<ValueId>(graph.values.size()) - 1;
    const ValueId y = graph.AddValue(absl::StrCat("y", x), {DType::kFloat32, {2}});
    graph.nodes.push_back({.name = absl::StrCat("node", x),
                           .op = "acme.Same",
                           .inputs = {x},
                           .outputs = {y},
                           .body = std::string(body)});
    graph.outputs = {y};
  };
  const auto add_function = [&](const std::string& name, absl::string_view body) {
    Function& function = model.functions[name];
    function.name = name;
    function.graph.inputs = {function.graph.AddValue("x", {DType::kFloat32, {2}})};
    add(function.graph, body);
  };
  for (int i = 0; i < length; ++i)
    add_function(absl::StrCat("f", i), i + 1 < length ? absl::StrCat("f", i + 1) : "");
  model.graph.inputs = {model.graph.AddValue("x", {DType::kFloat32, {2}})};
  for (int i = 0; i < called; ++i) {
    add_function(absl::StrCat("called", i), "f0");
    add(model.graph, absl::StrCat("called", i));
  }
  return model;
}

TEST(Reopen, FunctionsThatCallOneAnotherNeedNoStack) {
  const auto reopened = Reopen(Chain(100000, 1));
  ASSERT_TRUE(reopened.ok()) << reopened.status();
  EXPECT_EQ(reopened->outputs[0].expr()->body->functions.size(), 100001);
}

TEST(Reopen, FunctionsThatManyCallAreNotCopiedWithoutEnd) {
  const struct {
    int length, called;
    bool ok;
  } cases[] = {{10, 10, true}, {100, 500, true}, {10000, 10000, false}};
  for (const auto& c : cases) {
    const auto reopened = Reopen(Chain(c.length, c.called));
    ASSERT_TRUE(reopened.ok()) << reopened.status();
    const absl::Status status = BuildModel(reopened->inputs, reopened->outputs).status();
    EXPECT_EQ(status.code(), c.ok ? absl::StatusCode::kOk : absl::StatusCode::kResourceExhausted)
        << status;
  }
}

TEST(Reopen, AModelThatIsNotSoundIsRefused) {
  Model model = Sample();
  model.graph.nodes[0].outputs[0] = 1000;
  EXPECT_EQ(Reopen(model).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace nomograph
