// Formulas against the sizes that they are to explain, and against what ops do to sizes by their
// mathematics.
#include "nomograph/inspect/page/size_formulas.h"

#include <functional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

using Sizes = std::function<int64_t(int64_t a, int64_t b)>;

// Results of a function of two sizes, as the probes have them.
std::string Fit(const Sizes& f) {
  const SizeProbes probes(2);
  std::vector<int64_t> results;
  for (int p = 0; p < probes.count(); ++p)
    results.push_back(f(probes.Size(0, p), probes.Size(1, p)));
  return probes.Fit(results).value_or("none");
}

TEST(SizeProbes, FindsWhatSizesHaveInCommon) {
  const std::vector<std::pair<Sizes, std::string>> cases = {
      {[](int64_t, int64_t) { return 7; }, "7"},
      {[](int64_t a, int64_t) { return a; }, "$0"},
      {[](int64_t, int64_t b) { return b; }, "$1"},
      {[](int64_t a, int64_t) { return 3 * a + 1; }, "3*$0+1"},
      {[](int64_t a, int64_t) { return a - 2; }, "$0-2"},
      {[](int64_t a, int64_t) { return a / 32; }, "(($0)//32)"},
      {[](int64_t a, int64_t) { return (a + 31) / 32; }, "(($0+31)//32)"},
      {[](int64_t a, int64_t) { return a / 4 * 4; }, "4*(($0)//4)"},
      {[](int64_t a, int64_t b) { return a + b; }, "$0+$1"},
      {[](int64_t a, int64_t b) { return 2 * a - b + 1000; }, "2*$0-$1+1000"},
      {[](int64_t a, int64_t b) { return a * b; }, "$0*$1"},
      {[](int64_t a, int64_t b) { return 12 * a * b; }, "12*$0*$1"},
      // What is none of these stays open.
      {[](int64_t a, int64_t) { return a * a; }, "none"},
      {[](int64_t a, int64_t b) { return a % b; }, "none"},
      {[](int64_t a, int64_t b) { return std::max(a, b); }, "none"},
      {[](int64_t, int64_t) { return -1; }, "none"},
  };
  for (const auto& [f, formula] : cases) EXPECT_EQ(Fit(f), formula);
}

// x: [batch, 3, height, 224] -> Conv 3x3, stride 2, pad 1 -> Relu.
TEST(ProbeSizes, FollowsOps) {
  Graph graph;
  const ValueId x = graph.AddValue(
      "x", {DType::kFloat32, PartialShape({Dim::Symbol("batch"), 3, Dim::Symbol("height"), 224})});
  const ValueId w = graph.AddValue("w", {DType::kFloat32, PartialShape({8, 3, 3, 3})});
  const ValueId y = graph.AddValue("y", {DType::kFloat32, PartialShape()});
  graph.inputs = {x};
  graph.outputs = {y};
  graph.weights.push_back({w, Tensor::Full(DType::kFloat32, {8, 3, 3, 3}, 1)});
  graph.nodes.push_back({.name = "conv",
                         .op = "nn.Conv",
                         .attrs = {{"data_format", "channels_first"},
                                   {"kernel_layout", "OIHW"},
                                   {"padding", "explicit"},
                                   {"pads", std::vector<int64_t>{1, 1, 1, 1}},
                                   {"strides", std::vector<int64_t>{2, 2}}},
                         .inputs = {x, w},
                         .outputs = {y}});
  const ProbedGraph probed = ProbeSizes(graph, {}, OpRegistry::Default(), 1000);
  ASSERT_TRUE(probed.ok());
  EXPECT_THAT(probed.symbols, testing::ElementsAre("batch", "height"));
  // floor((height + 2 - 3) / 2) + 1
  EXPECT_EQ(probed.SizeOf(y, 0), "$0");
  EXPECT_EQ(probed.SizeOf(y, 1), "8");
  EXPECT_EQ(probed.SizeOf(y, 2), "(($1+1)//2)");
  EXPECT_EQ(probed.SizeOf(y, 3), "112");
}

TEST(ProbeSizes, NeedsNoneWhereAllIsKnownAndHasLimits) {
  Graph graph;
  graph.inputs = {graph.AddValue("x", {DType::kFloat32, PartialShape({2, 3})})};
  EXPECT_FALSE(ProbeSizes(graph, {}, OpRegistry::Default(), 1000).ok());
  graph.values[0].type.shape = PartialShape({Dim(), Dim()});
  EXPECT_THAT(ProbeSizes(graph, {}, OpRegistry::Default(), 1000).symbols,
              testing::ElementsAre("x.0", "x.1"));
  // Twelve typings for two symbols, seven for one.
  EXPECT_THAT(ProbeSizes(graph, {}, OpRegistry::Default(), 11).symbols,
              testing::ElementsAre("x.0"));
  EXPECT_TRUE(ProbeSizes(graph, {}, OpRegistry::Default(), 6).symbols.empty());
}

// a: [?, 4], b: [?, 4] -> Concat along axis 1, which wants as many rows in both.
TEST(ProbeSizes, JoinsRowsThatMustBeAsMany) {
  Graph graph;
  const TensorType open = {DType::kFloat32, PartialShape({Dim(), 4})};
  const ValueId a = graph.AddValue("a", open), b = graph.AddValue("b", open);
  const ValueId y = graph.AddValue("y", {DType::kFloat32, PartialShape()});
  graph.inputs = {a, b};
  graph.outputs = {y};
  graph.nodes.push_back({.name = "concat",
                         .op = "array.Concat",
                         .attrs = {{"axis", 1}},
                         .inputs = {a, b},
                         .outputs = {y}});
  const ProbedGraph probed = ProbeSizes(graph, {}, OpRegistry::Default(), 1000);
  ASSERT_TRUE(probed.ok());
  EXPECT_THAT(probed.symbols, testing::ElementsAre("a.0"));
  EXPECT_EQ(probed.SizeOf(y, 0), "$0");
  EXPECT_EQ(probed.SizeOf(y, 1), "8");
}

}  // namespace
}  // namespace nomograph
