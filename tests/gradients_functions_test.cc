// Gradients() of what calls functions: Lambdas, bodies of ops, branches and loops, with the random
// numbers that they draw. Each op's own gradient is tested in gradient_test.cc.
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/control_flow.h"
#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/gradient/gradients.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/tests/gradient_values.h"

namespace nomograph {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using Values = absl::Span<const Value>;

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

NOMO_REGISTER_OP(BodyOp("gradients_functions_test.Noisy", NoisyBody));
// Its gradient is not that of its body, so that one sees which is taken.
NOMO_REGISTER_OP(BodyOp("gradients_functions_test.Twice", [](Values in) {
                   return std::vector<Value>{in[0] * 2};
                 }).Gradient([](const GradientContext& g) -> absl::StatusOr<std::vector<Value>> {
  return std::vector<Value>{g.gradient(0) * 7};
}));

TEST(Body, IsDifferentiatedWhereTheOpHasNoGradient) {
  const Value x = InputValue(kVector, "x");
  const auto noisy = [&](const char* name) {
    return Call("gradients_functions_test.Noisy", {x}, {}, {.name = name});
  };
  for (const uint64_t seed : {1, 2})
    ExpectAsCentralDifferences({x}, Sum(noisy("noisy")), {Vector3(0.5, 1, -2)}, {.seed = seed});
  EXPECT_THAT(std::string(Gradients({noisy("")}, {x}).status().message()),
              HasSubstr("needs a name to be differentiated"));
  const auto gradients = Gradients({Call("gradients_functions_test.Twice", {x})}, {x});
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

}  // namespace
}  // namespace nomograph
