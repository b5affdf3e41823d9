// Shape functions of this domain, math.MatMul, math.Gemm and image.Resize: partial shapes, and what
// is refused.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

using Ints = std::vector<int64_t>;

const Dim kUnknown;
const Dim kBatch = Dim::Symbol("batch");
const Dim kWidth = Dim::Symbol("width");

struct Case {
  std::string op;
  Attributes attrs;
  std::vector<PartialShape> inputs;  // all float32
  // The output's shape, or a part of the error.
  std::string expected;
};

absl::StatusOr<TensorType> Infer(const Case& c) {
  const OpDef* op = OpRegistry::Default().Find(c.op);
  if (op == nullptr) return absl::NotFoundError(c.op);
  NOMO_ASSIGN_OR_RETURN(const Attributes attrs, ResolveAttributes(op->attrs, c.attrs));
  std::vector<TensorType> types;
  for (const PartialShape& shape : c.inputs) types.push_back({DType::kFloat32, shape});
  NOMO_ASSIGN_OR_RETURN(const auto outputs, InferNode(*op, InferContext(attrs, types, {}, 1)));
  return outputs[0];
}

void Check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.op + " " + c.attrs.ToString());
    const auto type = Infer(c);
    if (c.expected[0] == '[') {
      ASSERT_TRUE(type.ok()) << type.status();
      EXPECT_EQ(type->shape.ToString(), c.expected);
    } else {
      ASSERT_FALSE(type.ok()) << type->ToString();
      EXPECT_THAT(std::string(type.status().message()), testing::HasSubstr(c.expected));
    }
  }
}

TEST(Shapes, OfConvolutions) {
  const PartialShape kernel = {3, 3, 2, 4};
  const PartialShape x = {kBatch, 8, kWidth, 2};
  Check({
      {"nn.Conv", {}, {x, kernel}, "[batch,6,?,4]"},
      {"nn.Conv", {{"padding", "same"}}, {x, kernel}, "[batch,8,width,4]"},
      {"nn.Conv", {{"padding", "same"}, {"strides", Ints{3, 2}}}, {x, kernel}, "[batch,3,?,4]"},
      {"nn.Conv",
       {{"padding", "explicit"}, {"pads", Ints{0, 1, 0, 1}}},
       {x, kernel},
       "[batch,6,width,4]"},
      {"nn.Conv", {}, {PartialShape(), kernel}, "[...]"},
      {"nn.Conv", {}, {x, PartialShape()}, "[batch,?,?,?]"},
      {"nn.Conv", {{"padding", "same"}}, {x, PartialShape()}, "[batch,8,width,?]"},
      {"nn.Conv", {}, {{kBatch, 8, 8, kUnknown}, kernel, {4}}, "[batch,6,6,4]"},
      {"nn.Conv",
       {{"data_format", "channels_first"}, {"kernel_layout", "OIHW"}},
       {{kBatch, 2, 8, 8}, {4, 2, 3, 3}},
       "[batch,4,6,6]"},
      {"nn.ConvTranspose", {{"strides", Ints{2, 2}}}, {x, {3, 3, 4, 2}}, "[batch,17,?,4]"},
      {"nn.ConvTranspose", {{"padding", "same"}}, {x, {3, 3, 4, 2}}, "[batch,8,width,4]"},
      {"nn.ConvTranspose", {{"output_shape", Ints{9, 9}}}, {x, {3, 3, 4, 2}}, "[batch,9,9,4]"},
      {"nn.ConvTranspose", {{"groups", 2}}, {x, {3, 3, 4, 2}}, "[batch,10,?,8]"},
  });
}

TEST(Shapes, ThatConvolutionsRefuse) {
  const PartialShape kernel = {3, 3, 2, 4};
  const int64_t huge = int64_t{1} << 60;
  Check({
      {"nn.Conv", {}, {{1, 8}, kernel}, "input x: expected 3 to 5 axes"},
      {"nn.Conv",
       {},
       {{1, 8, 2}, kernel},
       "input kernel: expected 3 axes like x, found shape [3,3,2,4]"},
      {"nn.Conv", {}, {{1, 8, 8, 3}, kernel}, "1 groups of 2 as the kernel has them, found 3"},
      {"nn.Conv", {{"groups", 3}}, {{1, 8, 8, 6}, kernel}, "expected a multiple of 3 (groups)"},
      {"nn.Conv", {}, {{1, 8, 8, 2}, kernel, {3}}, "input bias: expected shape [4]"},
      {"nn.Conv",
       {},
       {{1, 2, 8, 2}, kernel},
       "at least 3 elements along spatial axis 0 for the window, found 2"},
      {"nn.Conv", {}, {{1, huge, 8, 2}, kernel}, "spatial sizes up to 2147483647"},
      {"nn.Conv", {}, {{1, 8, 8, 2}, {huge, 3, 2, 4}}, "a kernel size from 1 to 2147483647"},
      {"nn.Conv", {}, {{1, 8, 8, 2}, {0, 3, 2, 4}}, "a kernel size from 1 to 2147483647"},
      {"nn.Conv", {{"strides", Ints{2}}}, {{1, 8, 8, 2}, kernel}, "strides: expected 2 values"},
      {"nn.Conv", {{"strides", Ints{0, 1}}}, {{1, 8, 8, 2}, kernel}, "strides"},
      {"nn.Conv",
       {{"pads", Ints{1, 1, 1, 1}}},
       {{1, 8, 8, 2}, kernel},
       "they go with \"explicit\""},
      {"nn.ConvTranspose", {}, {{1, 8, 8, 3}, {3, 3, 4, 2}}, "found 3"},
      {"nn.ConvTranspose", {{"groups", huge}}, {{1, 8, 8, huge}, {3, 3, huge, huge}}, "2^62"},
      {"nn.ConvTranspose",
       {{"padding", "explicit"}, {"pads", Ints{9, 0, 9, 0}}},
       {{1, 8, 8, 2}, {3, 3, 4, 2}},
       "expected padding up to 10 along spatial axis 0"},
      {"nn.ConvTranspose",
       {{"padding", "explicit"}, {"pads", Ints{0, 0, 0, 0}}, {"output_shape", Ints{9, 9}}},
       {{1, 8, 8, 2}, {3, 3, 4, 2}},
       "expected one of them, found both"},
      {"nn.ConvTranspose",
       {{"strides", Ints{2147483647}}},
       {{1, 2147483647, 2}, {3, 4, 2}},
       "output: expected spatial"},
  });
}

TEST(Shapes, OfPools) {
  const PartialShape x = {kBatch, 7, kWidth, 3};
  Check({
      {"nn.MaxPool", {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}}, {x}, "[batch,3,?,3]"},
      {"nn.MaxPool",
       {{"kernel_shape", Ints{2, 1}}, {"strides", Ints{2, 1}}, {"ceil_mode", true}},
       {x},
       "[batch,4,width,3]"},
      {"nn.AveragePool",
       {{"kernel_shape", Ints{2, 2}}, {"padding", "same"}},
       {x},
       "[batch,7,width,3]"},
      {"nn.AveragePool", {{"kernel_shape", Ints{2, 2}}}, {PartialShape()}, "[...]"},
      {"nn.MaxPool", {}, {x}, "kernel_shape"},
      {"nn.MaxPool",
       {{"kernel_shape", Ints{2}}},
       {x},
       "expected a kernel with 2 spatial axes like x, found 1"},
      {"nn.MaxPool",
       {{"kernel_shape", Ints{8, 1}}},
       {x},
       "at least 8 elements along spatial axis 0"},
      {"nn.GlobalAveragePool", {}, {x}, "[batch,3]"},
      {"nn.GlobalMaxPool", {{"keepdims", true}}, {x}, "[batch,1,1,3]"},
      {"nn.GlobalMaxPool", {}, {{1, 0, 2}}, "at least 1, found shape [1,0,2]"},
  });
}

TEST(Shapes, OfNormalizations) {
  const PartialShape x = {kBatch, 7, 4};
  Check({
      {"nn.BatchNormalization", {}, {x, {4}, {4}, {4}, {kUnknown}}, "[batch,7,4]"},
      {"nn.BatchNormalization",
       {{"axis", 1}},
       {x, {4}, {4}, {4}, {4}},
       "input scale: expected shape [7]"},
      {"nn.BatchNormalization",
       {{"axis", 3}},
       {x, {4}, {4}, {4}, {4}},
       "axis 3 is outside of [-3, 3)"},
      {"nn.LayerNormalization", {{"axis", -2}}, {x, {7, 4}, {7, 4}}, "[batch,7,4]"},
      {"nn.LayerNormalization",
       {},
       {x, {7, 4}},
       "input scale: expected shape [4] (that of x from axis on)"},
      {"nn.RmsNormalization", {}, {x, {4}}, "[batch,7,4]"},
      {"nn.GroupNormalization", {{"num_groups", 2}}, {x, {4}, {4}}, "[batch,7,4]"},
      {"nn.GroupNormalization",
       {{"num_groups", 3}},
       {x},
       "a multiple of 3 (num_groups) channels, found 4"},
      {"nn.InstanceNormalization", {{"axis", 0}}, {x}, "a channel axis behind the batch axis"},
      {"nn.Softmax", {{"axis", -4}}, {x}, "axis -4 is outside of [-3, 3)"},
      {"nn.Dropout", {{"rate", 1.5}}, {x}, "rate"},
  });
}

TEST(Shapes, OfMatrixProducts) {
  Check({
      {"math.MatMul", {}, {{kBatch, 3}, {3, 5}}, "[batch,5]"},
      {"math.MatMul", {}, {{kBatch, kUnknown, 3}, {kUnknown, 5}}, "[batch,?,5]"},
      {"math.MatMul", {}, {{kBatch, 2, 3}, {kBatch, 3, 5}}, "[batch,2,5]"},
      {"math.MatMul", {{"transpose_b", true}}, {{2, 3}, {kWidth, 3}}, "[2,width]"},
      {"math.MatMul", {}, {{3}, {7, 3, 5}}, "[7,5]"},
      {"math.MatMul", {}, {{3}, {3}}, "[]"},
      {"math.MatMul", {}, {PartialShape(), {3, 5}}, "[...]"},
      {"math.MatMul",
       {},
       {{2, 3}, {4, 5}},
       "inner sizes of a and b, found 3 and 4 in shapes [2,3] and [4,5]"},
      {"math.MatMul", {}, {{2, 2, 3}, {3, 3, 5}}, "do not broadcast"},
      {"math.MatMul", {}, {Shape{}, {3, 5}}, "input a: expected at least 1 axis"},
      {"math.MatMul",
       {{"transpose_a", true}},
       {{3}, {3, 5}},
       "input a: expected at least 2 axes to transpose"},
      {"math.Gemm", {{"transpose_a", true}}, {{3, kBatch}, {3, 5}, {5}}, "[batch,5]"},
      {"math.Gemm", {}, {PartialShape(), {3, 5}}, "[?,5]"},
      {"math.Gemm",
       {},
       {{1, 3}, {3, 5}, {2, 5}},
       "input c: expected a shape that broadcasts to [1,5]"},
      {"math.Gemm",
       {},
       {{1, 3}, {3, 5}, {1, 1, 5}},
       "input c: expected a shape that broadcasts to [1,5]"},
      {"math.Gemm", {}, {{1, 2, 3}, {3, 5}}, "input a: expected a matrix"},
  });
}

TEST(Shapes, OfResize) {
  const PartialShape x = {kBatch, 7, kWidth, 3};
  Check({
      {"image.Resize", {{"sizes", Ints{4, 5}}}, {x}, "[batch,4,5,3]"},
      {"image.Resize", {{"scales", std::vector<double>{0.5, 1.0}}}, {x}, "[batch,3,width,3]"},
      {"image.Resize", {{"scales", std::vector<double>{2.0, 2.0}}}, {x}, "[batch,14,?,3]"},
      {"image.Resize", {{"sizes", Ints{4, 5}}}, {{7, 8, 3}}, "[4,5,3]"},
      {"image.Resize",
       {{"sizes", Ints{4}}, {"data_format", "channels_first"}},
       {{2, 3, 8}},
       "[2,3,4]"},
      {"image.Resize", {}, {x}, "expected 1 to 3 values in one of them, found 0 and 0"},
      {"image.Resize", {{"sizes", Ints{4}}}, {x}, "input x: expected 3 axes"},
      {"image.Resize",
       {{"scales", std::vector<double>{1e9, 1.0}}},
       {x},
       "expected sizes up to 2147483647"},
      {"image.Resize", {{"sizes", Ints{4, 5}}}, {{1, 0, 5, 3}}, "at least 1, found 0"},
  });
}

}  // namespace
}  // namespace nomograph
