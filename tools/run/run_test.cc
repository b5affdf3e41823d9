// Inputs and outputs of runs.
#include <cmath>
#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/data/png.h"
#include "nomograph/inspect/concrete_types.h"
#include "nomograph/inspect/random_tensor.h"
#include "nomograph/tools/run/fit_image.h"
#include "nomograph/tools/run/read_inputs.h"
#include "nomograph/tools/run/top_k.h"
#include "nomograph/tools/run/typed_values.h"
#include "nomograph/tools/run/write_outputs.h"

namespace nomograph {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TensorType Type(DType dtype, PartialShape shape) { return {dtype, std::move(shape)}; }

TEST(FitImageTest, FindsAxes) {
  const Dim batch = Dim::Symbol("batch");
  struct Case {
    PartialShape shape;
    std::vector<int> axes;  // batch, height, width, channels; empty: refused
  };
  const Case kCases[] = {
      {{batch, 28, 28, 1}, {0, 1, 2, 3}},
      {{batch, 3, 224, 224}, {0, 2, 3, 1}},
      {{1, 224, 224, 3}, {0, 1, 2, 3}},
      {{batch, Dim(), Dim(), 4}, {0, 1, 2, 3}},
      {{batch, 3, Dim(), Dim()}, {0, 2, 3, 1}},
      {{batch, 3, 8, 3}, {0, 1, 2, 3}},  // either: the last axis
      {{28, 28, 3}, {-1, 0, 1, 2}},
      {{3, 28, 28}, {-1, 1, 2, 0}},
      {{batch, 28, 28}, {0, 1, 2, -1}},
      {{28, 28}, {-1, 0, 1, -1}},
      {{batch, 28, 28, 2}, {}},
      {{8, 28, 28, 3}, {}},  // a batch of 8, and no other
      {{28}, {}},
      {{batch, 1, 2, 3, 4}, {}},
      {PartialShape(), {}},
  };
  for (const Case& c : kCases) {
    const auto axes = FindImageAxes(Type(DType::kUInt8, c.shape));
    ASSERT_EQ(axes.ok(), !c.axes.empty()) << c.shape;
    if (axes.ok()) {
      EXPECT_THAT(c.axes, ElementsAre(axes->batch, axes->height, axes->width, axes->channels))
          << c.shape;
    }
  }
  EXPECT_FALSE(FindImageAxes(Type(DType::kBool, {28, 28})).ok());
}

TEST(FitImageTest, ArrangesPixels) {
  // A row of two pixels, red and blue.
  const std::string path = testing::TempDir() + "/red_blue.png";
  ASSERT_TRUE(WritePng(path, Tensor::Of<uint8_t>({1, 2, 3}, {255, 0, 0, 0, 0, 200})).ok());
  const Dim batch = Dim::Symbol("batch");
  EXPECT_EQ(*ReadImageFor(Type(DType::kUInt8, {batch, 1, 2, 3}), path, false),
            Tensor::Of<uint8_t>({1, 1, 2, 3}, {255, 0, 0, 0, 0, 200}));
  EXPECT_EQ(*ReadImageFor(Type(DType::kUInt8, {batch, 3, Dim(), Dim()}), path, false),
            Tensor::Of<uint8_t>({1, 3, 1, 2}, {255, 0, 0, 0, 0, 200}));
  EXPECT_EQ(*ReadImageFor(Type(DType::kFloat32, {1, 2, 3}), path, false),
            Tensor::Of<float>({1, 2, 3}, {255, 0, 0, 0, 0, 200}));
  // Grey by the luma of ITU-R BT.601: 0.299 * 255 = 76.2, 0.114 * 200 = 22.8.
  EXPECT_EQ(*ReadImageFor(Type(DType::kInt32, {batch, 1, 2}), path, false),
            Tensor::Of<int32_t>({1, 1, 2}, {76, 23}));
  EXPECT_EQ(ReadImageFor(Type(DType::kUInt8, {batch, 4, 4, 3}), path, true)->shape(),
            Shape({1, 4, 4, 3}));
  EXPECT_FALSE(ReadImageFor(Type(DType::kUInt8, {batch, 4, 4, 3}), path, false).ok());
}

TEST(RandomTensorTest, StaysInItsRange) {
  for (int i = 1; i < kNumDTypes; ++i) {
    const DType dtype = static_cast<DType>(i);
    const Tensor tensor = *RandomTensor(dtype, {2000}, 3, "x");
    const double limit = (kFloats | kFloat8s | kBools).Contains(dtype) ? 1
                         : dtype == DType::kUInt8                      ? 255
                         : dtype == DType::kInt4                       ? 7
                                                                       : 9;
    double least = limit, greatest = 0;
    for (int64_t k = 0; k < tensor.num_elements(); ++k) {
      least = std::min(least, tensor.AsDouble(k));
      greatest = std::max(greatest, tensor.AsDouble(k));
    }
    EXPECT_GE(least, 0) << DTypeName(dtype);
    EXPECT_LE(greatest, limit) << DTypeName(dtype);
    EXPECT_LT(least, 0.1 * limit) << DTypeName(dtype);
    EXPECT_GT(greatest, 0.9 * limit) << DTypeName(dtype);
  }
}

TEST(TopKTest, OrdersByScoreThenIndex) {
  const auto best = TopK(Tensor::Of<float>({2, 4}, {1, NAN, 3, 3, -1, -2, -3, -4}), 3);
  ASSERT_TRUE(best.ok());
  const auto indices = [&](int row) {
    std::vector<int64_t> list;
    for (const ClassScore& c : (*best)[row]) list.push_back(c.index);
    return list;
  };
  EXPECT_THAT(indices(0), ElementsAre(2, 3, 0));
  EXPECT_THAT(indices(1), ElementsAre(0, 1, 2));
  EXPECT_EQ(TopK(Tensor::Vector<int32_t>({5, 7}), 1)->at(0)[0].index, 1);
  EXPECT_THAT(TopK(Tensor(DType::kFloat32, {0, 4}), 1)->size(), 0u);
  EXPECT_THAT(TopK(Tensor(DType::kFloat32, {2, 0}), 1)->at(1), IsEmpty());
  EXPECT_FALSE(TopK(Tensor::Scalar(1.0f), 1).ok());
  EXPECT_FALSE(TopK(Tensor(DType::kFloat32, {1, 2, 3}), 1).ok());
  EXPECT_FALSE(TopK(Tensor(DType::kBool, {2}), 1).ok());
}

TEST(TopKTest, TellsProbabilitiesFromScores) {
  EXPECT_THAT(*TopKText(Tensor::Vector<float>({0.25, 0.75}), 1, {}), HasSubstr("probability"));
  EXPECT_THAT(*TopKText(Tensor::Vector<float>({0.25, 0.5}), 1, {}), HasSubstr("score"));
  EXPECT_THAT(*TopKText(Tensor::Vector<float>({-0.25, 1.25}), 1, {}), HasSubstr("score"));
}

TEST(LabelsTest, FromMetadata) {
  Model model;
  EXPECT_THAT(LabelsOf(model), IsEmpty());
  model.metadata["labels"] = "T-shirt/top, Trouser";
  EXPECT_THAT(LabelsOf(model), ElementsAre("T-shirt/top", "Trouser"));
  model.metadata["labels"] = "bag, leather\r\nshoe\n";
  EXPECT_THAT(LabelsOf(model), ElementsAre("bag, leather", "shoe"));
}

TEST(CastExactlyTest, RefusesWhatATypeCannotHold) {
  const Tensor doubles = Tensor::Vector<double>({1, 255});
  EXPECT_EQ(*CastExactly(doubles, DType::kUInt8), Tensor::Vector<uint8_t>({1, 255}));
  EXPECT_EQ(CastExactly(doubles, DType::kInt8).status().message(), "element 1: 255 is no int8");
  EXPECT_FALSE(CastExactly(Tensor::Vector<double>({0.5}), DType::kInt32).ok());
  EXPECT_FALSE(CastExactly(Tensor::Vector<double>({NAN}), DType::kInt32).ok());
  EXPECT_TRUE(CastExactly(Tensor::Vector<double>({0.1}), DType::kFloat32)
                  .ok());  // rounding is what floats are for
  // What a double does not tell apart.
  const Tensor large = Tensor::Vector<uint64_t>({18446744073709551615u, 9007199254740993u});
  EXPECT_EQ(*CastExactly(large, DType::kUInt64), large);
  EXPECT_FALSE(CastExactly(Tensor::Vector<uint64_t>({9223372036854775808u}), DType::kInt64).ok());
  EXPECT_FALSE(CastExactly(Tensor::Vector<double>({0x1p63}), DType::kInt64).ok());
  EXPECT_FALSE(CastExactly(Tensor::Vector<double>({0x1p64}), DType::kUInt64).ok());
  EXPECT_EQ(*CastExactly(Tensor::Vector<double>({0x1p63}), DType::kUInt64),
            Tensor::Vector<uint64_t>({9223372036854775808u}));
}

TEST(TypedValuesTest, IntegersHaveAllOfTheirDigits) {
  const auto parse = [](absl::string_view text, DType dtype) {
    return ParseTypedValue(text, Type(dtype, PartialShape()));
  };
  EXPECT_EQ(*parse("[9007199254740993, 18446744073709551615]", DType::kUInt64),
            Tensor::Vector<uint64_t>({9007199254740993u, 18446744073709551615u}));
  EXPECT_EQ(*parse("[-9007199254740993]", DType::kInt64),
            Tensor::Vector<int64_t>({-9007199254740993}));
  EXPECT_EQ(*parse("[4294967295]", DType::kUInt32), Tensor::Vector<uint32_t>({4294967295u}));
  for (const char* text : {"18446744073709551616", "-1", "0.5", "nan"}) {
    EXPECT_EQ(parse(text, DType::kUInt64).status().message(),
              absl::StrCat("\"", text, "\" is no uint64"));
  }
}

TEST(FileNameTest, StaysInItsFolder) {
  EXPECT_EQ(FileNameFor("scores"), "scores");
  EXPECT_EQ(FileNameFor("dense/kernel:0"), "dense_kernel_0");
  EXPECT_EQ(FileNameFor("../../etc/passwd"), "_.._.._etc_passwd");
  EXPECT_EQ(FileNameFor(".."), "_..");
  EXPECT_EQ(FileNameFor(""), "_");
}

TEST(ConcreteTypesTest, FillsTheBatchOnly) {
  const Dim batch = Dim::Symbol("batch");
  EXPECT_EQ(ConcreteType(Type(DType::kInt8, {batch, 3}), 4)->shape, PartialShape({4, 3}));
  EXPECT_EQ(ConcreteType(Type(DType::kInt8, {2, 3}), 4)->shape, PartialShape({2, 3}));
  EXPECT_FALSE(ConcreteType(Type(DType::kInt8, {batch, Dim::Symbol("time")}), 4).ok());
  EXPECT_FALSE(ConcreteType(Type(DType::kInt8, PartialShape()), 4).ok());
  EXPECT_EQ(*ParseShape("2x28x28"), Shape({2, 28, 28}));
  EXPECT_EQ(*ParseShape("7"), Shape({7}));
  for (const char* wrong : {"", "x", "2x", "-1x2", "2*3", "4611686018427387904x4"})
    EXPECT_FALSE(ParseShape(wrong).ok()) << wrong;
}

// Names as TensorFlow's and other exporters write them.
TEST(SplitArgumentTest, KnowsTheModelsNamesFirst) {
  Graph graph;
  for (const char* name : {"x", "serving/x:0", "a=b", "a", "p@q", "x=y/z"}) {
    graph.inputs.push_back(graph.AddValue(name, Type(DType::kFloat32, {1})));
  }
  const struct {
    const char *argument, *name, *rest;
    ValueId value;
  } kCases[] = {
      {"x=f.npy", "x", "f.npy", 0},
      {"serving/x:0=dir/f.npy", "serving/x:0", "dir/f.npy", 1},
      {"a=b=f.npy", "a=b", "f.npy", 2},
      {"a=c=f.npy", "a", "c=f.npy", 3},
      {"p@q=random:2x4", "p@q", "random:2x4", 4},
      {"x=y/z=f.npy", "x=y/z", "f.npy", 5},
      {"other=f.npy", "other", "f.npy", kNoValue},
      {"dir/k=v.npy", "", "dir/k=v.npy", kNoValue},
      {"f.npy", "", "f.npy", kNoValue},
  };
  for (const auto& c : kCases) {
    const NamedArgument found = NamedValues(graph, graph.inputs).Split(c.argument);
    EXPECT_EQ(found.value, c.value) << c.argument;
    EXPECT_EQ(found.name, c.name) << c.argument;
    EXPECT_EQ(found.rest, c.rest) << c.argument;
  }
}

// What the shell itself makes of them.
TEST(ShellWordTest, IsOneWord) {
  EXPECT_EQ(ShellWord("serving/x:0=random"), "serving/x:0=random");
  for (const std::string& word :
       {std::string("a b"), std::string("it's"), std::string("$HOME;`ls`"), std::string("größe"),
        std::string("a\nb\x1b[2J\x7f"), std::string("\xc2\x9b'\\"), std::string(),
        std::string("~")}) {
    const std::string quoted = ShellWord(word);
    EXPECT_EQ(Escape(quoted), quoted);
    FILE* shell =
        popen(absl::StrCat("bash -c ", ShellWord(absl::StrCat("printf %s ", quoted))).c_str(), "r");
    ASSERT_NE(shell, nullptr);
    char bytes[64] = {};
    const size_t count = fread(bytes, 1, sizeof(bytes), shell);
    pclose(shell);
    EXPECT_EQ(std::string(bytes, count), word);
  }
}

}  // namespace
}  // namespace nomograph
