#include "nomograph/inspect/picture/merged_graph.h"

#include <map>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/graph/graph.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/inspect/picture/test_graph.h"

namespace nomograph::picture {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(MergedGraphTest, HasTheNodesOfBoth) {
  Model a, b;
  a.graph = TestGraph(
      "x -> \n p = nn.Relu x \n q = nn.Sigmoid p \n r = math.Tanh q \n"
      "s = math.Neg r \n -> s");
  b.graph = TestGraph("x -> \n p = nn.Relu x \n t = math.Abs p \n s = math.Neg t \n -> s");
  const ModelDiff diff = DiffModels(a, b, OpRegistry::Default());
  const MergedGraph merged = MergeGraphs(a.graph, b.graph, diff.graphs[0]);
  EXPECT_TRUE(VerifyGraph(merged.graph).ok()) << VerifyGraph(merged.graph);
  const std::map<std::string, Mark> marks(merged.marks.begin(), merged.marks.end());
  EXPECT_EQ(marks.at("p"), Mark::kSame);
  EXPECT_EQ(marks.at("t"), Mark::kAdded);
  EXPECT_EQ(marks.at("q"), Mark::kRemoved);
  EXPECT_EQ(marks.at("r"), Mark::kRemoved);
  EXPECT_EQ(merged.graph.nodes.size(), 5u);
  for (const Node& node : merged.graph.nodes) {
    if (node.name != "q" && node.name != "r") continue;
    // They take what they took.
    EXPECT_EQ(merged.graph.value(node.inputs[0]).name, node.name == "q" ? "p" : "q");
  }
}

TEST(MergedGraphTest, OfEqualModelsIsTheModel) {
  Model model;
  model.graph = TestGraph("x -> \n p = nn.Relu x \n -> p");
  const ModelDiff diff = DiffModels(model, model, OpRegistry::Default());
  const MergedGraph merged = MergeGraphs(model.graph, model.graph, diff.graphs[0]);
  EXPECT_EQ(merged.graph.nodes.size(), 1u);
  EXPECT_THAT(merged.marks, ElementsAre(Pair("p", Mark::kSame)));
}

}  // namespace
}  // namespace nomograph::picture
