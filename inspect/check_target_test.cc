// What another machine lacks, and the largest index that a model takes.
#include "nomograph/inspect/check_target.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/value.h"
#include "nomograph/inspect/costs.h"
#include "nomograph/inspect/index_limits.h"

namespace nomograph {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// ids -> Gather from a table of 7 rows -> Softmax.
Model Embedding() {
  const Value ids = InputValue({DType::kInt64, {2, 3}}, "ids");
  const Value table = Constant(Tensor::Full(DType::kFloat32, {7, 4}, 0.5));
  const Value rows = Call("array.Gather", {table, ids}, {{"axis", 0}}, {.name = "rows"});
  const Value y = Call("nn.Softmax", {rows}, {{"axis", -1}}, {.name = "y"});
  auto model = BuildModel({ids}, {y});
  EXPECT_TRUE(model.ok()) << model.status();
  return *std::move(model);
}

TargetManifest Here() {
  TargetManifest target{.name = "phone.json"};
  target.ops["array.Gather"] = {.versions = {1},
                                .types = {{"T", {DType::kFloat32}}, {"I", {DType::kInt64}}},
                                .inputs = {"T", "I"},
                                .attributes = {{"axis", {}}}};
  target.ops["nn.Softmax"] = {.versions = {1},
                              .types = {{"T", {DType::kFloat32}}},
                              .inputs = {"T"},
                              .attributes = {{"axis", {}}}};
  target.ops["core.Constant"] = {.versions = {1}, .attributes = {{"value", {}}}};
  return target;
}

std::string First(const TargetManifest& target) {
  const std::vector<Finding> findings = CheckAgainst(Embedding(), target, nullptr);
  return findings.empty() ? "" : findings[0].place + ": " + findings[0].message;
}

TEST(CheckAgainst, FindsWhatTheTargetLacks) {
  EXPECT_THAT(CheckAgainst(Embedding(), Here(), nullptr), IsEmpty());
  TargetManifest target = Here();
  target.ops.erase("nn.Softmax");
  EXPECT_THAT(First(target), HasSubstr("node \"y\" (nn.Softmax): there is no op nn.Softmax on"));
  target = Here();
  target.ops["nn.Softmax"].versions = {2, 3};
  EXPECT_THAT(First(target), HasSubstr("version 1 is needed; phone.json has 2, 3"));
  target = Here();
  target.ops["array.Gather"].types["I"] = {DType::kInt32};
  EXPECT_THAT(First(target), HasSubstr("input 1 is int64; phone.json has int32"));
  target = Here();
  target.ops["nn.Softmax"].attributes.clear();
  EXPECT_THAT(First(target), HasSubstr("the op has no attribute \"axis\" on phone.json"));
  target = Here();
  target.ops["nn.Softmax"].runs = false;
  EXPECT_THAT(First(target), HasSubstr("neither a kernel nor a body"));
}

TEST(CheckAgainst, ComparesMemory) {
  const Model model = Embedding();
  const auto costs = ComputeCosts(model, {model.graph.value(model.graph.inputs[0]).type});
  ASSERT_TRUE(costs.ok()) << costs.status();
  // 6 ids of 8 bytes, then two tensors of 2 * 3 * 4 floats.
  EXPECT_EQ(costs->peak_bytes, 2 * 2 * 3 * 4 * 4);
  TargetManifest target = Here();
  target.memory_bytes = 1 << 20;
  std::vector<Finding> findings = CheckAgainst(model, target, &*costs);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(CountFaults(findings), 0);
  target.memory_bytes = 100;
  findings = CheckAgainst(model, target, &*costs);
  ASSERT_EQ(CountFaults(findings), 1);
  EXPECT_EQ(findings[0].kind, Finding::Kind::kMemory);
}

TEST(CheckOpset, FindsFormsForStandardOps) {
  EXPECT_EQ(CountFaults(CheckOpset(Embedding(), 17)), 0);
  // An op that no opset has.
  const Value x = InputValue({DType::kFloat32, {2}}, "x");
  Model model = *BuildModel({x}, {Call("math.Neg", {x}, {}, {.name = "y"})});
  model.graph.nodes[0].op = "image.RandomZoom";
  EXPECT_GT(CountFaults(CheckOpset(model, 17)), 0);
}

TEST(IndexLimit, IsTheSmallestTable) {
  const Model model = Embedding();
  EXPECT_EQ(IndexLimit(model.graph, model.graph.inputs[0]), 7);
  const Value ids = InputValue({DType::kInt64, {2}}, "ids");
  const Value small = Constant(Tensor::Full(DType::kFloat32, {2, 4}, 0.5));
  const Value large = Constant(Tensor::Full(DType::kFloat32, {4, 9}, 0.5));
  const auto both = BuildModel({ids}, {Call("array.Gather", {large, ids}, {{"axis", 1}}),
                                       Call("array.Gather", {small, ids}, {{"axis", 0}})});
  ASSERT_TRUE(both.ok()) << both.status();
  EXPECT_EQ(IndexLimit(both->graph, both->graph.inputs[0]), 2);
  const auto none = BuildModel({ids}, {Call("math.Neg", {ids})});
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_EQ(IndexLimit(none->graph, none->graph.inputs[0]), std::nullopt);
}

}  // namespace
}  // namespace nomograph
