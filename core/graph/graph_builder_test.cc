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

// Heads are split from the channels and joined to the rows, as PyTorch's attention is exported: the
// rows are batch again at the end, though they were 5 * batch in between.
TEST_F(GraphBuilderTest, UnknownSizesAreFollowed) {
  const Dim batch = Dim::Symbol("batch");
  const ValueId x = builder_.AddInput("x", {DType::kFloat32, {Dim(7), batch, Dim(20)}});
  const ValueId heads = Add("array.Reshape", {x, Ints({7, -1, 4})});
  EXPECT_EQ(builder_.type(heads).shape, (PartialShape{Dim(7), Dim(), Dim(4)}));
  const ValueId turned = Add("array.Transpose", {heads}, {{"perm", std::vector<int64_t>{1, 0, 2}}});
  const ValueId joined = Add("array.Reshape", {turned, Ints({-1, 20})});
  EXPECT_EQ(builder_.type(joined).shape, (PartialShape{Dim(), Dim(20)}));
  const ValueId width = Add("array.Slice", {Add("array.Shape", {joined}), Ints({1}), Ints({2})});
  ASSERT_NE(builder_.sizes(width), std::nullopt);
  EXPECT_EQ(builder_.sizes(width)->at(0).number, 20);
  const ValueId again = Add("array.Reshape", {joined, Ints({7, -1, 20})});
  EXPECT_EQ(builder_.type(again).shape, (PartialShape{Dim(7), batch, Dim(20)}));
}

// A size without a name stays without one, also where its shape is computed; what two of them have
// in common is not guessed.
TEST_F(GraphBuilderTest, SizesWithoutAName) {
  const ValueId x = builder_.AddInput("x", {DType::kFloat32, {Dim(), Dim(6)}});
  const ValueId y = builder_.AddInput("y", {DType::kFloat32, {Dim(), Dim(6)}});
  const ValueId shape = Add("array.Shape", {x});
  ASSERT_NE(builder_.sizes(shape), std::nullopt);
  EXPECT_EQ(builder_.sizes(shape)->at(0).number, std::nullopt);
  EXPECT_EQ(builder_.sizes(shape)->at(0).symbol, "");
  EXPECT_EQ(builder_.sizes(shape)->at(1).number, 6);
  const ValueId rows = Add("array.Slice", {shape, Ints({0}), Ints({1})});
  const ValueId halves =
      Add("array.Reshape", {x, Add("array.Concat", {rows, Ints({2, 3})}, {{"axis", int64_t{0}}})});
  EXPECT_EQ(builder_.type(halves).shape, (PartialShape{Dim(), Dim(2), Dim(3)}));

  EXPECT_EQ(builder_.type(Add("math.Add", {x, y})).shape, (PartialShape{Dim(), Dim(6)}));
  const ValueId others = Add("array.Slice", {Add("array.Shape", {y}), Ints({0}), Ints({1})});
  EXPECT_EQ(builder_.sizes(Add("math.Div", {rows, others}))->at(0).number, std::nullopt);
  // The difference of a size and itself is 0, whatever it is.
  EXPECT_EQ(builder_.sizes(Add("math.Sub", {rows, rows}))->at(0).number, 0);
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
