// What the losses and the composed ops of transformers say of shapes that are known in part, and of
// arguments that do not fit.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

using Ints = std::vector<int64_t>;
using testing::HasSubstr;

const Dim kBatch = Dim::Symbol("batch");
const TensorType kAbsent;

TensorType Floats(PartialShape shape) { return {DType::kFloat32, std::move(shape)}; }
TensorType Longs(PartialShape shape) { return {DType::kInt64, std::move(shape)}; }
TensorType Words(PartialShape shape) { return {DType::kInt32, std::move(shape)}; }

struct Case {
  std::string op;
  std::vector<TensorType> inputs;
  Attributes attrs;
  std::string expected;
};

// The types that the op infers for all of its outputs, or its error.
std::string Infer(const Case& c) {
  const OpDef& op = *OpRegistry::Default().Find(c.op);
  const auto attrs = ResolveAttributes(op.attrs, c.attrs);
  if (!attrs.ok()) return std::string(attrs.status().message());
  const int outputs = static_cast<int>(op.outputs.size());
  const auto types = InferNode(op, InferContext(*attrs, c.inputs, {}, outputs));
  if (!types.ok()) return std::string(types.status().message());
  std::string text;
  for (const TensorType& type : *types) text += type.ToString() + " ";
  return text;
}

TEST(ModelShapes, KeepWhatIsKnown) {
  const TensorType x = Floats({kBatch, 7, 4}), weights = Floats({4, 12});
  const Case cases[] = {
      {"nn.NegativeLogLikelihoodLoss", {Floats({kBatch, 3}), Longs({Dim()})}, {}, "float32[] "},
      {"nn.NegativeLogLikelihoodLoss",
       {Floats({kBatch, 3, Dim()}), Longs({Dim(), 5})},
       {{"reduction", "none"}},
       "float32[batch,5] "},
      {"nn.NegativeLogLikelihoodLoss",
       {Floats(PartialShape()), Longs({kBatch, 5})},
       {{"reduction", "none"}},
       "float32[batch,5] "},
      {"nn.SoftmaxCrossEntropyLoss",
       {Floats({kBatch, 3}), Longs({kBatch}), Floats({3})},
       {},
       "float32[] float32[batch,3] "},
      {"nn.SkipLayerNormalization",
       {x, Floats({1, 7, 4}), Floats({4})},
       {},
       "float32[batch,7,4] float32[batch,7,1] float32[batch,7,1] float32[batch,7,4] "},
      {"nn.EmbedLayerNormalization",
       {Words({kBatch, 7}), kAbsent, Floats({9, 4}), Floats({Dim(), 4}), kAbsent, Floats({4}),
        Floats({4})},
       {},
       "float32[batch,7,4] int32[batch] float32[batch,7,4] "},
      {"nn.Attention",
       {x, weights, kAbsent, Words({Dim()})},
       {{"num_heads", 2}},
       "float32[batch,7,4] float32[2,batch,2,7,2] "},
      {"nn.Attention",
       {Floats(PartialShape()), weights},
       {{"num_heads", 1}, {"qkv_hidden_sizes", Ints{4, 4, 4}}},
       "float32[?,?,4] float32[2,?,1,?,4] "},
      {"nn.Attention",
       {x, weights, kAbsent, Words({kBatch, 10}), Floats({2, kBatch, 1, 3, 4}),
        Floats({1, 1, 7, 10})},
       {{"num_heads", 1}},
       "float32[batch,7,4] float32[2,batch,1,10,4] "},
      {"math.FusedMatMul",
       {Floats({2, kBatch, 3}), Floats({4, 3})},
       {{"transpose_batch_a", true}, {"transpose_b", true}},
       "float32[batch,2,4] "},
  };
  for (const Case& c : cases) EXPECT_EQ(Infer(c), c.expected) << c.op << " " << c.attrs.ToString();
}

TEST(ModelShapes, SayWhatDoesNotFit) {
  const TensorType x = Floats({5, 7, 4}), weights = Floats({4, 12}), vector = Floats({4});
  const TensorType words = Floats({9, 4});
  const Case cases[] = {
      {"nn.NegativeLogLikelihoodLoss",
       {Floats({2, 3, 4}), Longs({2, 3})},
       {},
       "input 1 (the classes): expected shape [2,4], found [2,3]"},
      {"nn.NegativeLogLikelihoodLoss",
       {Floats({2, 3}), Longs({2}), Floats({2})},
       {},
       "input weight: expected shape [3] (one element per channel), found [2]"},
      {"nn.NegativeLogLikelihoodLoss", {Floats({2}), Longs(Shape{})}, {}, "axis 1 is outside of"},
      {"nn.SoftmaxCrossEntropyLoss",
       {Floats({2, 3}), Longs({2})},
       {{"reduction", "max"}},
       "\"max\" is none of none, mean, sum"},
      {"nn.SkipLayerNormalization",
       {x, Floats({2, 5, 7, 4}), vector},
       {},
       "skip: expected a shape that broadcasts to [5,7,4], found [2,5,7,4]"},
      {"nn.SkipLayerNormalization", {x, x, Floats({7})}, {}, "input gamma: expected shape [4]"},
      {"nn.EmbedLayerNormalization",
       {Words({2, 7}), Words({2, 7}), words, words, kAbsent, vector, vector},
       {},
       "expected segment_ids and segment_embedding, found one of them"},
      {"nn.EmbedLayerNormalization",
       {Words({2, 7}), kAbsent, words, Floats({9, 5}), kAbsent, vector, vector},
       {},
       "position_embedding: expected shape [?,4], found [9,5]"},
      {"nn.Attention", {Floats({7, 4}), weights}, {{"num_heads", 2}}, "x: expected [B, S, D]"},
      {"nn.Attention",
       {x, Floats({3, 12})},
       {{"num_heads", 2}},
       "weights: expected a matrix of as many rows as x has columns, 4, found shape [3,12]"},
      {"nn.Attention", {x, weights}, {{"num_heads", 3}}, "num_heads: 3 does not divide"},
      {"nn.Attention",
       {x, Floats({4, 13})},
       {{"num_heads", 1}},
       "expected three times as many columns as queries have, found 13"},
      {"nn.Attention",
       {x, weights},
       {{"num_heads", 1}, {"qkv_hidden_sizes", Ints{4, 2, 6}}},
       "the sizes of queries, keys (the same) and values, found [4, 2, 6]"},
      {"nn.Attention",
       {x, weights, kAbsent, Words({11})},
       {{"num_heads", 1}},
       "mask_index: expected [B], [2 B], [B, T], [B, S, T] or [B, 1, S, T] for x of shape [5,7,4]"},
      {"nn.Attention",
       {x, weights},
       {{"num_heads", 1}, {"qkv_hidden_sizes", Ints{2, 2, 8}}},
       "past and present: expected keys and values of one size, found qkv_hidden_sizes [2, 2, 8]"},
      {"nn.Attention",
       {x, weights, kAbsent, kAbsent, Floats({2, 5, 3, 4})},
       {{"num_heads", 2}},
       "past: expected shape [2,5,2,?,2], found [2,5,3,4]"},
      {"nn.Attention",
       {x, weights, kAbsent, kAbsent, kAbsent, Floats({2, 5, 1, 7, 7})},
       {{"num_heads", 2}},
       "attention_bias: expected a shape that broadcasts to [5,2,7,7], found [2,5,1,7,7]"},
      {"math.FusedMatMul",
       {Floats({3}), Floats({3})},
       {{"transpose_batch_a", true}},
       "transpose_batch_a: expected at least 2 axes, found shape [3]"},
      {"math.FusedMatMul", {Floats({2, 3}), Floats({2, 3})}, {}, "expected equal inner sizes"},
  };
  for (const Case& c : cases) EXPECT_THAT(Infer(c), HasSubstr(c.expected)) << c.op;
}

TEST(ModelShapes, TargetsAreClasses) {
  const OpDef& op = *OpRegistry::Default().Find("nn.NegativeLogLikelihoodLoss");
  const Tensor x(DType::kFloat32, {2, 3});
  const Attributes ignored = {{"ignore_index", -1}};
  const auto fault = [&](int64_t target, const Attributes& attrs) {
    const auto loss = RunOp(op, {x, Tensor::Vector<int64_t>({0, target})}, attrs);
    return std::string(loss.status().message());
  };
  EXPECT_THAT(fault(3, {}), HasSubstr("target: element 1 is 3, outside of [0, 3)"));
  EXPECT_THAT(fault(-1, {}), HasSubstr("target: element 1 is -1"));
  EXPECT_EQ(fault(-1, ignored), "");
}

}  // namespace
}  // namespace nomograph
