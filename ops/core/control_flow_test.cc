// core.If and core.While in sessions: what their examples do not show.
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
const TensorType kNumber = {DType::kFloat32, Shape{}};

std::vector<Value> BelowFive(Values in) { return {in[0] < 5}; }

// A loop that begins with i = 0 and x.
std::vector<Value> Loop(const Value& x, TraceFn body, Attributes attrs = {}) {
  CallOptions options{.name = "loop", .num_outputs = 2};
  options.functions = {{"cond", BelowFive, {kCount, x.type()}},
                       {"body", std::move(body), {kCount, x.type()}}};
  return CallMulti("core.While", {Constant(Tensor::Scalar<int64_t>(0)), x}, std::move(attrs),
                   std::move(options));
}

absl::StatusOr<Tensor> RunOn(const Value& x, const Value& y, const Tensor& input,
                             const RunOptions& options = {}) {
  NOMO_ASSIGN_OR_RETURN(Model model, BuildModel({x}, {y}));
  NOMO_ASSIGN_OR_RETURN(const auto session, Session::Create(std::move(model)));
  return session->Run(input, options);
}

std::string ErrorOf(const Value& value) { return std::string(value.status().message()); }

TEST(While, StopsAtMaxIterations) {
  const Value x = InputValue(kNumber, "x");
  const auto endless = [](Values in) { return std::vector<Value>{in[0] * 1, in[1] + 1}; };
  const auto y = RunOn(x, Loop(x, endless, {{"max_iterations", 100}})[1], Tensor::Scalar(0.0f));
  EXPECT_EQ(y.status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(y.status().message()),
              HasSubstr("node \"loop\" (core.While): the loop goes on after max_iterations, 100"));
}

TEST(While, DrawsAnewInEachIteration) {
  // Gathers the numbers that each iteration draws: were they the same, the vector would hold one
  // number five times.
  const Value x = InputValue({DType::kFloat32, PartialShape::OfRank(1)}, "x");
  const auto draw = [](Values in) {
    const Value number = Call("random.Uniform", {}, {{"shape", std::vector<int64_t>{1}}});
    return std::vector<Value>{in[0] + 1, Call("array.Concat", {in[1], number})};
  };
  const Value y = Loop(x, draw)[1];
  EXPECT_EQ(y.type().ToString(), "float32[?]");
  const Tensor empty = Tensor::Of<float>({0}, {});
  const auto numbers = RunOn(x, y, empty, {.seed = 1});
  ASSERT_TRUE(numbers.ok()) << numbers.status();
  ASSERT_EQ(numbers->shape(), Shape{5});
  for (int i = 0; i < 5; ++i) {
    for (int j = 0; j < i; ++j) EXPECT_NE(numbers->data<float>()[i], numbers->data<float>()[j]);
  }
  EXPECT_EQ(*RunOn(x, y, empty, {.seed = 1}), *numbers);
  EXPECT_FALSE(*RunOn(x, y, empty, {.seed = 2}) == *numbers);
}

TEST(While, Nests) {
  // Five times: x doubles while it is below 100, else falls by 1.
  const Value x = InputValue(kNumber, "x");
  const auto body = [](Values in) {
    CallOptions options;
    options.functions = {
        {"then_branch", [](Values v) { return std::vector<Value>{v[0] + v[0]}; }, {kNumber}},
        {"else_branch", [](Values v) { return std::vector<Value>{v[0] - 1}; }, {kNumber}}};
    return std::vector<Value>{in[0] + 1, Call("core.If", {in[1] < 100, in[1]}, {}, options)};
  };
  const auto y = RunOn(x, Loop(x, body)[1], Tensor::Scalar(30.0f));
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_EQ(y->data<float>()[0], 117);  // 60, 120, 119, 118, 117
}

TEST(While, ErrorsTellWhatIsExpected) {
  const Value x = InputValue(kNumber, "x");
  const auto to_ints = [](Values in) {
    return std::vector<Value>{in[0] + 1, Call("array.Cast", {in[1]}, {{"to", DType::kInt32}})};
  };
  EXPECT_THAT(ErrorOf(Loop(x, to_ints)[0]),
              HasSubstr("body: variable 1 is float32[] but becomes int32[]"));
  const auto one_only = [](Values in) { return std::vector<Value>{in[0] + 1}; };
  EXPECT_THAT(ErrorOf(Loop(x, one_only)[0]),
              HasSubstr("body: expected an output for each of 2 variables, found 1"));
}

// An If on x, with the given branches.
Value Branch(const Value& condition, const Value& x, TraceFn then_branch, TraceFn else_branch) {
  // The sizes that x has are not known where the branches are written.
  const TensorType type = {x.type().dtype, PartialShape::OfRank(x.type().shape.rank())};
  CallOptions options;
  options.functions = {{"then_branch", std::move(then_branch), {type}},
                       {"else_branch", std::move(else_branch), {type}}};
  return Call("core.If", {condition, x}, {}, std::move(options));
}

Value Branch(const Value& x, TraceFn then_branch, TraceFn else_branch) {
  const Value condition = InputValue({DType::kBool, Shape{}}, "condition");
  return Branch(condition, x, std::move(then_branch), std::move(else_branch));
}

TEST(If, MergesShapes) {
  const Value x = InputValue({DType::kFloat32, {Dim::Symbol("batch"), 3}}, "x");
  const auto same = [](Values in) { return std::vector<Value>{in[0] + 1}; };
  const auto wider = [](Values in) {
    return std::vector<Value>{Call("array.Concat", {in[0], in[0]})};
  };
  const auto flat = [](Values in) {
    return std::vector<Value>{
        Call("array.Reshape", {in[0]}, {{"shape", std::vector<int64_t>{-1}}})};
  };
  EXPECT_EQ(Branch(x, same, same).type().ToString(), "float32[batch,3]");
  EXPECT_EQ(Branch(x, same, wider).type().ToString(), "float32[batch,?]");
  EXPECT_EQ(Branch(x, same, flat).type().ToString(), "float32[...]");
}

TEST(If, KnownConditionTakesItsBranch) {
  const Value x = InputValue({DType::kFloat32, {2, 3}}, "x");
  const auto same = [](Values in) { return std::vector<Value>{in[0] + 1}; };
  const auto squeezed = [](Values in) {
    return std::vector<Value>{Call("array.Squeeze", {in[0]}, {{"axes", std::vector<int64_t>{0}}})};
  };
  const Value yes = Constant(Tensor::Scalar(true)), no = Constant(Tensor::Scalar(false));
  EXPECT_EQ(Branch(yes, x, same, squeezed).type().ToString(), "float32[2,3]");
  EXPECT_THAT(ErrorOf(Branch(no, x, same, squeezed)), HasSubstr("else_branch"));
  EXPECT_EQ(Branch(x, same, squeezed).type().ToString(), "float32[2,3]");
  EXPECT_THAT(ErrorOf(Branch(x, squeezed, squeezed)), HasSubstr("then_branch"));
}

TEST(If, ErrorsTellWhatIsExpected) {
  const Value x = InputValue(kNumber, "x");
  const auto same = [](Values in) { return std::vector<Value>{in[0] + 1}; };
  const auto as_bool = [](Values in) { return std::vector<Value>{in[0] < 1}; };
  const auto two = [](Values in) { return std::vector<Value>{in[0] + 1, in[0] + 2}; };
  EXPECT_THAT(ErrorOf(Branch(x, same, as_bool)),
              HasSubstr("output 0: then_branch yields float32[], else_branch bool[]"));
  EXPECT_THAT(ErrorOf(Branch(x, same, two)),
              HasSubstr("expected 1 outputs, then_branch yields 1, else_branch 2"));
}

}  // namespace
}  // namespace nomograph
