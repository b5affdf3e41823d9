// Gradients where central differences say nothing: at kinks, where elements are equal, at 0 and
// infinity, and where a careless formula has lost all digits. The values follow by hand from what
// the ops say that they do there.
#include <cctype>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/gradient/gradients.h"
#include "nomograph/core/run/session.h"

namespace nomograph {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

struct Point {
  std::string name, op;
  Attributes attrs;
  // A vector each, or a scalar where there is one number; and the gradients of their sum.
  std::vector<std::vector<double>> inputs, gradients;
};

std::vector<Point> Points() {
  const Attributes scalar = {{"keepdims", false}};
  return {
      {"Abs at 0", "math.Abs", {}, {{0, -0.0, 2}}, {{0, 0, 1}}},
      {"Sqrt at 0", "math.Sqrt", {}, {{0, 4}}, {{kInf, 0.25}}},
      {"Expm1 far below 0", "math.Expm1", {}, {{-50, 0}}, {{std::exp(-50.0), 1}}},
      {"Acosh near 1",
       "math.Acosh",
       {},
       {{1 + 0x1p-40, 3}},
       {{0x1p20 / std::sqrt(2 + 0x1p-40), 1 / std::sqrt(8)}}},
      {"Pow of 0 and of negative numbers",
       "math.Pow",
       {},
       {{0, 0, 0, -2, -2}, {0, 1, 2, 3, 0}},
       {{0, 1, 0, 12, 0}, {0, 0, 0, 0, 0}}},
      {"Max of equal numbers",
       "math.Max",
       {},
       {{1, 2, 3}, {1, 5, 3}, {1, 0, 0}},
       {{1.0 / 3, 0, 0.5}, {1.0 / 3, 1, 0.5}, {1.0 / 3, 0, 0}}},
      {"Min of equal numbers", "math.Min", {}, {{1, 2}, {1, 5}}, {{0.5, 1}, {0.5, 0}}},
      {"Clip at its limits",
       "math.Clip",
       {{"min", -1.0}, {"max", 2.0}},
       {{-3, -1, 0, 2, 3}},
       {{0, 1, 1, 1, 0}}},
      {"Clip to an empty interval",
       "math.Clip",
       {},
       {{1, 2, 3, 9}, {4}, {2}},
       {{0, 0, 0, 0}, {0}, {4}}},
      {"Clip's limits", "math.Clip", {}, {{-3, 0, 5, 6}, {-1}, {1}}, {{0, 1, 0, 0}, {1}, {2}}},
      {"ReduceMax of equal numbers", "math.ReduceMax", scalar, {{1, 3, 3, -3}}, {{0, 0.5, 0.5, 0}}},
      {"ReduceMin of equal numbers",
       "math.ReduceMin",
       scalar,
       {{1, 3, 1, 1}},
       {{1.0 / 3, 0, 1.0 / 3, 1.0 / 3}}},
      {"ReduceL1 at 0", "math.ReduceL1", scalar, {{0, -2}}, {{0, -1}}},
      {"ReduceL2 of zeros", "math.ReduceL2", scalar, {{0, 0}}, {{0, 0}}},
      {"ReduceProd with a 0", "math.ReduceProd", scalar, {{2, 0, 3}}, {{0, 6, 0}}},
      {"ReduceProd with zeros", "math.ReduceProd", scalar, {{0, 2, 0}}, {{0, 0, 0}}},
      {"ReduceLogSumExp of large numbers",
       "math.ReduceLogSumExp",
       scalar,
       {{1000, 1000, -1000}},
       {{0.5, 0.5, 0}}},
      {"ReduceLogSumExp of nothing", "math.ReduceLogSumExp", scalar, {{-kInf, -kInf}}, {{0, 0}}},
      {"ReduceLogSumExp beside nothing", "math.ReduceLogSumExp", scalar, {{-kInf, 3}}, {{0, 1}}},
      // Of 2, 0, 0 and 1, 2, 0.
      {"CumProd with a 0", "math.CumProd", {{"axis", 0}}, {{2, 0, 3}}, {{1, 8, 0}}},
      {"CumProd with a 0, exclusive",
       "math.CumProd",
       {{"axis", 0}, {"exclusive", true}},
       {{2, 0, 3}},
       {{1, 2, 0}}},
      {"CumProd with a 0, from the end",
       "math.CumProd",
       {{"axis", 0}, {"reverse", true}},
       {{2, 0, 3}},
       {{0, 9, 1}}},
  };
}

Tensor VectorOf(const std::vector<double>& numbers) {
  const auto size = static_cast<int64_t>(numbers.size());
  return Tensor::Of<double>(size == 1 ? Shape{} : Shape{size}, numbers);
}

absl::StatusOr<std::vector<Tensor>> Evaluate(absl::Span<const Value> inputs,
                                             absl::Span<const Value> outputs,
                                             const std::vector<Tensor>& tensors) {
  NOMO_ASSIGN_OR_RETURN(Model model, BuildModel(inputs, outputs));
  NOMO_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session, Session::Create(std::move(model)));
  return session->Run(tensors);
}

class GradientPoints : public testing::TestWithParam<Point> {};

TEST_P(GradientPoints, AreAsTheOpSays) {
  const Point& point = GetParam();
  std::vector<Tensor> inputs;
  std::vector<Value> values;
  for (const std::vector<double>& numbers : point.inputs) {
    inputs.push_back(VectorOf(numbers));
    values.push_back(InputValue(inputs.back().type()));
  }
  const auto gradients = Gradients({Call(point.op, values, point.attrs)}, values);
  ASSERT_TRUE(gradients.ok()) << gradients.status();
  const auto found = Evaluate(values, *gradients, inputs);
  ASSERT_TRUE(found.ok()) << found.status();
  for (size_t i = 0; i < found->size(); ++i) {
    const absl::Status close = AllClose((*found)[i], VectorOf(point.gradients[i]), 1e-12, 0);
    EXPECT_TRUE(close.ok()) << "input " << i << ": " << close << "\n" << (*found)[i].ToString();
  }
}

// The power to a constant, which is differentiated without a logarithm: to one number, given once
// or for each of two rows.
TEST(GradientOfPow, OfPowersToConstants) {
  for (const double exponent : {-1.5, -1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 2.25}) {
    for (const int rows : {1, 2}) {
      SCOPED_TRACE(testing::Message() << exponent << " for " << rows << " rows");
      const Tensor x = VectorOf({0.25, 1, 3});
      const Value value = InputValue(x.type());
      const Value power =
          Call("math.Pow", {value, Constant(Tensor::Full(DType::kFloat32, {rows, 1}, exponent))});
      const auto first = Gradients({power}, {value});
      ASSERT_TRUE(first.ok()) << first.status();
      const auto second = Gradients({(*first)[0] * 1}, {value});
      ASSERT_TRUE(second.ok()) << second.status();
      const bool straight = !(*second)[0].valid();  // nothing flows back from a constant slope
      const auto found = Evaluate({value}, {(*first)[0], straight ? value * 0 : (*second)[0]}, {x});
      ASSERT_TRUE(found.ok()) << found.status();
      for (int64_t i = 0; i < x.num_elements(); ++i) {
        const double at = x.AsDouble(i);
        EXPECT_NEAR((*found)[0].AsDouble(i), rows * exponent * std::pow(at, exponent - 1), 1e-12);
        EXPECT_NEAR((*found)[1].AsDouble(i),
                    rows * exponent * (exponent - 1) * std::pow(at, exponent - 2), 1e-11);
      }
    }
  }
}

std::string NameOf(const testing::TestParamInfo<Point>& info) {
  std::string name;
  for (const char c : info.param.name)
    name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Ops, GradientPoints, testing::ValuesIn(Points()), NameOf);

}  // namespace
}  // namespace nomograph
