// What Compress, Unique, EyeLike and ReverseSequence say of shapes that are known in part, and of
// arguments that do not fit.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

using testing::HasSubstr;

const Dim kBatch = Dim::Symbol("batch");

struct Case {
  std::string op;
  std::vector<TensorType> inputs;
  Attributes attrs;
  std::string expected;
};

TensorType Floats(PartialShape shape) { return {DType::kFloat32, std::move(shape)}; }
TensorType Bools(PartialShape shape) { return {DType::kBool, std::move(shape)}; }
TensorType Longs(PartialShape shape) { return {DType::kInt64, std::move(shape)}; }

// The types that the op infers for all of its outputs, or its error.
std::string Infer(const Case& c) {
  const OpDef& op = *OpRegistry::Default().Find(c.op);
  const auto attrs = ResolveAttributes(op.attrs, c.attrs);
  const int outputs = static_cast<int>(op.outputs.size());
  const auto types = InferNode(op, InferContext(*attrs, c.inputs, {}, outputs));
  if (!types.ok()) return std::string(types.status().message());
  std::string text;
  for (const TensorType& type : *types) text += type.ToString() + " ";
  return text;
}

TEST(Selection, KeepsWhatIsKnown) {
  const Case cases[] = {
      {"array.Compress", {Floats({kBatch, 3}), Bools({2})}, {}, "float32[?] "},
      {"array.Compress", {Floats({kBatch, 3}), Bools({2})}, {{"axis", 1}}, "float32[batch,?] "},
      {"array.Compress", {Floats(PartialShape()), Bools({Dim()})}, {{"axis", 1}}, "float32[...] "},
      {"array.Unique", {Floats({2, 3})}, {}, "float32[?] int64[?] int64[6] int64[?] "},
      {"array.Unique",
       {Floats({kBatch, 3})},
       {{"axis", 0}},
       "float32[?,3] int64[?] int64[batch] int64[?] "},
      {"array.Unique",
       {Floats(PartialShape())},
       {{"axis", 0}},
       "float32[...] int64[?] int64[?] int64[?] "},
      {"array.EyeLike", {Floats({kBatch, 3})}, {{"dtype", DType::kBool}}, "bool[batch,3] "},
      {"array.EyeLike", {Floats(PartialShape())}, {}, "float32[?,?] "},
      {"array.ReverseSequence",
       {Floats({4, kBatch, 2}), Longs({kBatch})},
       {},
       "float32[4,batch,2] "},
  };
  for (const Case& c : cases) EXPECT_EQ(Infer(c), c.expected) << c.op << " " << c.attrs.ToString();
}

TEST(Selection, SaysWhatDoesNotFit) {
  const Case cases[] = {
      {"array.Compress",
       {Floats({2, 2}), Bools({5})},
       {},
       "condition: expected at most 4 elements, found 5"},
      {"array.Compress",
       {Floats({2, 2}), Bools({3})},
       {{"axis", 0}},
       "condition: expected at most 2 elements, found 3"},
      {"array.Compress",
       {Floats({2, 2}), Bools({2, 2})},
       {},
       "condition: expected a vector, found shape [2,2]"},
      {"array.Unique", {Floats({2})}, {{"axis", 1}}, "axis 1 is outside of [-1, 1)"},
      {"array.EyeLike", {Floats({2})}, {}, "x: expected a matrix, found shape [2]"},
      {"array.ReverseSequence",
       {Floats({4, 3}), Longs({4})},
       {},
       "sequence_lens: expected shape [3], found [4]"},
      {"array.ReverseSequence",
       {Floats({4, 3}), Longs({3})},
       {{"time_axis", -1}},
       "expected two axes, found batch_axis 1 and time_axis 1"},
      {"array.ReverseSequence", {Floats({4}), Longs({4})}, {}, "batch_axis: axis 1 is outside of"},
  };
  for (const Case& c : cases) EXPECT_THAT(Infer(c), HasSubstr(c.expected)) << c.op;
}

TEST(Selection, ChecksLengthsOfSequences) {
  const OpDef& op = *OpRegistry::Default().Find("array.ReverseSequence");
  const Tensor x(DType::kFloat32, {4, 2});
  EXPECT_THAT(std::string(RunOp(op, {x, Tensor::Vector<int64_t>({4, 5})}, {}).status().message()),
              HasSubstr("sequence_lens: element 1 is 5, outside of [0, 4]"));
}

}  // namespace
}  // namespace nomograph
