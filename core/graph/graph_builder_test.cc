// Graphs that are written node by node: names, types, constants, sizes that depend on symbols, and
// the way back.
#include "nomograph/core/graph/graph_builder.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/graph/model.h"

namespace nomograph {
namespace {

using ::testing::HasSubstr;

class GraphBuilderTest : public testing::Test {
 protected:
  ValueId Add(const std::string& op, std::vector<ValueId> inputs, Attributes attrs = {}) {
    auto ids = builder_.AddNode(
        {.name = "node", .op = op, .attrs = std::move(attrs), .inputs = std::move(inputs)}, {true});
    EXPECT_TRUE(ids.ok()) << ids.status();
    return ids.ok() ? (*ids)[0] : kNoValue;
  }
  ValueId Ints(std::vector<int64_t> values) {
    return builder_.AddWeight(
        "ints", *Tensor::FromVector({static_cast<int64_t>(values.size())}, values), false);
  }

  FunctionLibrary functions_;
  TypeInferrer inferrer_{functions_, OpRegistry::Default()};
  Graph graph_;
  GraphBuilder builder_{graph_, &inferrer_};
};

TEST_F(GraphBuilderTest, NamesAndTypes) {
  const ValueId x = builder_.AddInput("x", {DType::kFloat32, {2, 3}});
  const ValueId y = Add("nn.Relu", {x}), z = Add("nn.Relu", {y});
  EXPECT_EQ(builder_.type(z), (TensorType{DType::kFloat32, {2, 3}}));
  EXPECT_EQ(graph_.nodes[0].name, "node");
  EXPECT_EQ(graph_.nodes[1].name, "node_1");
  builder_.Rename(z, "x");
  EXPECT_EQ(graph_.value(z).name, "x_1");
  graph_.outputs = {z};
  EXPECT_TRUE(VerifyGraph(graph_).ok());
}

TEST_F(GraphBuilderTest, AFaultAddsNothing) {
  const ValueId x = builder_.AddInput("x", {DType::kFloat32, {2, 3}});
  const auto ids = builder_.AddNode({.name = "sum", .op = "math.MatMul", .inputs = {x, x}}, {true});
  EXPECT_THAT(std::string(ids.status().message()), HasSubstr("[2,3]"));
  EXPECT_EQ(graph_.nodes.size(), 0u);
  EXPECT_EQ(graph_.values.size(), 1u);
  EXPECT_EQ(builder_.FreeNodeName("sum"), "sum");
}

// The shape of a flattened image, as exporters compute it.
TEST_F(GraphBuilderTest, ConstantsAndSymbols) {
  const ValueId x =
      builder_.AddInput("x", {DType::kFloat32, {Dim::Symbol("batch"), Dim(3), Dim(4)}});
  const ValueId shape = Add("array.Shape", {x});
  const ValueId rest = Add("math.ReduceProd", {Add("array.Slice", {shape, Ints({1}), Ints({3})})},
                           {{"keepdims", true}});
  ASSERT_NE(builder_.sizes(rest), std::nullopt);
  EXPECT_EQ(builder_.sizes(rest)->at(0).number, 12);
  const ValueId batch = Add("array.Slice", {shape, Ints({0}), Ints({1})});
  EXPECT_EQ(builder_.sizes(batch)->at(0).symbol, "batch");
  const ValueId flat = Add("array.Reshape", {x, Add("array.Concat", {batch, rest}, {{"axis", 0}})});
  EXPECT_EQ(builder_.type(flat).shape, (PartialShape{Dim::Symbol("batch"), Dim(12)}));

  const ValueId six = Add("math.Mul", {Ints({2}), Ints({3})});
  ASSERT_NE(builder_.constant(six), nullptr);
  EXPECT_EQ(*builder_.constant(six), Tensor::Vector<int64_t>({6}));
  EXPECT_EQ(builder_.constant(flat), nullptr);
}

TEST_F(GraphBuilderTest, GoesBack) {
  const ValueId x = builder_.AddInput("x", {DType::kFloat32, {Dim::Symbol("batch"), Dim(3)}});
  const auto mark = builder_.Here();
  const ValueId shape = Add("array.Shape", {x});
  const ValueId two = Add("math.Mul", {Ints({1}), Ints({2})});
  ASSERT_NE(builder_.constant(two), nullptr);
  builder_.GoBack(mark);
  EXPECT_EQ(graph_.nodes.size(), 0u);
  EXPECT_EQ(graph_.values.size(), 1u);
  EXPECT_EQ(graph_.weights.size(), 0u);
  EXPECT_EQ(builder_.constant(two), nullptr);
  EXPECT_EQ(builder_.sizes(shape), std::nullopt);
  Add("nn.Relu", {x});
  EXPECT_EQ(graph_.nodes[0].name, "node");
}

TEST_F(GraphBuilderTest, AnOpThatIsNotKnownHasItsDeclaredTypes) {
  const ValueId x = builder_.AddInput("x", {DType::kFloat32, {2}});
  const auto ids = builder_.AddNode({.name = "far", .op = "acme.Far", .inputs = {x}},
                                    {true, false, true}, {{DType::kInt8, {5}}, {}, {}});
  ASSERT_TRUE(ids.ok()) << ids.status();
  EXPECT_EQ(builder_.type((*ids)[0]), (TensorType{DType::kInt8, {5}}));
  EXPECT_EQ((*ids)[1], kNoValue);
  EXPECT_EQ(builder_.type((*ids)[2]).dtype, DType::kInvalid);
}

}  // namespace
}  // namespace nomograph
