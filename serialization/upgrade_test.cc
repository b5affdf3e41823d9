// Nodes of older op versions rewritten step by step, and left alone where that cannot be.
#include "nomograph/serialization/upgrade.h"

#include <gtest/gtest.h>

#include <string>

#include "nomograph/serialization/model_io.h"
#include "nomograph/serialization/testing.h"

namespace nomograph {
namespace {

// acme.Foo: version 1 has `slope`, version 2 calls it `alpha`, version 3 has it squared.
void Fill(OpRegistry& registry) {
  EXPECT_TRUE(registry
                  .RegisterUpgrader("acme.Foo", 1,
                                    [](Node& node) -> absl::Status {
                                      const AttrValue* slope = node.attrs.Find("slope");
                                      if (slope == nullptr)
                                        return InvalidArgument("there is no slope");
                                      node.attrs.Set("alpha", *slope);
                                      node.attrs.Erase("slope");
                                      return absl::OkStatus();
                                    })
                  .ok());
  EXPECT_TRUE(registry
                  .RegisterUpgrader("acme.Foo", 2,
                                    [](Node& node) -> absl::Status {
                                      const double alpha = node.attrs.Float("alpha");
                                      node.attrs.Set("alpha", alpha * alpha);
                                      return absl::OkStatus();
                                    })
                  .ok());
  OpDef op("acme.Foo", 3);
  op.Doc("y = x").TypeVar("T", kFloats).Input("x", "T").Output("y", "T").Infer(SameAsInput);
  op.Attr("alpha", 1.0, "the slope, squared");
  op.Reference([](KernelContext&) { return absl::OkStatus(); });
  op.Examples([] { return std::vector<Example>(1); });
  const absl::Status registered = registry.Register(std::move(op), "acme");
  EXPECT_TRUE(registered.ok()) << registered;
}

Model ModelWith(int version, Attributes attrs) {
  Model model = SmallModel();
  for (Graph* graph : {&model.graph, &model.functions.at("tenfold").graph}) {
    Node& node = graph->nodes[0];
    node.op = "acme.Foo";
    node.version = version;
    node.attrs = attrs;
  }
  return model;
}

TEST(UpgradeTest, AppliesOneVersionAfterTheOther) {
  OpRegistry registry;
  Fill(registry);
  Model model = ModelWith(1, {{"slope", 3.0}});
  const UpgradeReport report = UpgradeModel(model, registry).value();
  ASSERT_EQ(report.upgraded.size(), 2u);
  EXPECT_EQ(report.upgraded[0], "graph \"main\": node 0 (\"lambda\"): acme.Foo v1 -> acme.Foo v3");
  EXPECT_EQ(report.upgraded[1],
            "function \"tenfold\": node 0 (\"mul\"): acme.Foo v1 -> acme.Foo v3");
  for (const Graph* graph : {&model.graph, &model.functions.at("tenfold").graph}) {
    EXPECT_EQ(graph->nodes[0].version, 3);
    EXPECT_EQ(graph->nodes[0].attrs, (Attributes{{"alpha", 9.0}}));
  }
  EXPECT_TRUE(UpgradeModel(model, registry).value().upgraded.empty());
}

TEST(UpgradeTest, LeavesNewerAndUnknownOpsAlone) {
  OpRegistry registry;
  Fill(registry);
  Model model = ModelWith(4, {{"alpha", 9.0}});
  model.functions.at("tenfold").graph.nodes[0].op = "acme.Unknown";
  const Model before = model;
  const UpgradeReport report = UpgradeModel(model, registry).value();
  EXPECT_TRUE(report.upgraded.empty());
  ASSERT_EQ(report.newer.size(), 1u);
  EXPECT_EQ(report.newer[0],
            "graph \"main\": node 0 (\"lambda\"): acme.Foo v4 is newer than v3, the newest here");
  EXPECT_EQ(FirstDifference(model, before), "");
}

TEST(UpgradeTest, AFailureChangesNothing) {
  OpRegistry registry;
  Fill(registry);
  Model model = ModelWith(1, {{"slope", 3.0}});
  model.functions.at("tenfold").graph.nodes[0].attrs = {};
  const Model before = model;
  const auto report = UpgradeModel(model, registry);
  EXPECT_EQ(std::string(report.status().message()),
            "function \"tenfold\": node 0 (\"mul\"): upgrading acme.Foo from version 1: there is "
            "no slope");
  EXPECT_EQ(FirstDifference(model, before), "");
}

TEST(UpgradeTest, LoadingUpgradesUnlessToldNotTo) {
  OpRegistry registry;
  Fill(registry);
  const Model model = ModelWith(2, {{"alpha", 3.0}});
  const std::string bytes = SaveToString(model).value();
  const Model upgraded = LoadFromBytes(bytes, nullptr, {.registry = &registry}).value();
  EXPECT_EQ(upgraded.graph.nodes[0].version, 3);
  EXPECT_EQ(upgraded.graph.nodes[0].attrs.Float("alpha"), 9.0);
  const Model kept =
      LoadFromBytes(bytes, nullptr, {.upgrade = false, .registry = &registry}).value();
  EXPECT_EQ(FirstDifference(kept, model), "");
}

}  // namespace
}  // namespace nomograph
