// Costs against sums that are done by hand, and formulas against the number of products that the
// definition has.
#include "nomograph/inspect/costs.h"

#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/value.h"
#include "nomograph/inspect/macs.h"

namespace nomograph {
namespace {

TensorType Float(Shape shape) { return {DType::kFloat32, shape}; }

struct MacsCase {
  const char* op;
  Attributes attrs;
  std::vector<Shape> inputs;
  std::vector<Shape> outputs;
  int64_t macs;
};

TEST(MultiplyAccumulates, CountsProductsOfTheDefinition) {
  const std::vector<MacsCase> cases = {
      // PyTorch's resnet50, conv1: 64 * 112 * 112 outputs of 3 * 7 * 7 products.
      {"nn.Conv",
       {{"kernel_layout", "OIHW"}, {"data_format", "channels_first"}},
       {{1, 3, 224, 224}, {64, 3, 7, 7}},
       {{1, 64, 112, 112}},
       int64_t{64} * 112 * 112 * 3 * 7 * 7},
      // Depthwise: 9 products an output.
      {"nn.Conv", {{"groups", 8}}, {{2, 5, 5, 8}, {3, 3, 1, 8}}, {{2, 3, 3, 8}}, 2 * 3 * 3 * 8 * 9},
      // Each of the 2 * 4 * 4 * 3 inputs goes into 6 filters of 2 * 2 taps.
      {"nn.ConvTranspose", {}, {{2, 4, 4, 3}, {2, 2, 6, 3}}, {{2, 8, 8, 6}}, 2 * 16 * 3 * 4 * 6},
      {"math.MatMul", {}, {{7, 2, 3}, {3, 5}}, {{7, 2, 5}}, 7 * 2 * 3 * 5},
      {"math.MatMul", {}, {{3}, {3}}, {{}}, 3},
      {"math.Gemm", {{"transpose_a", true}}, {{3, 2}, {3, 5}}, {{2, 5}}, 2 * 3 * 5},
      {"math.FusedMatMul", {{"transpose_a", true}}, {{7, 3, 2}, {7, 3, 5}}, {{7, 2, 5}}, 7 * 30},
      {"math.FusedMatMul",
       {{"transpose_a", true}, {"transpose_batch_a", true}},
       {{3, 7, 2}, {7, 3, 5}},
       {{7, 2, 5}},
       7 * 30},
      // 10 steps, batch 2, 4 gates of 8 with 3 inputs and 8 states, both directions.
      {"nn.LSTM",
       {{"direction", "bidirectional"}},
       {{10, 2, 3}, {2, 32, 3}, {2, 32, 8}},
       {{10, 2, 2, 8}},
       10 * 2 * 2 * 32 * (3 + 8)},
      {"nn.GRU", {}, {{10, 2, 3}, {1, 24, 3}, {1, 24, 8}}, {{10, 1, 2, 8}}, 10 * 2 * 24 * 11},
      // B 2, heads 4, S 5, L 6, D 8, Dv 7.
      {"nn.ScaledDotProductAttention",
       {},
       {{2, 4, 5, 8}, {2, 4, 6, 8}, {2, 4, 6, 7}},
       {{2, 4, 5, 7}},
       2 * 4 * 5 * 6 * (8 + 7)},
      // The same with keys [B, L, heads, D].
      {"nn.DotProductAttention",
       {{"key_perm", std::vector<int64_t>{0, 2, 1, 3}}},
       {{2, 4, 5, 8}, {2, 6, 4, 8}, {2, 4, 6, 7}},
       {{2, 4, 5, 7}},
       2 * 4 * 5 * 6 * (8 + 7)},
      {"nn.Attention",
       {{"num_heads", 2}},
       {{2, 5, 6}, {6, 24}},
       {{2, 5, 8}},
       2 * 5 * 6 * 24 + 2 * 5 * 5 * (8 + 8)},
      {"math.Einsum", {{"equation", "bij,bjk->bik"}}, {{2, 3, 4}, {2, 4, 5}}, {{2, 3, 5}}, 120},
      // (ij,jk->ik) then (ik,kl->il).
      {"math.Einsum",
       {{"equation", "ij,jk,kl->il"}},
       {{2, 3}, {3, 4}, {4, 5}},
       {{2, 5}},
       2 * 3 * 4 + 2 * 4 * 5},
      {"math.Einsum", {{"equation", "ii->"}}, {{3, 3}}, {{}}, 0},
      {"nn.Relu", {}, {{3, 3}}, {{3, 3}}, 0},
  };
  for (const MacsCase& c : cases) {
    const OpDef* op = OpRegistry::Default().Find(c.op);
    ASSERT_NE(op, nullptr) << c.op;
    const auto attrs = ResolveAttributes(op->attrs, c.attrs);
    ASSERT_TRUE(attrs.ok()) << c.op << ": " << attrs.status();
    std::vector<TensorType> inputs, outputs;
    for (const Shape& shape : c.inputs) inputs.push_back(Float(shape));
    for (const Shape& shape : c.outputs) outputs.push_back(Float(shape));
    EXPECT_EQ(MultiplyAccumulates(*op, *attrs, inputs, outputs), c.macs) << c.op;
  }
}

TEST(MultiplyAccumulates, KnowsNothingOfOpenShapes) {
  const OpDef* op = OpRegistry::Default().Find("math.MatMul");
  const std::vector<TensorType> inputs = {{DType::kFloat32, {Dim(), 3}}, Float({3, 5})};
  const std::vector<TensorType> outputs = {{DType::kFloat32, {Dim(), 5}}};
  EXPECT_EQ(MultiplyAccumulates(*op, {}, inputs, outputs), std::nullopt);
}

// x [n,4] -> a = x w -> b = relu(a) -> y = b + x, for n = 2: values of 32 bytes.
TEST(ComputeCosts, FollowsWhatIsAlive) {
  const Value x = InputValue({DType::kFloat32, {Dim::Symbol("n"), 4}}, "x");
  const Value w = Constant(Tensor::Full(DType::kFloat32, {4, 4}, 1));
  const Value a = Call("math.MatMul", {x, w}, {}, {.name = "a"});
  const Value b = Call("nn.Relu", {a}, {}, {.name = "b"});
  const auto model = BuildModel({x}, {Call("math.Add", {b, x}, {}, {.name = "y"})});
  ASSERT_TRUE(model.ok()) << model.status();
  const auto costs = ComputeCosts(*model, {Float({2, 4})});
  ASSERT_TRUE(costs.ok()) << costs.status();
  EXPECT_EQ(costs->total.macs, 2 * 4 * 4);
  EXPECT_EQ(costs->activation_bytes, 3 * 32);
  EXPECT_EQ(costs->peak_bytes, 3 * 32);  // x, a and b
  EXPECT_EQ(costs->open_nodes, 0);
  EXPECT_FALSE(costs->has_loops);
}

}  // namespace
}  // namespace nomograph
