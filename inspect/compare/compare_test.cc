// What two models compute, value by value.
#include "nomograph/inspect/compare/compare.h"

#include <cmath>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/value.h"
#include "nomograph/inspect/dump.h"

namespace nomograph {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const TensorType kRow = {DType::kFloat32, {1, 3}};
const Tensor kNumbers = Tensor::Of<float>({1, 3}, {-1, 0, 4});

Value Named(const std::string& name, const std::string& op, std::vector<Value> inputs) {
  return Call(op, std::move(inputs), {}, {.name = name});
}

// sqrt(x * factor), then plus one.
Model Chain(float factor, const std::string& prefix = "") {
  const Value x = InputValue(kRow, "x");
  const Value scaled = Named(prefix + "scale", "math.Mul", {x, ConstantLike(factor, x)});
  const Value root = Named(prefix + "root", "math.Sqrt", {scaled});
  auto model = BuildModel({x}, {Named(prefix + "plus", "math.Add", {root, ConstantLike(1, x)})},
                          {.output_names = {"y"}});
  EXPECT_TRUE(model.ok()) << model.status();
  return *std::move(model);
}

const ValueComparison* FindNode(const Comparison& comparison, const std::string& node) {
  for (const ValueComparison& value : comparison.values) {
    if (value.node == node) return &value;
  }
  return nullptr;
}

TEST(CompareModelsTest, FindsWhereTheyPart) {
  const Model a = Chain(1), b = Chain(2);
  const auto comparison = CompareModels(a, b, {{"x", Tensor::Of<float>({1, 3}, {1, 0, 4})}});
  ASSERT_TRUE(comparison.ok()) << comparison.status();
  ASSERT_GE(comparison->first_apart, 0);
  // Constants are nodes, too: the factor itself is what differs first.
  EXPECT_EQ(comparison->values[comparison->first_apart].op, "core.Constant");
  const ValueComparison* scale = FindNode(*comparison, "scale");
  ASSERT_NE(scale, nullptr);
  EXPECT_EQ(scale->difference->max_abs, 4);
  EXPECT_EQ(scale->inputs_max_abs, 1);
  const ValueComparison* plus = FindNode(*comparison, "plus");
  ASSERT_NE(plus, nullptr);
  EXPECT_TRUE(plus->is_output);
  EXPECT_NEAR(plus->difference->max_abs, 2 * std::sqrt(2.0) - 2, 1e-6);
}

TEST(CompareModelsTest, AlignsNodesOfOtherNames) {
  const auto comparison = CompareModels(Chain(2), Chain(2, "net/"), {{"x", kNumbers}});
  ASSERT_TRUE(comparison.ok()) << comparison.status();
  EXPECT_TRUE(comparison->ok());
  EXPECT_THAT(comparison->only_a, IsEmpty());
  EXPECT_THAT(comparison->only_b, IsEmpty());
  ASSERT_NE(FindNode(*comparison, "root"), nullptr);
  EXPECT_THAT(FindNode(*comparison, "root")->b, HasSubstr("net/root"));
}

TEST(CompareModelsTest, FindsTheFirstNan) {
  const Model model = Chain(1);
  const auto comparison =
      CompareModels(model, model, {{"x", kNumbers}}, {.session_a = {.exact = true}});
  ASSERT_TRUE(comparison.ok()) << comparison.status();
  EXPECT_TRUE(comparison->ok());  // NaN agrees with NaN
  ASSERT_GE(comparison->first_non_finite, 0);
  const ValueComparison& first = comparison->values[comparison->first_non_finite];
  EXPECT_EQ(first.node, "root");
  EXPECT_EQ(first.non_finite_a.nan, 1);
  EXPECT_EQ(first.non_finite_b.nan, 1);
}

// Behind a batch normalisation that one of them has in its weights, both compute the same.
TEST(CompareModelsTest, ComparesBehindFolds) {
  const auto model = [](bool folded) {
    const Value x = InputValue({DType::kFloat32, {1, 4, 4, 1}}, "x");
    const auto vector = [](float value) { return Constant(Tensor::Vector<float>({value})); };
    const float factor = folded ? 3 : 1;  // gamma / sqrt(variance + epsilon)
    Value y = Call("nn.Conv",
                   {x, Constant(Tensor::Full(DType::kFloat32, {3, 3, 1, 1}, 0.5 * factor)),
                    vector(folded ? 2 - 3 * 0.25f : 0)},
                   {}, {.name = "conv"});
    if (!folded) {
      y = Call("nn.BatchNormalization", {y, vector(3), vector(2), vector(0.25f), vector(1)},
               {{"epsilon", 0.0}}, {.name = "bn"});
    }
    auto built = BuildModel({x}, {Named("relu", "nn.Relu", {y})}, {.output_names = {"y"}});
    EXPECT_TRUE(built.ok()) << built.status();
    return *std::move(built);
  };
  const auto comparison = CompareModels(model(false), model(true),
                                        {{"x", Tensor::Full(DType::kFloat32, {1, 4, 4, 1}, 0.7)}});
  ASSERT_TRUE(comparison.ok()) << comparison.status();
  const ValueComparison* bn = FindNode(*comparison, "bn");
  ASSERT_NE(bn, nullptr);
  EXPECT_THAT(bn->b, HasSubstr("conv"));
  EXPECT_TRUE(bn->ok());
  EXPECT_EQ(FindNode(*comparison, "conv"), nullptr);
  EXPECT_TRUE(FindNode(*comparison, "relu")->ok());
}

TEST(CompareModelsTest, NamesAnInputThatOnlyTheSecondHas) {
  const Value x = InputValue(kRow, "x"), z = InputValue(kRow, "z");
  auto b = BuildModel({x, z}, {Named("sum", "math.Add", {x, z})});
  ASSERT_TRUE(b.ok());
  const auto comparison = CompareModels(Chain(1), *b, {{"x", kNumbers}});
  EXPECT_TRUE(absl::IsInvalidArgument(comparison.status()));
  EXPECT_THAT(std::string(comparison.status().message()), HasSubstr("input \"z\""));
}

TEST(CompareWithValuesTest, MeasuresAgainstWhatAnotherProgramComputed) {
  const Model model = Chain(1);
  const std::string root = "root:0";
  NamedTensors expected = {{"y", Tensor::Of<float>({1, 3}, {2, 1, 3.5f})}, {"elsewhere", kNumbers}};
  const auto comparison =
      CompareWithValues(expected, model, {{"x", Tensor::Of<float>({1, 3}, {1, 0, 4})}});
  ASSERT_TRUE(comparison.ok()) << comparison.status();
  ASSERT_EQ(comparison->values.size(), 1u);
  EXPECT_EQ(comparison->values[0].difference->max_abs, 0.5);
  EXPECT_THAT(comparison->only_a, ElementsAre("elsewhere"));
}

TEST(CompareValuesTest, ComparesByNameAndTellsOtherShapes) {
  const Comparison comparison =
      CompareValues({{"a", kNumbers}, {"b", kNumbers}, {"only a", kNumbers}},
                    {{"a", kNumbers}, {"b", kNumbers.Reshaped({3})}, {"only b", kNumbers}}, {});
  ASSERT_EQ(comparison.values.size(), 2u);
  EXPECT_TRUE(comparison.values[0].ok());
  EXPECT_FALSE(comparison.values[1].ok());
  EXPECT_EQ(comparison.first_apart, 1);
  EXPECT_EQ(comparison.values[1].type_b, "float32[3]");
  EXPECT_THAT(comparison.only_a, ElementsAre("only a"));
  EXPECT_THAT(comparison.only_b, ElementsAre("only b"));
}

// sqrt(x) and 1 are fused in a fast run; asked for, each is there.
TEST(ComputeValuesTest, YieldsWhatIsFusedAway) {
  const Model model = Chain(1);
  const std::vector<ValueId> values = ComputedValues(model.graph);
  const auto tensors = ComputeValues(model, values, {{"x", Tensor::Of<float>({1, 3}, {1, 9, 4})}});
  ASSERT_TRUE(tensors.ok()) << tensors.status();
  for (size_t i = 0; i < values.size(); ++i) {
    if (model.graph.value(values[i]).name.find("root") == std::string::npos) continue;
    EXPECT_EQ((*tensors)[i], Tensor::Of<float>({1, 3}, {1, 3, 2}));
  }
  // Inputs are what they are, and a value may be asked for twice.
  const ValueId x = model.graph.inputs[0];
  const auto twice = ComputeValues(model, {x, values[0], values[0]}, {{"x", kNumbers}});
  ASSERT_TRUE(twice.ok()) << twice.status();
  EXPECT_EQ((*twice)[0], kNumbers);
  EXPECT_EQ((*twice)[1], (*twice)[2]);
}

}  // namespace
}  // namespace nomograph
