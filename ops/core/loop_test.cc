// core.Loop and core.Scan in sessions: what their examples do not show.
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/run/session.h"

namespace nomograph {
namespace {

using testing::HasSubstr;
using Values = absl::Span<const Value>;

const TensorType kCount = {DType::kInt64, Shape{}};
const TensorType kFlag = {DType::kBool, Shape{}};
const TensorType kNumber = {DType::kFloat32, Shape{}};

Value Count(int64_t value) { return Constant(Tensor::Scalar(value)); }

// A loop that carries the first of `values` and captures the others.
std::vector<Value> Loop(const Value& trips, std::vector<Value> values, TraceFn body,
                        int num_outputs) {
  CallOptions options{.name = "loop", .num_outputs = num_outputs};
  std::vector<TensorType> types = {kCount, kFlag};
  for (const Value& value : values) types.push_back(value.type());
  options.functions = {{"body", std::move(body), std::move(types)}};
  values.insert(values.begin(), {trips, Value()});
  return CallMulti("core.Loop", std::move(values), {{"num_carried", 1}}, std::move(options));
}

// Adds 1, and yields the sum as a scan output.
std::vector<Value> AddOne(Values in) { return {in[1], in[2] + 1, in[2] + 1}; }

Value Scan(std::vector<Value> inputs, Attributes attrs, TraceFn body,
           std::vector<TensorType> types) {
  CallOptions options{.num_outputs = 2};
  options.functions = {{"body", std::move(body), std::move(types)}};
  return CallMulti("core.Scan", std::move(inputs), std::move(attrs), std::move(options))[0];
}

absl::StatusOr<Tensor> RunOn(const std::vector<Value>& inputs, const Value& y,
                             const NamedTensors& tensors, const RunOptions& options = {}) {
  NOMO_ASSIGN_OR_RETURN(Model model, BuildModel(inputs, {y}));
  NOMO_ASSIGN_OR_RETURN(const auto session, Session::Create(std::move(model)));
  NOMO_ASSIGN_OR_RETURN(NamedTensors outputs, session->Run(tensors, options));
  return std::move(outputs.begin()->second);
}

std::string ErrorOf(const Value& value) { return std::string(value.status().message()); }

TEST(Loop, KnowsTheLengthOfItsScanOutputsWhereTheTripsAreConstant) {
  const Value x = InputValue(kNumber, "x"), trips = InputValue(kCount, "trips");
  EXPECT_EQ(Loop(Count(3), {x}, AddOne, 2)[1].type().ToString(), "float32[3]");
  EXPECT_EQ(Loop(Count(-3), {x}, AddOne, 2)[1].type().ToString(), "float32[0]");
  EXPECT_EQ(Loop(trips, {x}, AddOne, 2)[1].type().ToString(), "float32[?]");
}

TEST(Loop, CarriedShapesThatChangeAreUnknown) {
  const Value x = InputValue({DType::kFloat32, {2, 3}}, "x");
  const auto doubled = [](Values in) {
    return std::vector<Value>{in[1], Call("array.Concat", {in[2], in[2]}), in[2]};
  };
  CallOptions options{.num_outputs = 2};
  options.functions = {
      {"body", doubled, {kCount, kFlag, {DType::kFloat32, PartialShape::OfRank(2)}}}};
  const auto y = CallMulti("core.Loop", {Count(3), Value(), x}, {{"num_carried", 1}}, options);
  EXPECT_EQ(y[0].type().ToString(), "float32[2,?]");
  EXPECT_EQ(y[1].type().ToString(), "float32[3,2,?]");
  EXPECT_THAT(
      std::string(RunOn({x}, y[1], {{"x", Tensor(DType::kFloat32, {2, 3})}}).status().message()),
      HasSubstr("scan output 0: iteration 1 yields float32[2,6], the first one "
                "float32[2,3]"));
}

TEST(Loop, AnEmptyScanOutputHasTheSizesThatAreKnown) {
  // How many elements of x are not 0 is known only when the model runs.
  const Value x = InputValue({DType::kFloat32, {4}}, "x"), trips = InputValue(kCount, "trips");
  const Value places = Call("array.NonZero", {x});
  const auto same = [](Values in) { return std::vector<Value>{in[1], in[2], in[2]}; };
  const Value y = Loop(trips, {places}, same, 2)[1];
  EXPECT_EQ(y.type().ToString(), "int64[?,1,?]");
  const Tensor given = Tensor::Vector<float>({0, 1, 0, 2});
  const auto never = RunOn({x, trips}, y, {{"x", given}, {"trips", Tensor::Scalar<int64_t>(0)}});
  ASSERT_TRUE(never.ok()) << never.status();
  EXPECT_EQ(never->shape(), (Shape{0, 1, 0}));
  const auto twice = RunOn({x, trips}, y, {{"x", given}, {"trips", Tensor::Scalar<int64_t>(2)}});
  ASSERT_TRUE(twice.ok()) << twice.status();
  EXPECT_EQ(*twice, Tensor::Of<int64_t>({2, 1, 2}, {1, 3, 1, 3}));
}

TEST(Loop, DrawsAnewInEachIterationAndNests) {
  const Value x = InputValue(kNumber, "x");
  const auto draw = [](Values in) {
    return std::vector<Value>{in[1], in[2], Call("random.Uniform", {}, {{"shape", 1}})};
  };
  const auto outer = [&](Values in) {
    const auto inner = Loop(Count(3), {in[2]}, draw, 2);
    return std::vector<Value>{in[1], inner[0], inner[1]};
  };
  const Value y = Loop(Count(4), {x}, outer, 2)[1];
  EXPECT_EQ(y.type().ToString(), "float32[4,3,1]");
  const auto numbers = RunOn({x}, y, {{"x", Tensor::Scalar(0.0f)}}, {.seed = 1});
  ASSERT_TRUE(numbers.ok()) << numbers.status();
  const auto values = numbers->data<float>();
  EXPECT_EQ(std::set<float>(values.begin(), values.end()).size(), 12u);
}

TEST(Loop, ErrorsTellWhatIsExpected) {
  const Value x = InputValue(kNumber, "x");
  EXPECT_THAT(ErrorOf(Loop(Value(), {x}, AddOne, 2)[0]),
              HasSubstr("max_trip_count or condition is required"));
  EXPECT_THAT(ErrorOf(Loop(Constant(Tensor::Vector<int64_t>({1, 2})), {x}, AddOne, 2)[0]),
              HasSubstr("max_trip_count: expected one integer, found shape [2]"));
  const auto only_flag = [](Values in) { return std::vector<Value>{in[1]}; };
  EXPECT_THAT(ErrorOf(Loop(Count(1), {}, only_flag, 1)[0]),
              HasSubstr("num_carried: 1 of 0 values"));
  EXPECT_THAT(ErrorOf(Loop(Count(1), {x}, AddOne, 3)[0]),
              HasSubstr("expected 3 outputs, the body yields 2 behind the condition"));
  const auto no_flag = [](Values in) { return std::vector<Value>{in[2], in[2]}; };
  EXPECT_THAT(ErrorOf(Loop(Count(1), {x}, no_flag, 1)[0]),
              HasSubstr("body: output 0, the condition: expected bool[], found float32[]"));
  const auto to_int = [](Values in) {
    return std::vector<Value>{in[1], Call("array.Cast", {in[2]}, {{"to", DType::kInt32}})};
  };
  EXPECT_THAT(ErrorOf(Loop(Count(1), {x}, to_int, 1)[0]),
              HasSubstr("body: variable 0 is float32[] but becomes int32[]"));
  EXPECT_THAT(ErrorOf(Loop(Count(1), {x}, only_flag, 1)[0]),
              HasSubstr("an output for each of 1 variables behind the condition, found 1"));
}

TEST(Scan, ErrorsTellWhatIsExpected) {
  const TensorType row = {DType::kFloat32, Shape{2}};
  const Value x = InputValue({DType::kFloat32, {3, 2}}, "x");
  const Value z = InputValue({DType::kFloat32, {4, 2}}, "z");
  const auto both = [](Values in) { return std::vector<Value>{in[0], in[1]}; };
  const auto fault = [&](std::vector<Value> inputs, Attributes attrs) {
    return ErrorOf(Scan(std::move(inputs), std::move(attrs), both, {row, row}));
  };
  const Attributes two = {{"num_states", 0}, {"num_scan_inputs", 2}};
  EXPECT_THAT(fault({x, z}, two), HasSubstr("scan input 1: expected 3 slices like the others, "
                                            "found 4"));
  EXPECT_THAT(fault({x}, two), HasSubstr("at least 0 states and 2 scan inputs, found 1 inputs"));
  Attributes axes = two;
  axes.Set("scan_input_axes", std::vector<int64_t>{0, 2});
  EXPECT_THAT(fault({x, x}, axes), HasSubstr("scan input 1: axis 2 is outside of [-2, 2)"));
  axes.Set("scan_input_axes", std::vector<int64_t>{0});
  EXPECT_THAT(fault({x, x}, axes),
              HasSubstr("scan_input_axes: expected none or 2 values, found 1"));
  Attributes outputs = two;
  outputs.Set("scan_output_axes", std::vector<int64_t>{0, -3});
  EXPECT_THAT(fault({x, x}, outputs), HasSubstr("scan output 1: axis -3 is outside of [-2, 2)"));
}

TEST(Scan, KeepsWhatIsKnown) {
  const Value x = InputValue({DType::kFloat32, {Dim::Symbol("length"), 2, 5}}, "x");
  const auto same = [](Values in) { return std::vector<Value>{in[0], in[0]}; };
  const Attributes attrs = {
      {"num_states", 0}, {"num_scan_inputs", 1}, {"scan_output_axes", std::vector<int64_t>{-1, 0}}};
  const Value y = Scan({x}, attrs, same, {{DType::kFloat32, {2, 5}}});
  EXPECT_EQ(y.type().ToString(), "float32[2,5,length]");
}

}  // namespace
}  // namespace nomograph
