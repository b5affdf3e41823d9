// Gradients() as its callers see it: graphs of several outputs, faults and budgets, functions
// within functions, control flow, gradients that are saved and differentiated again. Each op's own
// gradient is tested in gradient_test.cc.
#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/control_flow.h"
#include "nomograph/core/build/reopen.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/gradient/custom_gradient.h"
#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/gradient/gradients.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/run/session.h"
#include "nomograph/serialization/model_io.h"
#include "nomograph/serialization/onnx/export/export.h"
#include "nomograph/serialization/onnx/import/import.h"

namespace nomograph {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using Values = absl::Span<const Value>;

const TensorType kNumber = {DType::kFloat64, Shape{}};
const TensorType kVector = {DType::kFloat64, Shape{3}};

Tensor Vector3(double a, double b, double c) { return Tensor::Vector<double>({a, b, c}); }

absl::StatusOr<std::vector<Tensor>> Evaluate(const std::vector<Value>& inputs,
                                             const std::vector<Value>& outputs,
                                             const std::vector<Tensor>& tensors,
                                             const RunOptions& options = {}) {
  NOMO_ASSIGN_OR_RETURN(Model model, BuildModel(inputs, outputs));
  NOMO_ASSIGN_OR_RETURN(const auto session, Session::Create(std::move(model), {.exact = true}));
  return session->Run(tensors, options);
}

void ExpectNear(const Tensor& found, const std::vector<double>& expected,
                double tolerance = 1e-12) {
  ASSERT_EQ(found.num_elements(), static_cast<int64_t>(expected.size()));
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(found.AsDouble(static_cast<int64_t>(i)), expected[i],
                tolerance * std::max(1.0, std::abs(expected[i])))
        << "element " << i;
  }
}

Value Sum(const Value& x) { return Call("math.ReduceSum", {x}, {{"keepdims", false}}); }
Value Sin(const Value& x) { return Call("math.Sin", {x}); }

// The scalar that the session yields, where element k of input i is moved by `step`.
absl::StatusOr<double> MovedValue(Session& session, std::vector<Tensor> at, size_t i, int64_t k,
                                  double step, const RunOptions& options) {
  NOMO_ASSIGN_OR_RETURN(at[i], TryClone(at[i]));
  at[i].mutable_data<double>()[k] += step;
  NOMO_ASSIGN_OR_RETURN(const std::vector<Tensor> outputs, session.Run(at, options));
  return outputs[0].AsDouble(0);
}

// The five-point formula, whose error is of the fourth order in the step.
absl::StatusOr<double> CentralDifference(Session& session, const std::vector<Tensor>& at, size_t i,
                                         int64_t k, const RunOptions& options) {
  constexpr double kStep = 2e-4;
  double sum = 0;
  for (const auto& [steps, weight] :
       {std::pair{1.0, 8.0}, {-1.0, -8.0}, {2.0, -1.0}, {-2.0, 1.0}}) {
    NOMO_ASSIGN_OR_RETURN(const double value,
                          MovedValue(session, at, i, k, steps * kStep, options));
    sum += weight * value;
  }
  return sum / (12 * kStep);
}

// Compares the gradients of the scalar `y` for all inputs with central differences at `at`.
void ExpectAsCentralDifferences(const std::vector<Value>& inputs, const Value& y,
                                const std::vector<Tensor>& at, const RunOptions& options = {}) {
  const auto gradients = Gradients({y}, inputs);
  ASSERT_TRUE(gradients.ok()) << gradients.status();
  for (const Value& gradient : *gradients) ASSERT_TRUE(gradient.valid());
  const auto found = Evaluate(inputs, *gradients, at, options);
  ASSERT_TRUE(found.ok()) << found.status();
  auto model = BuildModel(inputs, {y});
  ASSERT_TRUE(model.ok()) << model.status();
  const auto session = Session::Create(*std::move(model), {.exact = true});
  ASSERT_TRUE(session.ok()) << session.status();
  for (size_t i = 0; i < at.size(); ++i) {
    ASSERT_EQ((*found)[i].type(), at[i].type());
    for (int64_t k = 0; k < at[i].num_elements(); ++k) {
      const auto expected = CentralDifference(**session, at, i, k, options);
      ASSERT_TRUE(expected.ok()) << expected.status();
      EXPECT_NEAR((*found)[i].AsDouble(k), *expected, 1e-8 * std::max(1.0, std::abs(*expected)))
          << "input " << i << ", element " << k;
    }
  }
}

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

TEST(Lambda, IsDifferentiatedWithItsCapturedValues) {
  const Value x = InputValue(kVector, "x"), w = InputValue(kVector, "w");
  const Value h = w * w;
  // A lambda in a lambda: the inner one captures a value of the outer one, and one from outside.
  const auto outer = [&](Values in) -> std::vector<Value> {
    const Value inside = in[0] * 2;
    const auto inner = [&](Values v) { return std::vector<Value>{v[0] * inside * h, v[0] + 1}; };
    const std::vector<Value> results = CallTraced(inner, {Sin(in[0])});
    return {results[0] + results[1] * in[0]};
  };
  const Value y = Sum(CallTraced(outer, {x})[0]);
  ExpectAsCentralDifferences({x, w}, y, {Vector3(0.5, 1, -2), Vector3(1, 0.3, 2)});
  // The same value twice.
  const auto product = [](Values in) { return std::vector<Value>{in[0] * in[1]}; };
  ExpectAsCentralDifferences({x}, Sum(CallTraced(product, {x, x})[0]), {Vector3(0.5, 1, -2)});
  // A lambda that yields what it takes.
  const auto same = [](Values in) { return std::vector<Value>{in[0]}; };
  ExpectAsCentralDifferences({x}, Sum(CallTraced(same, {x})[0] * x), {Vector3(0.5, 1, -2)});
}

// x times random numbers, which are constants for the gradient.
Value Noisy(const Value& x) {
  const Attributes attrs = {{"shape", std::vector<int64_t>{3}}, {"dtype", DType::kFloat64}};
  return x * Call("random.Uniform", {}, attrs);
}

std::vector<Value> NoisyBody(Values in) { return {Sin(Noisy(in[0])) * in[0]}; }

TEST(Lambda, DrawsTheSameNumbersBackwards) {
  const Value x = InputValue(kVector, "x");
  const Value y = CallTraced(NoisyBody, {x}, {.name = "noise"})[0];
  const auto nested = [](Values in) {
    return std::vector<Value>{Noisy(CallTraced(NoisyBody, {in[0]})[0])};
  };
  const Value z = CallTraced(nested, {y}, {.name = "outer"})[0];
  const auto flipped = [](Values in) {
    const Value image = Call("array.Reshape", {in[0]}, {{"shape", std::vector<int64_t>{1, 3, 1}}});
    const Value flip = Call("image.RandomFlip", {image * image}, {}, {.name = "flip"});
    return std::vector<Value>{Call("array.Reshape", {flip}, {{"shape", std::vector<int64_t>{3}}})};
  };
  const Value f = CallTraced(flipped, {x}, {.name = "flipped"})[0];
  const Value weights = Constant(Vector3(1, 10, 100));
  for (const uint64_t seed : {1, 2, 3, 4}) {
    ExpectAsCentralDifferences({x}, Sum((z + f) * weights), {Vector3(0.5, 1, -2)},
                               {.training = true, .seed = seed});
  }
}

// Two ops of another library, written with standard ones.
absl::StatusOr<std::vector<TensorType>> InferSame(const InferContext& context) {
  return std::vector<TensorType>{context.input(0)};
}

OpDef BodyOp(const char* name, TraceFn body) {
  return OpDef(name)
      .Doc("for this test")
      .TypeVar("T", kFloats)
      .Input("x", "T", "any shape")
      .Output("y", "T", "the shape of x")
      .Infer(InferSame)
      .Body([body](Values in, const Attributes&) -> absl::StatusOr<std::vector<Value>> {
        return body(in);
      });
}

NOMO_REGISTER_OP(BodyOp("gradients_api_test.Noisy", NoisyBody));
// Its gradient is not that of its body, so that one sees which is taken.
NOMO_REGISTER_OP(BodyOp("gradients_api_test.Twice", [](Values in) {
                   return std::vector<Value>{in[0] * 2};
                 }).Gradient([](const GradientContext& g) -> absl::StatusOr<std::vector<Value>> {
  return std::vector<Value>{g.gradient(0) * 7};
}));

TEST(Body, IsDifferentiatedWhereTheOpHasNoGradient) {
  const Value x = InputValue(kVector, "x");
  const auto noisy = [&](const char* name) {
    return Call("gradients_api_test.Noisy", {x}, {}, {.name = name});
  };
  for (const uint64_t seed : {1, 2})
    ExpectAsCentralDifferences({x}, Sum(noisy("noisy")), {Vector3(0.5, 1, -2)}, {.seed = seed});
  EXPECT_THAT(std::string(Gradients({noisy("")}, {x}).status().message()),
              HasSubstr("needs a name to be differentiated"));
  const auto gradients = Gradients({Call("gradients_api_test.Twice", {x})}, {x});
  ASSERT_TRUE(gradients.ok()) << gradients.status();
  const auto found = Evaluate({x}, *gradients, {Vector3(0.5, 1, -2)});
  ASSERT_TRUE(found.ok()) << found.status();
  ExpectNear((*found)[0], {7, 7, 7});
}

// The gradient's nodes, some of which are written first, take no name from one that draws by it.
TEST(Gradients, LeaveNodesTheirNames) {
  const Value x = InputValue({DType::kFloat64, Shape{1, 3, 1}}, "x");
  const Value w = Constant(Tensor::Of<double>({1, 3, 1}, {1, 10, 100}));
  const Value y = Call("image.RandomFlip", {x}, {}, {.name = "RandomFlip"}) * w;
  const auto gradients = Gradients({y}, {x});
  ASSERT_TRUE(gradients.ok()) << gradients.status();
  for (const uint64_t seed : {1, 2, 3, 4}) {
    const auto found =
        Evaluate({x}, {(*gradients)[0], y}, {Tensor::Of<double>({1, 3, 1}, {1, 1, 2})},
                 {.training = true, .seed = seed});
    ASSERT_TRUE(found.ok()) << found.status();
    const bool flipped = (*found)[1].AsDouble(0) == 2;
    ExpectNear((*found)[0],
               flipped ? std::vector<double>{100, 10, 1} : std::vector<double>{1, 10, 100});
  }
}

TEST(Lambda, NeedsANameToDrawTheSameNumbers) {
  const Value x = InputValue({DType::kFloat64, Shape{1, 3, 1}}, "x");
  const auto flip = [](Values in) {
    return std::vector<Value>{Call("image.RandomFlip", {in[0]}, {}, {.name = "flip"})};
  };
  for (const Value& y : {CallTraced(flip, {x})[0], Call("image.RandomFlip", {x})}) {
    const auto gradients = Gradients({y}, {x});
    EXPECT_EQ(gradients.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(gradients.status().message()),
                HasSubstr("needs a name to be differentiated"));
  }
}

TEST(If, IsDifferentiatedInBothBranches) {
  const Value x = InputValue(kVector, "x"), w = InputValue(kVector, "w");
  const auto products = [](Values in) { return std::vector<Value>{in[0] * in[1], Sum(in[0])}; };
  const auto first_only = [](Values in) { return std::vector<Value>{Sin(in[0]), Sum(in[1])}; };
  const std::vector<Value> y = If(Sum(x) > 0, {x, w}, products, first_only);
  for (const double sign : {1, -1}) {
    ExpectAsCentralDifferences({x, w}, Sum(y[0] * y[0]) + y[1] * 3,
                               {Vector3(sign * 1, 0.5, sign * 2), Vector3(2, 3, 4)});
  }
}

TEST(Loop, IsDifferentiatedWithAllThatItTakes) {
  const Value x = InputValue(kVector, "x"), w = InputValue(kVector, "w");
  // Ends before the trip count, as the carried sum says.
  const auto body = [](Values in) -> std::vector<Value> {
    const Value next = Sin(in[2] * in[4]) + in[2],
                i = Call("array.Cast", {in[0]}, {{"to", DType::kFloat64}});
    return {Sum(next) < 9, next, in[3] + i * Sum(next), next * next, i};
  };
  const std::vector<Value> y =
      Loop(Constant(Tensor::Scalar<int64_t>(7)), Constant(Tensor::Scalar(true)),
           {x, Constant(Tensor::Scalar(0.5))}, body, {w});
  ASSERT_TRUE(y[0].status().ok()) << y[0].status();
  const Value scanned = Sum(Sin(y[2]));
  ExpectAsCentralDifferences({x, w}, Sum(y[0]) + 2 * y[1] + scanned,
                             {Vector3(1, 0.5, 2), Vector3(0.3, 0.8, 0.1)});
  // Only the scanned values are used; the loop does not run at all.
  ExpectAsCentralDifferences({x, w}, scanned, {Vector3(1, 0.5, 2), Vector3(0.3, 0.8, 0.1)});
  const std::vector<Value> none = Loop(Constant(Tensor::Scalar<int64_t>(0)), Value(),
                                       {x, Constant(Tensor::Scalar(0.5))}, body, {w});
  ExpectAsCentralDifferences({x, w}, Sum(none[0] * none[0]),
                             {Vector3(1, 0.5, 2), Vector3(0.3, 0.8, 0.1)});
}

TEST(Loop, KeepsOnceWhatNoIterationChanges) {
  const Value x = InputValue(kVector, "x"), w = InputValue(kVector, "w");
  const auto step = [](Values in) -> std::vector<Value> {
    return {in[1], in[2], Sin(in[2] * in[3]) + in[3]};
  };
  const auto y = Loop(Constant(Tensor::Scalar<int64_t>(4)), Value(), {w, x}, step);
  const auto scanned = [](Values in) -> std::vector<Value> {
    return {in[0], Sin(in[1] * in[0]) * in[2], in[1] * in[0]};
  };
  const Value rows = Call("array.Reshape", {y[1] * 0.1}, {{"shape", std::vector<int64_t>{3, 1}}});
  const auto z = Scan({w, x}, {rows}, scanned);
  ASSERT_TRUE(z[0].status().ok()) << z[0].status();
  const Value loss = Sum(y[0] * y[1]) + Sum(z[0] * z[1]) + Sum(z[2]);
  ExpectAsCentralDifferences({x, w}, loss, {Vector3(1, 0.5, 2), Vector3(0.3, 0.8, 0.1)});
  // What is kept of each iteration does not hold w.
  const auto gradients = Gradients({loss}, {x, w});
  ASSERT_TRUE(gradients.ok()) << gradients.status();
  const auto model = BuildModel({x, w}, *gradients);
  ASSERT_TRUE(model.ok()) << model.status();
  std::vector<size_t> outputs;
  for (const Node& node : model->graph.nodes) {
    if (node.op == "core.Loop") outputs.push_back(node.outputs.size());
  }
  // The loop itself, and the one that keeps: w, x, the iteration, the condition, x of each.
  EXPECT_THAT(outputs, testing::UnorderedElementsAre(2, 5));
}

TEST(Scan, IsDifferentiatedAlongAllAxes) {
  const Value s = InputValue(kVector, "s"), w = InputValue(kNumber, "w"),
              a = InputValue({DType::kFloat64, Shape{3, 4}}, "a"),
              b = InputValue({DType::kFloat64, Shape{4, 3}}, "b");
  const auto body = [](Values in) -> std::vector<Value> {
    const Value next = Sin(in[0] + in[1] * in[2]) * in[3];
    return {next, next * in[2], Sum(next) * in[0]};
  };
  Tensor a0(DType::kFloat64, {3, 4}), b0(DType::kFloat64, {4, 3});
  for (int i = 0; i < 12; ++i) {
    a0.mutable_data<double>()[i] = std::sin(i + 1.0);
    b0.mutable_data<double>()[i] = std::cos(2.0 * i);
  }
  for (const int64_t backwards : {0, 1}) {
    const std::vector<Value> y = Scan({s}, {a, b}, body, {w},
                                      {.input_axes = {1, 0},
                                       .output_axes = {1, 0},
                                       .input_directions = {backwards, 0},
                                       .output_directions = {0, backwards}});
    ASSERT_TRUE(y[0].status().ok()) << y[0].status();
    const Value loss = Sum(y[0]) + Sum(y[1] * a) + Sum(y[2] * b);
    ExpectAsCentralDifferences({s, a, b, w}, loss,
                               {Vector3(1, -0.5, 2), a0, b0, Tensor::Scalar(0.9)});
  }
  // Without states, as a map.
  const auto square = [](Values in) { return std::vector<Value>{in[0] * in[0]}; };
  ExpectAsCentralDifferences({b}, Sum(Scan({}, {b}, square)[0] * b), {b0});
}

TEST(While, IsDifferentiated) {
  const Value x = InputValue(kNumber, "x"), w = InputValue(kNumber, "w");
  const auto below = [](Values in) { return std::vector<Value>{in[0] < 50}; };
  const auto grow = [](Values in) -> std::vector<Value> {
    return {in[0] * in[1] + Sin(in[0] * 0.1), in[1], in[2] + 1};
  };
  const std::vector<Value> y = While({x, w, Constant(Tensor::Scalar<int64_t>(0))}, below, grow);
  ExpectAsCentralDifferences({x, w}, y[0] * y[1], {Tensor::Scalar(2.0), Tensor::Scalar(1.7)});
  // Not once.
  ExpectAsCentralDifferences({x, w}, y[0] * y[1], {Tensor::Scalar(60.0), Tensor::Scalar(1.7)});
}

TEST(ControlFlow, IsDifferentiatedTwoDeep) {
  const Value x = InputValue(kVector, "x"), w = InputValue(kVector, "w");
  const Value three = Constant(Tensor::Scalar<int64_t>(3));
  const std::vector<Tensor> at = {Vector3(1, 0.5, -2), Vector3(0.3, 0.8, 0.1)};
  const auto step = [](Values in) -> std::vector<Value> {
    return {in[1], Sin(in[2]) * in[3] + in[2], in[2] * in[3]};
  };
  const auto in_loop = [&](Values in) -> std::vector<Value> {
    const auto inner = Loop(Constant(Tensor::Scalar<int64_t>(2)), Value(), {in[2]}, step, {in[3]});
    return {in[1], inner[0] * in[3], Sum(inner[1])};
  };
  const auto looped = Loop(three, Value(), {x}, in_loop, {w});
  ExpectAsCentralDifferences({x, w}, Sum(looped[0]) + Sum(looped[1]), at);

  const auto positive = [](Values in) { return std::vector<Value>{Sum(in[0]) > 0}; };
  const auto halve = [](Values in) {
    return std::vector<Value>{in[0] * in[1] - 0.2 * in[1], in[1]};
  };
  const auto whiles = [&](Values in) {
    return std::vector<Value>{While({in[0], in[1]}, positive, halve)[0] * in[0]};
  };
  const auto scans = [&](Values in) {
    const auto add = [](Values v) { return std::vector<Value>{v[0] + Sin(v[1]) * v[0], v[0]}; };
    const auto y = Scan({Sum(in[1])}, {in[0]}, add);
    return std::vector<Value>{y[1] * y[0]};
  };
  for (const double flip : {1, -1}) {
    const Value y = If(Sum(x) * flip > 0, {x, w}, whiles, scans)[0];
    ASSERT_TRUE(y.status().ok()) << y.status();
    ExpectAsCentralDifferences({x, w}, Sum(y * y), {Vector3(1, 2, -0.5), at[1]});
  }
}

// Each iteration draws its own numbers; the way back draws them in the opposite order.
TEST(ControlFlow, DrawsTheSameNumbersBackwards) {
  const Value x = InputValue(kVector, "x");
  const auto branch = [](Values in) { return std::vector<Value>{Sin(Noisy(in[0])) + in[0]}; };
  const auto other = [](Values in) { return std::vector<Value>{Noisy(in[0])}; };
  const auto body = [&](Values in) -> std::vector<Value> {
    const Value chosen = If(in[0] % 2 == 0, {in[2]}, branch, other)[0];
    return {in[1], chosen * chosen + Noisy(in[2]), in[2]};
  };
  const auto types =
      std::vector<TensorType>{{DType::kInt64, Shape{}}, {DType::kBool, Shape{}}, kVector};
  CallOptions options{.name = "loop", .num_outputs = 2};
  options.functions = {{"body", body, types}};
  const std::vector<Value> y =
      CallMulti("core.Loop", {Constant(Tensor::Scalar<int64_t>(3)), Value(), x},
                {{"num_carried", 1}}, options);
  const auto scanned = [](Values in) -> std::vector<Value> {
    return {Sin(Noisy(in[0])) + in[1], Noisy(in[1])};
  };
  CallOptions scan{.name = "scan", .num_outputs = 2};
  scan.functions = {{"body", scanned, {kVector, kVector}}};
  const std::vector<Value> z =
      CallMulti("core.Scan", {x, y[1]}, {{"num_states", 1}, {"num_scan_inputs", 1}}, scan);
  ASSERT_TRUE(z[0].status().ok()) << z[0].status();
  for (const uint64_t seed : {1, 2}) {
    ExpectAsCentralDifferences({x}, Sum(y[0] * Constant(Vector3(1, 2, 3))) + Sum(z[0]) + Sum(z[1]),
                               {Vector3(0.5, 0.7, -0.9)}, {.seed = seed});
  }
}

TEST(ControlFlow, IsDifferentiatedAgain) {
  const Value x = InputValue(kVector, "x");
  const auto body = [](Values in) -> std::vector<Value> {
    return {in[1], Sin(in[2]) * in[3] + in[2], in[2] * in[2]};
  };
  const auto y = Loop(Constant(Tensor::Scalar<int64_t>(3)), Value(), {x}, body, {x});
  const auto branch = [](Values in) { return std::vector<Value>{in[0] * in[0] * in[0]}; };
  const auto other = [](Values in) { return std::vector<Value>{Sin(in[0])}; };
  const Value z = If(Sum(x) > 0, {x}, branch, other)[0];
  const auto first = Gradients({Sum(y[0]) + Sum(y[1]) + Sum(z)}, {x});
  ASSERT_TRUE(first.ok()) << first.status();
  ExpectAsCentralDifferences({x}, Sum((*first)[0] * Constant(Vector3(1, 2, 3))),
                             {Vector3(1, 0.5, -0.2)});
}

TEST(ControlFlow, SaysWhatItCannotDo) {
  const Value x = InputValue(kVector, "x");
  const auto message = [&](const Value& y) {
    return std::string(Gradients({y}, {x}).status().message());
  };
  const auto grow = [](Values in) {
    return std::vector<Value>{in[1], Call("array.Concat", {in[2], in[2]})};
  };
  const TensorType grown = {DType::kFloat64, PartialShape::OfRank(1)};
  CallOptions options{.name = "grows", .num_outputs = 1};
  options.functions = {{"body", grow, {{DType::kInt64, Shape{}}, {DType::kBool, Shape{}}, grown}}};
  const Value y = CallMulti("core.Loop", {Constant(Tensor::Scalar<int64_t>(3)), Value(), x},
                            {{"num_carried", 1}}, options)[0];
  EXPECT_THAT(message(y),
              AllOf(HasSubstr("\"grows\""),
                    HasSubstr("carried value 0 changes its shape, which begins as [3]")));
  const auto below = [](Values in) { return std::vector<Value>{Sum(in[0]) < 50}; };
  const auto noisy = [](Values in) { return std::vector<Value>{Noisy(in[0]) + 1}; };
  EXPECT_THAT(message(While({x}, below, noisy)[0]), HasSubstr("body draws random numbers"));
  // A loop without a name, whose body draws.
  const auto draws = [](Values in) { return std::vector<Value>{in[1], Noisy(in[2])}; };
  EXPECT_THAT(message(Loop(Constant(Tensor::Scalar<int64_t>(3)), Value(), {x}, draws)[0]),
              HasSubstr("needs a name to be differentiated"));
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
