// If(), Loop() and Scan() of core/build/control_flow.h: the values that they yield, with all of
// their arguments, and that their functions are traced once. The expected numbers are worked out by
// hand.
#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/control_flow.h"
#include "nomograph/core/run/session.h"

namespace nomograph {
namespace {

using Values = absl::Span<const Value>;
using Vector = std::vector<Value>;

Value Int(int64_t value) { return Constant(Tensor::Scalar(value)); }
Value Flag(bool value) { return Constant(Tensor::Scalar(value)); }
Value Float(float value) { return Constant(Tensor::Scalar(value)); }
Value ToFloat(const Value& x) { return Call("array.Cast", {x}, {{"to", DType::kFloat32}}); }
Tensor Floats(std::initializer_list<float> values) { return Tensor::Vector<float>(values); }

struct Case {
  std::string what;
  Vector inputs;         // of the model
  NamedTensors tensors;  // for these at least
  Vector outputs;        // of Loop() or Scan()
  std::vector<Tensor> expected;
};

void Check(const Case& c) {
  SCOPED_TRACE(c.what);
  const auto model = BuildModel(c.inputs, c.outputs);
  ASSERT_TRUE(model.ok()) << model.status();
  NamedTensors inputs;
  for (const ValueId id : model->graph.inputs) {
    const std::string& name = model->graph.value(id).name;
    inputs[name] = c.tensors.at(name);
  }
  for (const bool exact : {false, true}) {
    const auto session = Session::Create(*model, {.exact = exact});
    ASSERT_TRUE(session.ok()) << session.status();
    const auto found = (*session)->Run(inputs);
    ASSERT_TRUE(found.ok()) << found.status();
    ASSERT_EQ(model->graph.outputs.size(), c.expected.size());
    for (size_t i = 0; i < c.expected.size(); ++i) {
      const std::string& name = model->graph.value(model->graph.outputs[i]).name;
      EXPECT_EQ(found->at(name), c.expected[i]) << "output " << i << (exact ? ", exact" : "");
    }
  }
}

// The trips and the condition as constants, and as inputs, which nothing can compute beforehand.
TEST(Loop, Values) {
  const Value trips = InputValue({DType::kInt64, Shape{}}, "trips");
  const Value go = InputValue({DType::kBool, Shape{}}, "go");
  const Value start = InputValue({DType::kFloat32, Shape{}}, "start");
  const NamedTensors tensors = {{"trips", Tensor::Scalar<int64_t>(4)},
                                {"go", Tensor::Scalar(true)},
                                {"start", Tensor::Scalar(1.0f)}};
  const NamedTensors stop = {{"trips", Tensor::Scalar<int64_t>(4)},
                             {"go", Tensor::Scalar(false)},
                             {"start", Tensor::Scalar(1.0f)}};
  const Vector inputs = {trips, go, start};
  // 0 + 1 + 2 + ...; the sums so far are scanned.
  const TraceFn sum = [](Values in) {
    const Value next = in[2] + ToFloat(in[0]);
    return Vector{in[1], next, next};
  };
  // Doubles while it is below 100.
  const TraceFn doubling = [](Values in) {
    const Value next = in[2] + in[2];
    return Vector{Call("math.Less", {next, Float(100)}), next, next};
  };
  const TraceFn fibonacci = [](Values in) { return Vector{in[1], in[3], in[2] + in[3]}; };
  // x = a x + b with two captured values; scanned are the old value and the iteration.
  const TraceFn linear = [](Values in) {
    return Vector{in[1], in[3] * in[2] + in[4], in[2], in[0]};
  };
  const std::vector<Case> cases = {
      {"trips alone",
       inputs,
       tensors,
       Loop(Int(5), Value(), {Float(0)}, sum),
       {Tensor::Scalar(10.0f), Floats({0, 1, 3, 6, 10})}},
      {"trips from an input",
       inputs,
       tensors,
       Loop(trips, Value(), {start}, sum),
       {Tensor::Scalar(7.0f), Floats({1, 2, 4, 7})}},
      {"no trips",
       inputs,
       tensors,
       Loop(Int(0), Value(), {start}, sum),
       {Tensor::Scalar(1.0f), Floats({})}},
      {"condition alone",
       inputs,
       tensors,
       Loop(Value(), Flag(true), {Float(1)}, doubling),
       {Tensor::Scalar(128.0f), Floats({2, 4, 8, 16, 32, 64, 128})}},
      {"condition from an input",
       inputs,
       tensors,
       Loop(Value(), go, {start}, doubling),
       {Tensor::Scalar(128.0f), Floats({2, 4, 8, 16, 32, 64, 128})}},
      {"condition that does not hold at first",
       inputs,
       stop,
       Loop(trips, go, {start}, doubling),
       {Tensor::Scalar(1.0f), Floats({})}},
      {"trips end it first",
       inputs,
       tensors,
       Loop(trips, go, {start}, doubling),
       {Tensor::Scalar(16.0f), Floats({2, 4, 8, 16})}},
      {"the condition ends it first",
       inputs,
       tensors,
       Loop(Int(50), go, {Float(60)}, doubling),
       {Tensor::Scalar(120.0f), Floats({120})}},
      {"two carried values, none scanned",
       inputs,
       tensors,
       Loop(Int(10), Value(), {Float(0), Float(1)}, fibonacci),
       {Tensor::Scalar(55.0f), Tensor::Scalar(89.0f)}},
      {"captured values",
       inputs,
       tensors,
       Loop(Int(3), Value(), {Float(2)}, linear, {Float(10), start}),
       {Tensor::Scalar(2111.0f), Floats({2, 21, 211}), Tensor::Vector<int64_t>({0, 1, 2})}},
  };
  for (const Case& c : cases) Check(c);
}

TEST(Loop, ScansRowsAlongANewAxis) {
  const Value x = InputValue({DType::kFloat32, {2}}, "x");
  const TraceFn body = [](Values in) { return Vector{in[1], in[2] * 3.0f, in[2]}; };
  Check({"rows",
         {x},
         {{"x", Floats({1, -2})}},
         Loop(Int(3), Value(), {x}, body),
         {Floats({27, -54}), Tensor::Of<float>({3, 2}, {1, -2, 3, -6, 9, -18})}});
}

TEST(Scan, Values) {
  const Value x = InputValue({DType::kFloat32, {2, 3}}, "x");
  const Value y = InputValue({DType::kFloat32, {2, 3}}, "y");
  const NamedTensors tensors = {{"x", Tensor::Of<float>({2, 3}, {1, 2, 3, 4, 5, 6})},
                                {"y", Tensor::Of<float>({2, 3}, {10, 20, 30, 40, 50, 60})}};
  const Value row = Constant(Floats({0, 0, 0})), column = Constant(Floats({0, 0}));
  // Sums so far.
  const TraceFn sum = [](Values in) { return Vector{in[0] + in[1], in[0] + in[1]}; };
  // Two sequences, no state; then with a captured value.
  const TraceFn difference = [](Values in) { return Vector{in[1] - in[0], in[0]}; };
  const TraceFn scaled = [](Values in) { return Vector{in[0] + in[1] * in[2] * in[3]}; };
  const std::vector<Case> cases = {
      {"rows",
       {x},
       tensors,
       Scan({row}, {x}, sum),
       {Floats({5, 7, 9}), Tensor::Of<float>({2, 3}, {1, 2, 3, 5, 7, 9})}},
      {"rows from the end",
       {x},
       tensors,
       Scan({row}, {x}, sum, {}, {.input_directions = {1}}),
       {Floats({5, 7, 9}), Tensor::Of<float>({2, 3}, {4, 5, 6, 5, 7, 9})}},
      {"written from the end",
       {x},
       tensors,
       Scan({row}, {x}, sum, {}, {.output_directions = {1}}),
       {Floats({5, 7, 9}), Tensor::Of<float>({2, 3}, {5, 7, 9, 1, 2, 3})}},
      {"both from the end",
       {x},
       tensors,
       Scan({row}, {x}, sum, {}, {.input_directions = {1}, .output_directions = {1}}),
       {Floats({5, 7, 9}), Tensor::Of<float>({2, 3}, {5, 7, 9, 4, 5, 6})}},
      {"columns become rows",
       {x},
       tensors,
       Scan({column}, {x}, sum, {}, {.input_axes = {1}}),
       {Floats({6, 15}), Tensor::Of<float>({3, 2}, {1, 4, 3, 9, 6, 15})}},
      {"columns stay columns",
       {x},
       tensors,
       Scan({column}, {x}, sum, {}, {.input_axes = {-1}, .output_axes = {1}}),
       {Floats({6, 15}), Tensor::Of<float>({2, 3}, {1, 3, 6, 4, 9, 15})}},
      {"two sequences, one from the end, and no state",
       {x, y},
       tensors,
       Scan({}, {x, y}, difference, {}, {.input_directions = {0, 1}}),
       {Tensor::Of<float>({2, 3}, {39, 48, 57, 6, 15, 24}),
        Tensor::Of<float>({2, 3}, {1, 2, 3, 4, 5, 6})}},
      {"a captured value, and nothing scanned",
       {x, y},
       tensors,
       Scan({row}, {x, y}, scaled, {Constant(Tensor::Scalar(2.0f))}),
       {Floats({340, 580, 900})}},
  };
  for (const Case& c : cases) Check(c);
}

// An initial state that is not 0 counts, and so does the order of the slices.
TEST(Scan, Horner) {
  const Value x = InputValue({DType::kFloat32, {3}}, "x");
  const TraceFn digits = [](Values in) { return Vector{in[0] * 10.0f + in[1]}; };
  const NamedTensors tensors = {{"x", Floats({1, 2, 3})}};
  Check({"forward", {x}, tensors, Scan({Float(7)}, {x}, digits), {Tensor::Scalar(7123.0f)}});
  Check({"from the end",
         {x},
         tensors,
         Scan({Float(7)}, {x}, digits, {}, {.input_directions = {1}}),
         {Tensor::Scalar(7321.0f)}});
}

// x + 1 as often as there are levels where `condition` holds; x - 1 where it does not.
Value NestedIfs(const Value& condition, const Value& x, int levels, int& calls) {
  if (levels == 0) return x;
  return If(
      condition, {condition, x},
      [&](Values in) {
        ++calls;
        return Vector{NestedIfs(in[0], in[1], levels - 1, calls) + 1};
      },
      [&](Values in) {
        ++calls;
        return Vector{in[1] - 1};
      })[0];
}

// Each branch is called once, so that the work does not double with every level.
TEST(If, Nested) {
  const Value condition = InputValue({DType::kBool, Shape{}}, "condition");
  const Value x = InputValue({DType::kFloat32, Shape{}}, "x");
  for (const auto& [holds, expected] : {std::pair(true, 65.5f), std::pair(false, 0.5f)}) {
    int calls = 0;
    const Value y = NestedIfs(condition, x, 64, calls);
    EXPECT_EQ(calls, 2 * 64);
    Check({"64 levels",
           {condition, x},
           {{"condition", Tensor::Scalar(holds)}, {"x", Tensor::Scalar(1.5f)}},
           {y},
           {Tensor::Scalar(expected)}});
  }
}

TEST(Loop, TracesItsBodyOnce) {
  int calls = 0;
  const Vector y = Loop(Int(3), Value(), {Float(1)}, [&](Values in) {
    ++calls;
    return Vector{in[1], in[2] * 2};
  });
  EXPECT_EQ(calls, 1);
  Check({"doubled", {}, {}, y, {Tensor::Scalar(8.0f)}});
}

TEST(Scan, TracesItsBodyOnce) {
  int calls = 0;
  const Vector y = Scan({Float(1)}, {Constant(Floats({2, 3}))}, [&](Values in) {
    ++calls;
    return Vector{in[0] * in[1]};
  });
  EXPECT_EQ(calls, 1);
  Check({"multiplied", {}, {}, y, {Tensor::Scalar(6.0f)}});
}

}  // namespace
}  // namespace nomograph
