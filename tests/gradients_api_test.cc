// Gradients() as its callers see it: graphs of several outputs, faults and budgets, gradients that
// are saved and differentiated again, and those that a user stops or replaces. Each op's own
// gradient is tested in gradient_test.cc, functions and control flow in
// gradients_functions_test.cc.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/control_flow.h"
#include "nomograph/core/build/reopen.h"
#include "nomograph/core/gradient/custom_gradient.h"
#include "nomograph/core/gradient/gradients.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/serialization/model_io.h"
#include "nomograph/serialization/onnx/export/export.h"
#include "nomograph/serialization/onnx/import/import.h"
#include "nomograph/tests/gradient_values.h"

namespace nomograph {
namespace {

using testing::HasSubstr;
using Values = absl::Span<const Value>;

TEST(Gradients, OfSeveralOutputsAddUp) {
  const Value x = InputValue(kVector, "x");
  const std::vector<Value> outputs = {x * x, Sum(x)};
  const auto ones = Gradients(outputs, {x});
  ASSERT_TRUE(ones.ok()) << ones.status();
  const Value weights = Constant(Vector3(1, 10, 100)), two = Constant(Tensor::Scalar(2.0));
  const auto weighted = Gradients(outputs, {x}, {.output_gradients = {weights, two}});
  ASSERT_TRUE(weighted.ok()) << weighted.status();
  // An output that nothing flows back from.
  const auto first = Gradients(outputs, {x}, {.output_gradients = {weights, Value()}});
  ASSERT_TRUE(first.ok()) << first.status();
  const auto found = Evaluate({x}, {(*ones)[0], (*weighted)[0], (*first)[0]}, {Vector3(1, 2, -3)});
  ASSERT_TRUE(found.ok()) << found.status();
  ExpectNear((*found)[0], {3, 5, -5});
  ExpectNear((*found)[1], {4, 42, -598});
  ExpectNear((*found)[2], {2, 40, -600});
}

TEST(Gradients, OfNodesWithSeveralOutputs) {
  const Value x = InputValue(kVector, "x");
  const std::vector<Value> parts =
      CallMulti("array.Split", {x}, {{"split", std::vector<int64_t>{1, 2}}}, {.num_outputs = 2});
  const auto gradient = Gradients({Sum(parts[1] * parts[1])}, {x});
  ASSERT_TRUE(gradient.ok()) << gradient.status();
  const auto found = Evaluate({x}, *gradient, {Vector3(1, 2, -3)});
  ASSERT_TRUE(found.ok()) << found.status();
  ExpectNear((*found)[0], {0, 4, -6});
}

TEST(Gradients, OfValuesOnTheWay) {
  const Value x = InputValue(kVector, "x");
  const Value h = x * 3, y = h * h + x;
  const auto gradients = Gradients({y}, {h, x, y});
  ASSERT_TRUE(gradients.ok()) << gradients.status();
  const auto found = Evaluate({x}, *gradients, {Vector3(1, 2, -3)});
  ASSERT_TRUE(found.ok()) << found.status();
  ExpectNear((*found)[0], {6, 12, -18});
  ExpectNear((*found)[1], {19, 37, -53});
  ExpectNear((*found)[2], {1, 1, 1});
}

TEST(Gradients, AreAbsentWhereNothingFlows) {
  const Value x = InputValue(kVector, "x"), other = InputValue(kVector, "other"),
              index = InputValue({DType::kInt64, Shape{}}, "index");
  const Value y = Call("array.Gather", {x, index}) + Sum(Call("math.Floor", {other}));
  const auto gradients = Gradients({y}, {x, other, index});
  ASSERT_TRUE(gradients.ok()) << gradients.status();
  EXPECT_TRUE((*gradients)[0].valid());
  EXPECT_FALSE((*gradients)[1].valid());  // steps
  EXPECT_FALSE((*gradients)[2].valid());  // integers
  const auto unrelated = Gradients({x * x}, {other});
  ASSERT_TRUE(unrelated.ok()) << unrelated.status();
  EXPECT_FALSE((*unrelated)[0].valid());
}

// A value through an op that has no gradient.
Value Undifferentiable(const Value& x, const char* name) {
  const Attributes attrs = {{"to", DType::kFloat64}};
  return Call("array.BitCast", {x}, attrs, {.name = name});
}

TEST(Gradients, ListAllNodesThatHaveNone) {
  const Value x = InputValue(kVector, "x");
  const Value unknown = Call("acme.Unknown", {x}, {}, {.name = "alien", .output_types = {kVector}});
  const Value in_lambda =
      CallTraced([](Values in) { return std::vector<Value>{Undifferentiable(in[0], "in_lambda")}; },
                 {x}, {.name = "lambda"})[0];
  const auto branch = [](const char* name) {
    return [name](Values in) { return std::vector<Value>{Undifferentiable(in[0], name)}; };
  };
  const Value in_branch = If(Sum(x) > 0, {x}, branch("in_branch"),
                             [](Values in) { return std::vector<Value>{in[0]}; })[0];
  // One that is not on the way to x does not matter.
  const Value beside = Undifferentiable(Constant(Vector3(1, 2, 3)), "beside");
  const auto gradients =
      Gradients({Undifferentiable(x, "first\n") + unknown + in_lambda + in_branch + beside}, {x});
  EXPECT_EQ(gradients.status().code(), absl::StatusCode::kInvalidArgument);
  const std::string message(gradients.status().message());
  EXPECT_THAT(message, AllOf(HasSubstr("\"first\\n\" (array.BitCast): the bits of a number"),
                             HasSubstr("\"alien\" (acme.Unknown): no such op is registered"),
                             HasSubstr("lambda/in_lambda\" (array.BitCast)"),
                             HasSubstr("\"in_branch\" (array.BitCast)")));
  EXPECT_THAT(message, testing::Not(HasSubstr("beside")));
}

TEST(Gradients, RefuseWhatCannotBe) {
  const Value x = InputValue(kVector, "x");
  const auto message = [](const absl::StatusOr<std::vector<Value>>& gradients) {
    return std::string(gradients.status().message());
  };
  EXPECT_THAT(message(Gradients({Call("array.Cast", {x}, {{"to", DType::kInt32}})}, {x})),
              HasSubstr("output 0 is int32[3]; only floating-point values have gradients"));
  EXPECT_THAT(message(Gradients({x, x}, {x}, {.output_gradients = {x}})),
              HasSubstr("output_gradients: expected 2, one for each output, found 1"));
  EXPECT_THAT(message(Gradients({Value()}, {x})), HasSubstr("output 0 is absent"));
  const Value wrong = x + Constant(Tensor::Vector<double>({1, 2}));
  EXPECT_THAT(message(Gradients({wrong}, {x})), HasSubstr("do not broadcast"));
}

// Lambdas within each other.
Value Nested(const Value& x, int depth) {
  if (depth == 0) return x * x;
  return CallTraced([depth](Values in) { return std::vector<Value>{Nested(in[0], depth - 1)}; },
                    {x})[0];
}

// Branches within each other.
Value NestedIf(const Value& x, int depth) {
  if (depth == 0) return x * x;
  const auto then_branch = [depth](Values in) {
    return std::vector<Value>{NestedIf(in[0], depth - 1)};
  };
  return If(Sum(x) > 0, {x}, then_branch, [](Values in) { return std::vector<Value>{in[0]}; })[0];
}

TEST(Gradients, HaveBudgets) {
  const Value x = InputValue(kVector, "x");
  for (const Value& y : {Nested(x, 4), NestedIf(x, 4)}) {
    EXPECT_TRUE(Gradients({y}, {x}, {.max_depth = 4}).ok());
    const auto deep = Gradients({y}, {x}, {.max_depth = 3});
    EXPECT_EQ(deep.status().code(), absl::StatusCode::kResourceExhausted) << deep.status();
    EXPECT_THAT(std::string(deep.status().message()), HasSubstr("max_depth = 3"));
  }
  Value chain = x;
  for (int i = 0; i < 100; ++i) chain = Sin(chain);
  EXPECT_TRUE(Gradients({chain}, {x}, {.max_nodes = 101}).ok());
  const auto long_chain = Gradients({chain}, {x}, {.max_nodes = 100});
  EXPECT_EQ(long_chain.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(long_chain.status().message()), HasSubstr("max_nodes = 100"));
}

// Chains that are deeper than a call stack.
TEST(Gradients, OfLongChains) {
  const Value x = InputValue(kNumber, "x");
  Value y = x;
  for (int i = 0; i < 20'000; ++i) y = y * 1.0001;
  const auto gradient = Gradients({y}, {x});
  ASSERT_TRUE(gradient.ok()) << gradient.status();
  EXPECT_TRUE((*gradient)[0].status().ok());
}

TEST(Gradients, AreSavedAndLoaded) {
  const Value x = InputValue(kVector, "x");
  const Value y = Sum(Sin(x) * NestedIf(x, 2));
  const auto gradient = Gradients({y}, {x});
  ASSERT_TRUE(gradient.ok()) << gradient.status();
  auto model = BuildModel({x}, {y, (*gradient)[0]}, {.output_names = {"y", "dx"}});
  ASSERT_TRUE(model.ok()) << model.status();
  const auto bytes = SaveToString(*model);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  auto loaded = LoadFromBytes(*bytes, nullptr);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const auto session = Session::Create(*std::move(loaded), {.exact = true});
  ASSERT_TRUE(session.ok()) << session.status();
  const auto found = (*session)->Run(std::vector<Tensor>{Vector3(0.5, 1, 2)}, RunOptions{});
  ASSERT_TRUE(found.ok()) << found.status();
  std::vector<double> expected;  // of x^2 sin(x)
  for (const double v : {0.5, 1.0, 2.0})
    expected.push_back(2 * v * std::sin(v) + v * v * std::cos(v));
  ExpectNear((*found)[1], expected);
}

// The gradients of a model that was loaded, for its weights.
TEST(Gradients, OfReopenedModels) {
  const Value x = InputValue(kVector, "x");
  Model model = *BuildModel({x}, {Sum(Sin(x * 2))}, {.output_names = {"loss"}});
  const auto reopened = Reopen(model);
  ASSERT_TRUE(reopened.ok()) << reopened.status();
  const auto gradient = Gradients(reopened->outputs, reopened->inputs);
  ASSERT_TRUE(gradient.ok()) << gradient.status();
  const auto found = Evaluate(reopened->inputs, *gradient, {Vector3(0, 1, 2)});
  ASSERT_TRUE(found.ok()) << found.status();
  ExpectNear((*found)[0], {2, 2 * std::cos(2.0), 2 * std::cos(4.0)});
}

TEST(Gradients, AreDifferentiatedAgain) {
  const Value x = InputValue(kVector, "x");
  // x^4, three times.
  Value d = x * x * x * x;
  for (int i = 0; i < 3; ++i) {
    const auto next = Gradients({d}, {x});
    ASSERT_TRUE(next.ok()) << next.status();
    d = (*next)[0];
  }
  const auto found = Evaluate({x}, {d}, {Vector3(1, 2, -3)});
  ASSERT_TRUE(found.ok()) << found.status();
  ExpectNear((*found)[0], {24, 48, -72});
}

TEST(StopGradient, LetsNothingThrough) {
  const Value x = InputValue(kVector, "x");
  const auto gradients = Gradients({x * StopGradient(x * x)}, {x});
  ASSERT_TRUE(gradients.ok()) << gradients.status();
  const auto found = Evaluate({x}, {(*gradients)[0], StopGradient(x)}, {Vector3(1, 2, -3)});
  ASSERT_TRUE(found.ok()) << found.status();
  ExpectNear((*found)[0], {1, 4, 9});
  ExpectNear((*found)[1], {1, 2, -3});
}

TEST(CustomGradient, TakesTheOthersPlace) {
  const Value x = InputValue(kVector, "x"), w = InputValue(kNumber, "w"),
              n = InputValue({DType::kInt64, Shape{}}, "n");
  // Rounds, and lets gradients through as if it did not; yields a count that has none.
  const auto round = [](Values in) -> std::vector<Value> {
    return {Call("math.Round", {in[0] * in[1]}), in[2] + 1};
  };
  const auto straight_through = [](Values in) -> std::vector<Value> {
    EXPECT_EQ(in.size(), 6u);  // three inputs, two outputs, one gradient
    return {in[5] * in[1], Sum(in[5] * in[0])};
  };
  const std::vector<Value> y = CustomGradient({x, w, n}, round, straight_through);
  ASSERT_TRUE(y[0].status().ok()) << y[0].status();
  const auto gradients = Gradients({y[0] * y[0]}, {x, w, n});
  ASSERT_TRUE(gradients.ok()) << gradients.status();
  EXPECT_FALSE((*gradients)[2].valid());
  const auto found =
      Evaluate({x, w, n}, {y[0], y[1], (*gradients)[0], (*gradients)[1]},
               {Vector3(0.8, 1.6, -3), Tensor::Scalar(2.0), Tensor::Scalar<int64_t>(4)});
  ASSERT_TRUE(found.ok()) << found.status();
  ExpectNear((*found)[0], {2, 3, -6});
  ExpectNear((*found)[1], {5});
  ExpectNear((*found)[2], {2 * 2 * 2, 2 * 3 * 2, 2 * -6 * 2});
  ExpectNear((*found)[3], {2 * 2 * 0.8 + 2 * 3 * 1.6 + 2 * -6 * -3});
}

TEST(CustomGradient, IsInOnnxWhatItComputes) {
  const Value x = InputValue({DType::kFloat32, Shape{3}}, "x");
  const auto square = [](Values in) { return std::vector<Value>{in[0] * in[0] + 1}; };
  const auto gradient = [](Values in) { return std::vector<Value>{in[2]}; };
  const Value y = CustomGradient({x}, square, gradient)[0] + StopGradient(x);
  const auto model = BuildModel({x}, {y}, {.output_names = {"y"}});
  ASSERT_TRUE(model.ok()) << model.status();
  const auto bytes = onnx::ExportToString(*model);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  auto imported = onnx::ImportFromBytes(*bytes);
  ASSERT_TRUE(imported.ok()) << imported.status();
  const auto session = Session::Create(*std::move(imported));
  ASSERT_TRUE(session.ok()) << session.status();
  const auto found =
      (*session)->Run(std::vector<Tensor>{Tensor::Vector<float>({1, 2, -3})}, RunOptions{});
  ASSERT_TRUE(found.ok()) << found.status();
  ExpectNear((*found)[0], {3, 7, 7});
}

TEST(CustomGradient, IsCheckedWhereItIsWritten) {
  const Value x = InputValue(kVector, "x");
  const auto same = [](Values in) { return std::vector<Value>{in[0]}; };
  const auto scalar = [](Values in) { return std::vector<Value>{Sum(in[2])}; };
  const auto two = [](Values in) { return std::vector<Value>{in[2], in[2]}; };
  const auto message = [&](const TraceFn& function, const TraceFn& gradient) {
    return std::string(CustomGradient({x}, function, gradient)[0].status().message());
  };
  EXPECT_THAT(message(same, scalar),
              HasSubstr("gradient: for input 0 expected float64[3], found float64[]"));
  EXPECT_THAT(message(same, two), HasSubstr("gradient: expected 1, one for each floating-point"));
  const auto captures = [&](Values in) { return std::vector<Value>{in[0] * x}; };
  EXPECT_THAT(message(captures, same), HasSubstr("uses values from outside of it"));
}

}  // namespace
}  // namespace nomograph
