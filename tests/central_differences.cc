#include "nomograph/tests/central_differences.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "absl/algorithm/container.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/gradient/gradients.h"

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

// Elements `kept` of a vector.
Tensor Elements(const Tensor& vector, absl::Span<const int64_t> kept) {
  Tensor result(vector.dtype(), {static_cast<int64_t>(kept.size())});
  const int64_t size = DTypeSize(vector.dtype());
  std::byte* to = result.mutable_raw_data();
  for (const int64_t i : kept) {
    std::memcpy(to, vector.raw_data() + i * size, size);
    to += size;
  }
  return result;
}

// An example that is a table of numbers, a vector for each input and output, without the rows that
// have infinities or NaN: they would make the sum of all rows one.
Example WithoutSpecialRows(Example example) {
  std::vector<Tensor*> columns;
  for (Tensor& input : example.inputs) columns.push_back(&input);
  for (Tensor& output : example.outputs) columns.push_back(&output);
  for (const Tensor* column : columns) {
    const bool fits = column->valid() && column->shape().rank() == 1 &&
                      column->shape() == columns[0]->shape() && DTypeSize(column->dtype()) > 0;
    if (!fits) return example;
  }
  std::vector<int64_t> kept;
  for (int64_t i = 0; i < columns[0]->num_elements(); ++i) {
    if (absl::c_all_of(columns, [&](const Tensor* column) {
          return !IsFloat(*column) || std::isfinite(column->AsDouble(i));
        })) {
      kept.push_back(i);
    }
  }
  if (static_cast<int64_t>(kept.size()) == columns[0]->num_elements()) return example;
  for (Tensor* column : columns) *column = Elements(*column, kept);
  return example;
}

Tensor Weights(const Shape& shape, int order) {
  Tensor weights(DType::kFloat64, shape);
  for (int64_t i = 0; i < weights.num_elements(); ++i)
    weights.mutable_data<double>()[i] = 1 + 0.5 * std::sin(static_cast<double>(order * (i + 1)));
  return weights;
}

// The sum of the elements of all values, each weighted. Values that do not float are left out;
// absent where all do not.
Value WeightedSum(absl::Span<const Value> values, absl::Span<const Tensor> like, int order) {
  Value sum;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!values[i].valid() || !kFloats.Contains(values[i].dtype())) continue;
    const Value part =
        Call("math.ReduceSum", {InFloat64(values[i]) * Constant(Weights(like[i].shape(), order))},
             {{"keepdims", false}});
    sum = sum.valid() ? sum + part : part;
  }
  return sum;
}

// Where the function is smooth, the differences for two steps agree, and those to both sides nearly
// so. Elsewhere (a kink, infinity, a number so large that the step is lost) there is nothing to
// compare with.
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
      if (!end.ok()) return Difference{};  // a step to where another number of elements comes out
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

}  // namespace

Scalar::Scalar(const OpDef& op, const Example& example, int order)
    : op_(op), example_(WithoutSpecialRows(example)), order_(order) {}

absl::Status Scalar::Build() {
  for (const bool wide : {true, false}) {
    if (wide && keeps_dtypes_) continue;
    wide_ = wide;
    const absl::Status status = BuildWith();
    if (status.ok() || !wide) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<double> Scalar::At(const std::vector<Tensor>& inputs) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Tensor> outputs, Run(*value_session_, inputs));
  return outputs[0].AsDouble(0);
}

absl::StatusOr<std::vector<Tensor>> Scalar::Gradient(const std::vector<Tensor>& inputs) {
  std::vector<Tensor> result(inputs.size());
  if (gradient_session_ == nullptr) return result;
  NOMO_ASSIGN_OR_RETURN(const std::vector<Tensor> found, Run(*gradient_session_, inputs));
  for (size_t i = 0; i < floats_.size(); ++i) {
    if (places_[i] >= 0) result[floats_[i]] = found[places_[i]];
  }
  return result;
}

Value Scalar::AddInput(const Tensor& given) {
  inputs_.push_back(IsFloat(given) && wide_ ? AsFloat64(given) : given);
  if (!given.valid()) return Value();
  const size_t number = inputs_.size() - 1;
  TensorType type = inputs_.back().type();
  if (!shapes_.empty()) type.shape = shapes_[number];
  return InputValue(std::move(type), absl::StrCat("in", number));
}

absl::Status Scalar::BuildWith() {
  inputs_.clear();
  floats_.clear();
  std::vector<Value> arguments, present, wanted;
  std::vector<Tensor> wanted_like;
  for (const Tensor& given : example_.inputs) {
    arguments.push_back(AddInput(given));
    if (given.valid()) present.push_back(arguments.back());
    if (!IsFloat(given)) continue;
    floats_.push_back(static_cast<int>(inputs_.size()) - 1);
    wanted.push_back(arguments.back());
    wanted_like.push_back(given);
  }
  CallOptions options{.name = "node", .num_outputs = static_cast<int>(example_.outputs.size())};
  for (const ExampleFunction& function : example_.functions)
    options.functions.push_back({function.attr, function.function, function.input_types});
  const std::vector<Value> outputs = CallMulti(op_.name, arguments, example_.attrs, options);
  for (const Value& output : outputs) NOMO_RETURN_IF_ERROR(output.status());
  Value sum = WeightedSum(outputs, example_.outputs, 1);
  for (int order = 1; sum.valid() && order < order_; ++order) {
    const auto gradients = Gradients({sum}, wanted);
    gradient_status_ = gradients.status();
    if (!gradients.ok()) return absl::OkStatus();
    sum = WeightedSum(*gradients, wanted_like, order + 1);
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

absl::StatusOr<std::unique_ptr<Session>> Scalar::SessionFor(const std::vector<Value>& inputs,
                                                            const std::vector<Value>& outputs) {
  NOMO_ASSIGN_OR_RETURN(Model model, BuildModel(inputs, outputs));
  for (const auto& [name, initial] : example_.variables) {
    model.variables.push_back(
        {name, wide_ && IsFloat(initial) ? AsFloat64(initial) : initial, "", ""});
  }
  return Session::Create(std::move(model), {.exact = true});
}

absl::StatusOr<std::vector<Tensor>> Scalar::Run(Session& session,
                                                const std::vector<Tensor>& inputs) {
  std::vector<Tensor> present;
  for (const Tensor& input : inputs) {
    if (input.valid()) present.push_back(input);
  }
  session.ResetVariables();
  return session.Run(present,
                     {.training = example_.training, .seed = example_.seed, .step = example_.step});
}

void ExpectCentralDifferences(Scalar& function, int elements) {
  const auto gradient = function.Gradient(function.inputs());
  ASSERT_TRUE(gradient.ok()) << gradient.status();
  for (const int input : function.floats()) {
    const Tensor& found = (*gradient)[input];
    const Tensor& x = function.inputs()[input];
    if (found.valid()) {
      ASSERT_EQ(found.type(), x.type());
    }
    if (!function.wide()) continue;
    const int64_t step = std::max<int64_t>(1, x.num_elements() / elements);
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

std::string TestNameOf(const OpDef& op) {
  std::string name = op.name;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

}  // namespace nomograph
