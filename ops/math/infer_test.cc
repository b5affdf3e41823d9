// What the math ops and activations say of shapes that are known in part, and of arguments that do
// not fit.
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

TensorType Floats(std::initializer_list<Dim> dims) { return {DType::kFloat32, PartialShape(dims)}; }
TensorType Longs(std::initializer_list<Dim> dims) { return {DType::kInt64, PartialShape(dims)}; }
const TensorType kUnknownRank = {DType::kFloat32, PartialShape()};
const Dim kBatch = Dim::Symbol("batch");

struct Case {
  std::string op;
  std::vector<TensorType> inputs;
  Attributes attrs;
  std::string expected;
};

// The type that the op infers, or its error.
std::string Infer(const Case& c) {
  const OpDef& op = *OpRegistry::Default().Find(c.op);
  const auto attrs = ResolveAttributes(op.attrs, c.attrs);
  if (!attrs.ok()) return std::string(attrs.status().message());
  const auto types = InferNode(op, InferContext(*attrs, c.inputs, {}, 1));
  return types.ok() ? (*types)[0].ToString() : std::string(types.status().message());
}

TEST(MathInfer, KeepsWhatIsKnown) {
  const Case cases[] = {
      {"math.Add", {Floats({kBatch, 3}), Floats({3})}, {}, "float32[batch,3]"},
      {"math.Add", {Floats({kBatch, 1}), Floats({1, Dim()})}, {}, "float32[batch,?]"},
      {"math.Add", {kUnknownRank, Floats({3})}, {}, "float32[...]"},
      {"math.Less", {Floats({kBatch}), Floats({})}, {}, "bool[batch]"},
      {"math.Pow", {Floats({kBatch, 3}), Longs({3})}, {}, "float32[batch,3]"},
      {"math.Det", {Floats({kBatch, 3, Dim()})}, {}, "float32[batch]"},
      {"math.Max", {Floats({kBatch, 1}), Floats({3}), Floats({1, 1, 1})}, {}, "float32[1,batch,3]"},
      {"math.Clip", {Floats({kBatch}), Floats({}), TensorType{}}, {}, "float32[batch]"},
      {"math.Clip", {Floats({kBatch}), TensorType{}, kUnknownRank}, {}, "float32[batch]"},
      {"math.ReduceSum", {Floats({kBatch, 3, Dim()})}, {}, "float32[1,1,1]"},
      {"math.ReduceSum", {Floats({kBatch, 3, Dim()})}, {{"axes", Ints{-1}}}, "float32[batch,3,1]"},
      {"math.ReduceSum",
       {Floats({kBatch, 3, Dim()})},
       {{"axes", Ints{1}}, {"keepdims", false}},
       "float32[batch,?]"},
      {"math.ReduceSum",
       {Floats({kBatch, 3})},
       {{"noop_with_empty_axes", true}},
       "float32[batch,3]"},
      {"math.ReduceSum", {kUnknownRank}, {{"axes", Ints{1}}}, "float32[...]"},
      {"math.ReduceSum", {Floats({kBatch, 3}), Longs({1})}, {}, "float32[?,?]"},
      {"math.ReduceSum", {Floats({kBatch, 3}), Longs({1})}, {{"keepdims", false}}, "float32[...]"},
      {"math.ArgMax", {Floats({kBatch, 10})}, {{"axis", -1}, {"keepdims", false}}, "int64[batch]"},
      {"math.ArgMax", {Floats({kBatch, Dim()})}, {{"axis", 1}}, "int64[batch,1]"},
      {"math.ArgMax", {kUnknownRank}, {}, "int64[...]"},
      {"math.CumSum", {Floats({kBatch, 3})}, {{"axis", 1}}, "float32[batch,3]"},
      {"math.CumSum", {Floats({kBatch, 3}), Longs({})}, {}, "float32[batch,3]"},
      {"nn.Gelu", {Floats({kBatch, Dim()})}, {}, "float32[batch,?]"},
      {"nn.PRelu", {Floats({kBatch, Dim(), 4}), Floats({4})}, {}, "float32[batch,?,4]"},
      {"nn.PRelu", {kUnknownRank, Floats({4})}, {}, "float32[...]"},
  };
  for (const Case& c : cases) EXPECT_EQ(Infer(c), c.expected) << c.op << " " << c.attrs.ToString();
}

TEST(MathInfer, SaysWhatDoesNotFit) {
  const Case cases[] = {
      {"math.Add", {Floats({2, 3}), Floats({2})}, {}, "do not broadcast: axis -1 has 3 against 2"},
      {"math.Add",
       {Floats({2}), Longs({2})},
       {},
       "input b: expected float32 like the other T, found int64"},
      {"math.Add", {Floats({2})}, {}, "expected 2 inputs, found 1"},
      {"math.And", {Floats({2}), Floats({2})}, {}, "input a: expected bool, found float32"},
      {"math.Max", {Floats({2}), TensorType{}}, {}, "input x is required"},
      {"math.Det", {Floats({2, 3})}, {}, "x: expected square matrices, found shape [2,3]"},
      {"math.Gemm",
       {Longs({2, 2}), Longs({2, 2})},
       {{"alpha", 0.5}},
       "alpha: expected a whole number for int64, found 0.5"},
      {"math.BitShift", {Floats({2}), Floats({2})}, {}, "direction"},
      {"math.BitShift",
       {Floats({2}), Floats({2})},
       {{"direction", "UP"}},
       "\"UP\" is none of LEFT, RIGHT"},
      {"math.Clip",
       {Floats({2}), Floats({3})},
       {},
       "input min: expected one number, found shape [3]"},
      {"math.Clip", {Floats({2}), Floats({})}, {{"min", 0.0}}, "min is given twice"},
      {"math.ReduceSum",
       {Floats({2, 3})},
       {{"axes", Ints{2}}},
       "axis 2 is outside of [-2, 2) for rank 2"},
      {"math.ReduceSum", {Floats({2, 3})}, {{"axes", Ints{1, -1}}}, "axis -1 is named twice"},
      {"math.ReduceSum", {Floats({2}), Longs({1})}, {{"axes", Ints{0}}}, "axes is given twice"},
      {"math.ReduceSum",
       {Floats({2}), Floats({1})},
       {},
       "input axes: expected int32 or int64, found float32"},
      {"math.ArgMax", {Floats({})}, {}, "axis 0 is outside of [0, 0) for rank 0"},
      {"math.ArgMax", {Floats({2, 0})}, {{"axis", 1}}, "axis 1 of shape [2,0] has no elements"},
      {"math.CumSum", {Floats({2})}, {}, "axis is required"},
      {"math.CumSum", {Floats({2})}, {{"axis", 1}}, "axis 1 is outside of"},
      {"nn.Celu",
       {Floats({2})},
       {{"alpha", 0.0}},
       "attribute alpha: expected a number other than 0"},
      {"nn.Gelu", {Floats({2})}, {{"approximate", "erf"}}, "\"erf\" is none of none, tanh"},
      {"nn.PRelu", {Floats({2, 3}), Floats({4, 1, 1})}, {}, "the slope must broadcast to x"},
      {"nn.Relu", {{DType::kUInt8, {2}}}, {}, "input x: expected"},
  };
  for (const Case& c : cases) {
    EXPECT_THAT(Infer(c), HasSubstr(c.expected)) << c.op << " " << c.attrs.ToString();
  }
}

// Axes that are known only when the node runs: what does not fit is found then.
TEST(MathInfer, ChecksAxesThatAreInputs) {
  const Tensor x = Tensor::Vector<float>({1, 2});
  for (const char* name : {"math.ReduceSum", "math.CumSum"}) {
    const OpDef& op = *OpRegistry::Default().Find(name);
    const auto found = RunOp(op, {x, Tensor::Vector<int64_t>({1})}, {});
    EXPECT_THAT(std::string(found.status().message()),
                HasSubstr("axis 1 is outside of [-1, 1) for rank 1"))
        << name;
  }
}

}  // namespace
}  // namespace nomograph
