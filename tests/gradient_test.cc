// The gradient of every registered op, on each of its examples, against central differences in
// float64. An op is tested by being registered: one with a floating-point input and output has a
// gradient, a body that is differentiated, or the reason why it has none.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/gradient/gradients.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/run/session.h"

namespace nomograph {
namespace {

bool IsFloat(const Tensor& tensor) { return tensor.valid() && kFloats.Contains(tensor.dtype()); }

Tensor AsFloat64(const Tensor& tensor) {
  Tensor result(DType::kFloat64, tensor.shape());
  for (int64_t i = 0; i < tensor.num_elements(); ++i)
    result.mutable_data<double>()[i] = tensor.AsDouble(i);
  return result;
}

Value InFloat64(const Value& value) {
  return value.dtype() == DType::kFloat64 ? value
                                          : Call("array.Cast", {value}, {{"to", DType::kFloat64}});
}

// A function of the example's floating-point inputs: the sum of all floating-point outputs, each
// element weighted with a number of its own, so that no two elements' faults cancel.
class Scalar {
 public:
  Scalar(const OpDef& op, const Example& example) : op_(op), example_(example) {}

  // Where the op takes float64 for all its floating-point inputs, the function is computed in it.
  absl::Status Build() {
    for (const bool wide : {true, false}) {
      wide_ = wide;
      const absl::Status status = BuildWith();
      if (status.ok() || !wide) return status;
    }
    return absl::OkStatus();
  }

  // Where nothing floats in or out, there is nothing to test.
  bool HasGradient() const { return !floats_.empty() && some_output_; }

  absl::StatusOr<double> At(const std::vector<Tensor>& inputs) {
    NOMO_ASSIGN_OR_RETURN(const std::vector<Tensor> outputs, Run(*value_session_, inputs));
    return outputs[0].AsDouble(0);
  }

  // By input; invalid where nothing flows back.
  absl::StatusOr<std::vector<Tensor>> Gradient(const std::vector<Tensor>& inputs) {
    std::vector<Tensor> result(inputs.size());
    if (gradient_session_ == nullptr) return result;
    NOMO_ASSIGN_OR_RETURN(const std::vector<Tensor> found, Run(*gradient_session_, inputs));
    for (size_t i = 0; i < floats_.size(); ++i) {
      if (places_[i] >= 0) result[floats_[i]] = found[places_[i]];
    }
    return result;
  }

  const std::vector<Tensor>& inputs() const { return inputs_; }
  const std::vector<int>& floats() const { return floats_; }
  bool wide() const { return wide_; }
  // OK, or what Gradients() says.
  const absl::Status& gradient_status() const { return gradient_status_; }

 private:
  absl::Status BuildWith() {
    inputs_.clear();
    floats_.clear();
    std::vector<Value> arguments, present, wanted;
    for (const Tensor& given : example_.inputs) {
      const bool floats = IsFloat(given);
      inputs_.push_back(floats && wide_ ? AsFloat64(given) : given);
      arguments.push_back(
          given.valid() ? InputValue(inputs_.back().type(), absl::StrCat("in", inputs_.size() - 1))
                        : Value());
      if (given.valid()) present.push_back(arguments.back());
      if (!floats) continue;
      floats_.push_back(static_cast<int>(inputs_.size()) - 1);
      wanted.push_back(arguments.back());
    }
    CallOptions options{.name = "node", .num_outputs = static_cast<int>(example_.outputs.size())};
    for (const ExampleFunction& function : example_.functions)
      options.functions.push_back({function.attr, function.function, function.input_types});
    const std::vector<Value> outputs = CallMulti(op_.name, arguments, example_.attrs, options);
    Value sum;
    for (size_t i = 0; i < outputs.size(); ++i) {
      NOMO_RETURN_IF_ERROR(outputs[i].status());
      if (!kFloats.Contains(outputs[i].dtype())) continue;
      const Shape& shape = example_.outputs[i].shape();
      const Value part = Call("math.ReduceSum", {InFloat64(outputs[i]) * Constant(Weights(shape))},
                              {{"keepdims", false}});
      sum = sum.valid() ? sum + part : part;
    }
    some_output_ = sum.valid();
    if (!HasGradient()) return absl::OkStatus();
    NOMO_ASSIGN_OR_RETURN(value_session_, SessionFor(present, {sum}));
    const auto gradients = Gradients({sum}, wanted);
    gradient_status_ = gradients.status();
    if (!gradients.ok()) return absl::OkStatus();
    std::vector<Value> results;
    places_.assign(floats_.size(), -1);
    for (size_t i = 0; i < gradients->size(); ++i) {
      if (!(*gradients)[i].valid()) continue;
      places_[i] = static_cast<int>(results.size());
      results.push_back((*gradients)[i]);
    }
    if (results.empty()) return absl::OkStatus();
    NOMO_ASSIGN_OR_RETURN(gradient_session_, SessionFor(present, results));
    return absl::OkStatus();
  }

  static Tensor Weights(const Shape& shape) {
    Tensor weights(DType::kFloat64, shape);
    for (int64_t i = 0; i < weights.num_elements(); ++i)
      weights.mutable_data<double>()[i] = 1 + 0.5 * std::sin(static_cast<double>(i + 1));
    return weights;
  }

  absl::StatusOr<std::unique_ptr<Session>> SessionFor(const std::vector<Value>& inputs,
                                                      const std::vector<Value>& outputs) {
    NOMO_ASSIGN_OR_RETURN(Model model, BuildModel(inputs, outputs));
    for (const auto& [name, initial] : example_.variables)
      model.variables.push_back(
          {name, wide_ && IsFloat(initial) ? AsFloat64(initial) : initial, "", ""});
    return Session::Create(std::move(model), {.exact = true});
  }

  absl::StatusOr<std::vector<Tensor>> Run(Session& session, const std::vector<Tensor>& inputs) {
    std::vector<Tensor> present;
    for (const Tensor& input : inputs) {
      if (input.valid()) present.push_back(input);
    }
    session.ResetVariables();
    return session.Run(
        present, {.training = example_.training, .seed = example_.seed, .step = example_.step});
  }

  const OpDef& op_;
  const Example& example_;
  bool wide_ = true, some_output_ = false;
  std::vector<Tensor> inputs_;
  std::vector<int> floats_, places_;
  std::unique_ptr<Session> value_session_, gradient_session_;
  absl::Status gradient_status_;
};

// Where the function is smooth, the differences for two steps agree, and those to both sides nearly
// so. Elsewhere (a kink, infinity, a number so large that the step is lost, one beside which the op
// takes no number or yields another shape) there is nothing to compare with.
struct Difference {
  double value = 0;
  bool smooth = false;
};

// REQUIRES: function.wide().
absl::StatusOr<Difference> CentralDifference(Scalar& function, int input, int64_t element) {
  const double x = function.inputs()[input].AsDouble(element);
  if (!std::isfinite(x)) return Difference{};
  NOMO_ASSIGN_OR_RETURN(const double middle, function.At(function.inputs()));
  const double step = 1e-5 * std::max(1.0, std::abs(x));
  double slopes[2], sides[2];
  for (int i = 0; i < 2; ++i) {
    const double h = step / (i + 1);
    double ends[2];
    for (const int side : {0, 1}) {
      std::vector<Tensor> moved = function.inputs();
      NOMO_ASSIGN_OR_RETURN(moved[input], TryClone(moved[input]));
      moved[input].mutable_data<double>()[element] = side == 0 ? x - h : x + h;
      const auto end = function.At(moved);
      if (!end.ok()) return Difference{};
      ends[side] = *end;
      sides[side] = (ends[side] - middle) / (side == 0 ? -h : h);
    }
    slopes[i] = (ends[1] - ends[0]) / (2 * h);
  }
  const double apart = std::abs(slopes[0] - slopes[1]);
  const bool kink = std::abs(sides[0] - sides[1]) > 1e-3 + 1e-2 * std::abs(slopes[1]);
  return Difference{
      slopes[1], std::isfinite(slopes[1]) && !kink && apart <= 1e-6 + 1e-5 * std::abs(slopes[1])};
}

class GradientConformance : public testing::TestWithParam<const OpDef*> {};

// What examples give in other dtypes is the same function; it is differentiated once more, but not
// compared element by element where float64 is not served.
TEST_P(GradientConformance, AsCentralDifferences) {
  const OpDef& op = *GetParam();
  if (!op.examples) return;
  for (const Example& example : op.examples()) {
    SCOPED_TRACE(example.name);
    Scalar function(op, example);
    const absl::Status built = function.Build();
    ASSERT_TRUE(built.ok()) << built;
    if (!function.HasGradient()) continue;
    if (!op.no_gradient.empty()) {
      EXPECT_FALSE(function.gradient_status().ok()) << "it has a gradient, and a reason for none";
      continue;
    }
    ASSERT_TRUE(function.gradient_status().ok()) << function.gradient_status();
    const auto gradient = function.Gradient(function.inputs());
    ASSERT_TRUE(gradient.ok()) << gradient.status();
    for (const int input : function.floats()) {
      const Tensor& found = (*gradient)[input];
      const Tensor& x = function.inputs()[input];
      if (found.valid()) {
        ASSERT_EQ(found.type(), x.type());
      }
      if (!function.wide()) continue;
      constexpr int64_t kElements = 24;  // of large examples, some
      const int64_t step = std::max<int64_t>(1, x.num_elements() / kElements);
      for (int64_t i = 0; i < x.num_elements(); i += step) {
        const auto expected = CentralDifference(function, input, i);
        ASSERT_TRUE(expected.ok()) << expected.status();
        if (!expected->smooth) continue;
        const double value = found.valid() ? found.AsDouble(i) : 0;
        EXPECT_LE(std::abs(value - expected->value), 2e-5 + 1e-4 * std::abs(expected->value))
            << "input " << input << ", element " << i << " (" << x.AsDouble(i) << "): expected "
            << expected->value << ", found " << value;
      }
    }
  }
}

std::string TestName(const testing::TestParamInfo<const OpDef*>& info) {
  std::string name = info.param->name;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Ops, GradientConformance, testing::ValuesIn(OpRegistry::Default().All()),
                         TestName);

}  // namespace
}  // namespace nomograph
