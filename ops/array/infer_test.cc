// What the array ops say of shapes that are known in part, and of arguments that do not fit.
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

using Ints = std::vector<int64_t>;
using testing::HasSubstr;

// Reads what TensorType::ToString() writes: "float32[batch,28,?]", "int64[...]".
TensorType ParseType(absl::string_view text) {
  if (text.empty()) return {};
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits('[', 1));
  TensorType type{DTypeFromName(parts.first), PartialShape()};
  const absl::string_view dims = absl::StripSuffix(parts.second, "]");
  if (dims == "...") return type;
  type.shape = PartialShape::OfRank(0);
  for (const absl::string_view dim : absl::StrSplit(dims, ',', absl::SkipEmpty())) {
    int64_t size = 0;
    if (absl::SimpleAtoi(dim, &size)) {
      type.shape.Append(Dim(size));
    } else {
      type.shape.Append(dim == "?" ? Dim() : Dim::Symbol(std::string(dim)));
    }
  }
  return type;
}

struct Case {
  std::string op;  // in the domain array
  std::vector<std::string> inputs;
  Attributes attrs;
  std::string expected;  // the outputs' types
  int num_outputs = 1;
};

// The types that the op infers, or its error.
std::string Infer(const Case& c) {
  const OpDef& op = *OpRegistry::Default().Find(absl::StrCat("array.", c.op));
  const auto attrs = ResolveAttributes(op.attrs, c.attrs);
  if (!attrs.ok()) return std::string(attrs.status().message());
  std::vector<TensorType> inputs;
  for (const std::string& input : c.inputs) inputs.push_back(ParseType(input));
  const auto types = InferNode(op, InferContext(*attrs, inputs, {}, c.num_outputs));
  if (!types.ok()) return std::string(types.status().message());
  return absl::StrJoin(
      *types, " ", [](std::string* out, const TensorType& type) { out->append(type.ToString()); });
}

TEST(ArrayInfer, KeepsWhatIsKnown) {
  constexpr int64_t kEnd = std::numeric_limits<int64_t>::max();
  const Case cases[] = {
      {"Reshape", {"float32[batch,28,28]"}, {{"shape", Ints{0, -1}}}, "float32[batch,784]"},
      {"Reshape", {"float32[batch,28,28]"}, {{"shape", Ints{-1, 784}}}, "float32[batch,784]"},
      {"Reshape", {"float32[batch,5,2]"}, {{"shape", Ints{-1, 10}}}, "float32[batch,10]"},
      {"Reshape", {"float32[batch,5,2]"}, {{"shape", Ints{-1, 5}}}, "float32[?,5]"},
      {"Reshape",
       {"float32[batch,784]"},
       {{"shape", Ints{0, 28, 28, 1}}},
       "float32[batch,28,28,1]"},
      {"Reshape", {"float32[batch,?]"}, {{"shape", Ints{0, 0, 1}}}, "float32[batch,?,1]"},
      {"Reshape", {"float32[n,3]"}, {{"shape", Ints{6}}}, "float32[6]"},
      {"Reshape", {"float32[...]"}, {{"shape", Ints{0, -1, 4}}}, "float32[?,?,4]"},
      {"Reshape", {"float32[2,3]", "int64[3]"}, {}, "float32[?,?,?]"},
      {"Reshape", {"float32[2,3]", "int64[?]"}, {}, "float32[...]"},
      {"Flatten", {"float32[batch,3,4]"}, {}, "float32[batch,12]"},
      {"Flatten", {"float32[batch,?,4]"}, {}, "float32[batch,?]"},
      {"Flatten", {"float32[...]"}, {}, "float32[?,?]"},
      {"Transpose", {"float32[batch,3,?]"}, {{"perm", Ints{2, 0, 1}}}, "float32[?,batch,3]"},
      {"Transpose", {"float32[...]"}, {{"perm", Ints{1, 0}}}, "float32[?,?]"},
      {"Transpose", {"float32[...]"}, {}, "float32[...]"},
      {"Squeeze", {"float32[batch,1,?]"}, {{"axes", Ints{1, 2}}}, "float32[batch]"},
      {"Squeeze", {"float32[batch,1]"}, {}, "float32[...]"},
      {"Unsqueeze", {"float32[batch,3]"}, {{"axes", Ints{0, -1}}}, "float32[1,batch,3,1]"},
      {"Unsqueeze", {"float32[batch,3]", "int64[2]"}, {}, "float32[?,?,?,?]"},
      {"Expand", {"float32[batch,1]"}, {{"shape", Ints{1, 4}}}, "float32[batch,4]"},
      {"Expand", {"float32[3]", "int64[2]"}, {}, "float32[?,3]"},
      {"Concat", {"float32[batch,2]", "float32[?,3]"}, {}, "float32[batch,5]"},
      {"Concat", {"float32[?,2]", "float32[...]", "float32[7,?]"}, {}, "float32[7,?]"},
      {"Concat", {"float32[...]", "float32[...]"}, {}, "float32[...]"},
      {"Split", {"float32[batch,6]"}, {{"axis", 1}}, "float32[batch,3] float32[batch,3]", 2},
      {"Split", {"float32[batch,6]"}, {{"split", Ints{2, 3}}}, "float32[2,6] float32[3,6]", 2},
      {"Split", {"float32[4,6]", "int64[2]"}, {}, "float32[?,6] float32[?,6]", 2},
      {"Slice",
       {"float32[batch,9]"},
       {{"starts", Ints{2}}, {"ends", Ints{-2}}, {"axes", Ints{1}}},
       "float32[batch,5]"},
      {"Slice",
       {"float32[batch,9]"},
       {{"starts", Ints{0}}, {"ends", Ints{kEnd}}},
       "float32[batch,9]"},
      {"Slice", {"float32[batch,9]"}, {{"starts", Ints{1}}, {"ends", Ints{kEnd}}}, "float32[?,9]"},
      {"Slice", {"float32[8,9]", "int64[1]", "int64[1]"}, {}, "float32[?,?]"},
      {"Reverse", {"float32[batch,3]"}, {{"axes", Ints{-1}}}, "float32[batch,3]"},
      {"Tile", {"float32[batch,3]"}, {{"repeats", Ints{1, 2}}}, "float32[batch,6]"},
      {"Tile", {"float32[batch,3]"}, {{"repeats", Ints{2, 0}}}, "float32[?,0]"},
      {"Tile", {"float32[...]", "int64[2]"}, {}, "float32[?,?]"},
      {"Pad", {"float32[batch,5]"}, {{"pads", Ints{0, 1, 0, 2}}}, "float32[batch,8]"},
      {"Pad", {"float32[batch,5]"}, {{"pads", Ints{1, 0, 0, 0}}}, "float32[?,5]"},
      {"Gather", {"float32[1000,64]", "int64[batch,seq]"}, {}, "float32[batch,seq,64]"},
      {"Gather", {"float32[1000,64]", "int64[...]"}, {}, "float32[...]"},
      {"GatherElements", {"float32[batch,9]", "int64[batch,2]"}, {{"axis", 1}}, "float32[batch,2]"},
      {"GatherND",
       {"float32[batch,9,4]", "int64[batch,5,1]"},
       {{"batch_dims", 1}},
       "float32[batch,5,4]"},
      {"GatherND", {"float32[9,4]", "int64[5,?]"}, {}, "float32[...]"},
      {"ScatterND", {"float32[batch,9]", "int64[5,1]", "float32[5,9]"}, {}, "float32[batch,9]"},
      {"Where", {"bool[batch,1]", "int8[1,3]", "int8[]"}, {}, "int8[batch,3]"},
      {"OneHot", {"int64[batch]"}, {{"depth", 10}}, "float32[batch,10]"},
      {"OneHot", {"int64[batch]", "int64[]", "int8[2]"}, {{"axis", 0}}, "int8[?,batch]"},
      {"Shape", {"float32[batch,3,4]"}, {{"start", 1}}, "int64[2]"},
      {"Shape", {"float32[...]"}, {}, "int64[?]"},
      {"Range", {"int32[]", "int32[1]", "int32[]"}, {}, "int32[?]"},
      {"NonZero", {"float32[batch,3]"}, {}, "int64[2,?]"},
      {"TopK", {"float32[batch,10]"}, {{"k", 3}}, "float32[batch,3] int64[batch,3]", 2},
      {"ConstantOfShape", {"int64[3]"}, {}, "float32[?,?,?]"},
      {"DepthToSpace", {"float32[batch,4,?,8]"}, {}, "float32[batch,8,?,2]"},
      {"SpaceToDepth", {"float32[...]"}, {}, "float32[?,?,?,?]"},
      {"Cast", {"uint8[batch,28]"}, {{"to", DType::kBFloat16}}, "bfloat16[batch,28]"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(Infer(c), c.expected)
        << c.op << "(" << absl::StrJoin(c.inputs, ", ") << ") " << c.attrs.ToString();
  }
}

TEST(ArrayInfer, ErrorsTellWhatIsExpected) {
  const Ints ones(100, 1);
  const Case cases[] = {
      {"Reshape", {"float32[2,3]"}, {}, "shape is required"},
      {"Reshape", {"float32[2,3]", "int64[1]"}, {{"shape", Ints{6}}}, "shape is given twice"},
      {"Reshape",
       {"float32[2,3]"},
       {{"shape", Ints{4, 2}}},
       "shape [2,3] does not have the elements of [4,2]"},
      {"Reshape", {"float32[2,3]"}, {{"shape", Ints{-1, 4}}}, "6 elements cannot be divided by 4"},
      {"Reshape", {"float32[2,3]"}, {{"shape", Ints{-1, -1}}}, "-1 may stand once only"},
      {"Reshape", {"float32[2,3]"}, {{"shape", Ints{-2, 3}}}, "at least -1, found -2"},
      {"Reshape", {"float32[2,3]"}, {{"shape", Ints{2, 3, 0}}}, "0 copies axis 2"},
      {"Reshape",
       {"float32[0,3]"},
       {{"shape", Ints{-1, 0}}, {"allowzero", true}},
       "not determined"},
      {"Reshape",
       {"float32[batch,784]"},
       {{"shape", Ints{0, 28, 27}}},
       "does not have the elements"},
      {"Reshape", {"float32[1]", "int64[1000000000000]"}, {}, "at most 64 axes"},
      {"Reshape", {"float32[1]"}, {{"shape", ones}}, "at most 64 axes"},
      {"Reshape",
       {"float32[1]", "int64[2,2]"},
       {},
       "expected a scalar or vector, found shape [2,2]"},
      {"Flatten", {"float32[2,3]"}, {{"axis", 3}}, "axis 3 is outside of [-2, 2]"},
      {"Flatten", {"float32[4,4611686018427387904,4]"}, {}, "more than 2^62 elements"},
      {"Transpose", {"float32[2,3]"}, {{"perm", Ints{0}}}, "expected 2 axes, found 1"},
      {"Transpose", {"float32[2,3]"}, {{"perm", Ints{0, 0}}}, "named twice"},
      {"Transpose", {"float32[2,3]"}, {{"perm", Ints{0, 2}}}, "axis 2 is outside"},
      {"Squeeze", {"float32[2,1]"}, {{"axes", Ints{0}}}, "axis 0 of shape [2,1] is not of size 1"},
      {"Unsqueeze", {"float32[2]"}, {{"axes", Ints{3}}}, "axis 3 is outside"},
      {"Unsqueeze", {"float32[2]", "int64[9223372036854775807]"}, {}, "at most 64"},
      {"Expand", {"float32[3]"}, {{"shape", Ints{2}}}, "do not broadcast"},
      {"Expand", {"float32[3]"}, {{"shape", Ints{-1}}}, "at least 0, found -1"},
      {"Concat",
       {"float32[2,2]", "float32[3,2]"},
       {},
       "input 1: shapes [2,?] and [3,?] differ in axis 0"},
      {"Concat", {"float32[]"}, {}, "scalars have no axis"},
      {"Concat", {"float32[2]", "int32[2]"}, {}, "expected float32 like the other T, found int32"},
      {"Concat", {"int8[4611686018427387904]", "int8[1]"}, {}, "more than 2^62"},
      {"Split", {"float32[6]"}, {{"split", Ints{2, 3}}}, "add up to 5, the axis has 6", 2},
      {"Split", {"float32[6]"}, {{"split", Ints{2, 3, 1}}}, "each of 2 outputs, found 3", 2},
      {"Split", {"float32[6]"}, {{"split", Ints{7, -1}}}, "at least 0, found -1", 2},
      {"Slice", {"float32[6]"}, {{"starts", Ints{0}}}, "ends is required"},
      {"Slice", {"float32[6]"}, {{"starts", Ints{0}}, {"ends", Ints{1, 2}}}, "starts has 1 values"},
      {"Slice",
       {"float32[6]"},
       {{"starts", Ints{0}}, {"ends", Ints{1}}, {"steps", Ints{0}}},
       "steps: 0 for axis 0"},
      {"Slice",
       {"float32[6]"},
       {{"starts", Ints{0, 0}}, {"ends", Ints{1, 1}}},
       "2 values for 1 axes"},
      {"Tile", {"float32[6]"}, {{"repeats", Ints{1, 2}}}, "each of 1 axes, found 2"},
      {"Tile", {"int8[1048576]"}, {{"repeats", Ints{int64_t{1} << 60}}}, "more than 2^62 elements"},
      {"Pad", {"float32[6]"}, {{"pads", Ints{1, 2, 3}}}, "2 values for each of 1 axes, found 3"},
      {"Pad", {"float32[6]"}, {{"pads", Ints{-4, -3}}}, "pads cut off 7 of 6"},
      {"Pad", {"float32[6]"}, {{"pads", Ints{6, 0}}, {"mode", "reflect"}}, "found 6"},
      {"Pad", {"float32[6]"}, {{"pads", Ints{7, 0}}, {"mode", "wrap"}}, "mode wrap: 7 elements"},
      {"Pad",
       {"float32[0]"},
       {{"pads", Ints{1, 0}}, {"mode", "edge"}},
       "an empty axis has no edge"},
      {"Pad",
       {"float32[6]"},
       {{"pads", Ints{1, 0}}, {"mode", "mirror"}},
       "\"mirror\" is none of constant, edge"},
      {"Gather", {"float32[]", "int64[1]"}, {}, "a scalar has no axis"},
      {"Gather", {"float32[3]", "float32[1]"}, {}, "expected int32 or int64, found float32"},
      {"GatherElements",
       {"float32[2,3]", "int64[3]"},
       {},
       "expected the rank of data, 2, found shape [3]"},
      {"GatherElements", {"float32[2,3]", "int64[2,4]"}, {}, "axis 1 has 4 elements, data only 3"},
      {"GatherND", {"float32[2,3]", "int64[1,3]"}, {}, "places of 3 axes in data of shape [2,3]"},
      {"GatherND",
       {"float32[2,3]", "int64[3,1]"},
       {{"batch_dims", 1}},
       "batch axis 0 is 2 for data, 3"},
      {"ScatterND", {"float32[2,3]", "int64[1,1]", "float32[2]"}, {}, "updates"},
      {"ScatterElements",
       {"bool[2]", "int64[1]", "bool[1]"},
       {{"reduction", "add"}},
       "not defined for bool"},
      {"OneHot", {"int64[3]"}, {}, "depth is required"},
      {"OneHot", {"int64[3]"}, {{"depth", -1}}, "at least 0, found -1"},
      {"TopK", {"float32[3]"}, {{"k", 4}}, "4 of 3 elements of axis 0"},
      {"Trilu", {"float32[3]"}, {}, "expected matrices"},
      {"DepthToSpace", {"float32[1,2,2,6]"}, {}, "channels: 6 cannot be divided by 4"},
      {"SpaceToDepth", {"float32[1,3,2,6]"}, {}, "rows: 3 cannot be divided by 2"},
      {"ConstantOfShape",
       {},
       {{"shape", Ints{1}}, {"value", Tensor::Vector<float>({1, 2})}},
       "one element"},
      {"Range",
       {"int32[2]", "int32[]", "int32[]"},
       {},
       "input 0: expected one element, found shape [2]"},
  };
  for (const Case& c : cases) {
    EXPECT_THAT(Infer(c), HasSubstr(c.expected))
        << c.op << "(" << absl::StrJoin(c.inputs, ", ") << ") " << c.attrs.ToString();
  }
}

TEST(ArrayRun, ErrorsTellWhatIsExpected) {
  const Tensor x = Tensor::Vector<float>({1, 2, 3});
  const auto ints = [](std::initializer_list<int64_t> values) {
    return Tensor::Vector<int64_t>(values);
  };
  const auto scalar = [](float value) { return Tensor::Scalar(value); };
  const float inf = std::numeric_limits<float>::infinity();
  const struct {
    std::string op;
    std::vector<Tensor> inputs;
    std::string expected;
  } cases[] = {
      {"Gather",
       {x, ints({0, 3})},
       "index 3 (element 1 of the indices) is outside of [-3, 3) for axis 0 of size 3"},
      {"Gather", {x, ints({std::numeric_limits<int64_t>::min()})}, "index -9223372036854775808"},
      {"GatherElements", {x, ints({-4})}, "index -4 (element 0 of the indices)"},
      {"GatherND", {x, Tensor::Of<int64_t>({1, 1}, {5})}, "index 5 (element 0 of the indices)"},
      {"ScatterElements", {x, ints({7}), Tensor::Vector<float>({0})}, "index 7"},
      {"ScatterND", {x, Tensor::Of<int64_t>({1, 1}, {-4}), Tensor::Vector<float>({0})}, "index -4"},
      {"Range", {scalar(0), scalar(1), scalar(0)}, "delta must not be 0"},
      {"Range", {scalar(0), scalar(inf), scalar(1)}, "more than 2^62"},
      {"Range", {scalar(0), scalar(inf), scalar(inf)}, "must be finite"},
      {"Expand", {x, ints({std::numeric_limits<int64_t>::max(), 3})}, "more than 2^62"},
      {"TopK", {x, ints({4})}, "4 of 3 elements"},
  };
  for (const auto& c : cases) {
    const OpDef& op = *OpRegistry::Default().Find(absl::StrCat("array.", c.op));
    const auto outputs = RunOp(op, c.inputs, {});
    EXPECT_THAT(std::string(outputs.status().message()), HasSubstr(c.expected)) << c.op;
  }
}

}  // namespace
}  // namespace nomograph
