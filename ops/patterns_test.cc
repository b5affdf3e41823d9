// What exporters write with several nodes runs as the op that it is, and yields the same.
#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/numeric/philox.h"
#include "nomograph/core/run/session.h"

namespace nomograph {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Tensor Random(const Shape& shape, uint64_t key) {
  Tensor tensor(DType::kFloat32, shape);
  auto values = tensor.mutable_data<float>();
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(MixKeys(key, i) >> 39) / (1 << 23) - 2.0f;
  }
  return tensor;
}

Value Mean(const Value& x, std::vector<int64_t> axes) {
  return Call("math.ReduceMean", {x}, {{"axes", std::move(axes)}, {"keepdims", true}});
}

Value LayerNorm(const Value& x, double epsilon, std::vector<int64_t> axes, bool power) {
  const Value centered = x - Mean(x, axes);
  const Value square =
      power ? Call("math.Pow", {centered, ConstantLike(2, x)}) : centered * centered;
  const Value deviation = Call("math.Sqrt", {Mean(square, axes) + epsilon});
  return Constant(Random({6}, 2)) * (centered / deviation) + Constant(Random({6}, 3));
}

Value Gelu(const Value& x, double divisor, int form) {
  const Value sum = Call("math.Erf", {form == 0 ? x / divisor : x * (1 / divisor)}) + 1.0;
  if (form == 0) return x * sum * 0.5;
  if (form == 1) return 0.5 * x * sum;
  return x * (0.5 * sum);
}

// What exporters write for the approximation, `third` being its 0.044715.
Value TanhGelu(const Value& x, int form, double third = 0.044715) {
  const double slope = 0.7978845608028654;  // sqrt(2 / pi)
  const Value cube = form == 0 ? Call("math.Pow", {x, ConstantLike(3, x)}) : x * x * x;
  const Value inner = form == 2   ? x * slope * (third * x * x + 1.0)
                      : form == 3 ? (x + third * x * x * x) * slope
                                  : slope * (x + third * cube);
  const Value grown = 1.0 + Call("math.Tanh", {inner});
  return form == 1 ? x * (grown * 0.5) : form == 2 ? x * grown * 0.5 : 0.5 * x * grown;
}

struct Case {
  std::string name;
  std::function<std::vector<Value>(const Value& x)> write;
  std::string op;  // that it becomes; the ops of the formula stay where it is empty
};

TEST(Patterns, BecomeTheOpsThatTheyAre) {
  const double root = std::sqrt(2.0);
  const Case cases[] = {
      {"x * sigmoid(x)", [](const Value& x) { return std::vector{x * Call("nn.Sigmoid", {x})}; },
       "nn.Swish"},
      {"sigmoid(x) * x", [](const Value& x) { return std::vector{Call("nn.Sigmoid", {x}) * x}; },
       "nn.Swish"},
      {"x * sigmoid of another",
       [](const Value& x) { return std::vector{x * Call("nn.Sigmoid", {x + 1.0})}; }, ""},
      {"the sigmoid is an output, too",
       [](const Value& x) {
         const Value gate = Call("nn.Sigmoid", {x});
         return std::vector{x * gate, gate};
       },
       ""},
      {"x * hard_sigmoid(x)",
       [](const Value& x) {
         return std::vector{Call("nn.HardSigmoid", {x}, {{"alpha", 1 / 6.0}}) * x};
       },
       "nn.HardSwish"},
      {"x * hard_sigmoid(x) with the slope that is ONNX's default",
       [](const Value& x) { return std::vector{Call("nn.HardSigmoid", {x}) * x}; }, ""},
      {"x (1 + erf) / 2", [=](const Value& x) { return std::vector{Gelu(x, root, 0)}; }, "nn.Gelu"},
      {"x / 2 (1 + erf)", [=](const Value& x) { return std::vector{Gelu(x, root, 1)}; }, "nn.Gelu"},
      {"x ((1 + erf) / 2)", [=](const Value& x) { return std::vector{Gelu(x, root, 2)}; },
       "nn.Gelu"},
      {"tanh, a power", [](const Value& x) { return std::vector{TanhGelu(x, 0)}; }, "nn.Gelu"},
      {"tanh, products", [](const Value& x) { return std::vector{TanhGelu(x, 1)}; }, "nn.Gelu"},
      {"tanh, x in front", [](const Value& x) { return std::vector{TanhGelu(x, 2)}; }, "nn.Gelu"},
      {"tanh, x thrice", [](const Value& x) { return std::vector{TanhGelu(x, 3)}; }, "nn.Gelu"},
      {"tanh, another factor", [](const Value& x) { return std::vector{TanhGelu(x, 0, 0.05)}; },
       ""},
      {"erf(x / 1.5)", [=](const Value& x) { return std::vector{Gelu(x, 1.5, 0)}; }, ""},
      {"layer normalisation, a power",
       [](const Value& x) { return std::vector{LayerNorm(x, 1e-2, {-1}, true)}; },
       "nn.LayerNormalization"},
      {"layer normalisation, a product",
       [](const Value& x) { return std::vector{LayerNorm(x, 1e-5, {2}, false)}; },
       "nn.LayerNormalization"},
      {"a sum of squares",
       [](const Value& x) {
         return std::vector{Call("math.ReduceSum", {x * x}, {{"axes", std::vector<int64_t>{1}}})};
       },
       "math.ReduceSumSquare"},
      {"a sum of powers, axes as an input",
       [](const Value& x) {
         const Value square = Call("math.Pow", {x, ConstantLike(2, x)});
         return std::vector{Call("math.ReduceSum",
                                 {square, Constant(Tensor::Vector<int64_t>({0, 2}))},
                                 {{"keepdims", false}})};
       },
       "math.ReduceSumSquare"},
      {"means over another axis",
       [](const Value& x) { return std::vector{LayerNorm(x, 1e-2, {1}, true)}; }, ""},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const Value x = InputValue({DType::kFloat32, {4, 5, 6}}, "x");
    const auto model = BuildModel({x}, c.write(x));
    ASSERT_TRUE(model.ok()) << model.status();
    const NamedTensors inputs = {{"x", Random({4, 5, 6}, 1)}};
    const auto fast = Session::Create(*model), exact = Session::Create(*model, {.exact = true});
    const auto program = (*fast)->ProgramFor(inputs);
    ASSERT_TRUE(program.ok()) << program.status();
    if (c.op.empty()) {
      for (const char* op : {"nn.Swish", "nn.HardSwish", "nn.Gelu", "nn.LayerNormalization"}) {
        EXPECT_THAT((*program)->ToString(), Not(HasSubstr(op)));
      }
    } else {
      EXPECT_EQ((*program)->steps().size(), 1u) << (*program)->ToString();
      EXPECT_THAT((*program)->ToString(), HasSubstr(c.op));
    }
    EXPECT_THAT((*(*exact)->ProgramFor(inputs))->ToString(), Not(HasSubstr("nn.Gelu")));
    const auto y = (*fast)->Run(inputs), right = (*exact)->Run(inputs);
    ASSERT_TRUE(y.ok() && right.ok()) << y.status() << right.status();
    for (const auto& [name, tensor] : *right) {
      for (int64_t i = 0; i < tensor.num_elements(); ++i) {
        ASSERT_NEAR(y->at(name).data<float>()[i], tensor.data<float>()[i], 2e-5) << name << i;
      }
    }
  }
}

// Numbers are rounded to the type in which the model computes, and only that far.
TEST(Patterns, KnowNumbersInTheModelsOwnType) {
  const double root = std::sqrt(2.0), in_half = 1.4140625;
  struct {
    DType dtype;
    double divisor;
    bool is_gelu;
  } const cases[] = {{DType::kFloat32, root, true},     {DType::kFloat32, in_half, false},
                     {DType::kFloat16, root, true},     {DType::kFloat16, in_half, true},
                     {DType::kFloat16, 1.4158, false},  {DType::kBFloat16, root, true},
                     {DType::kBFloat16, 1.4375, false}, {DType::kFloat64, root, true}};
  for (const auto& c : cases) {
    for (const int form : {0, 1, 2}) {
      SCOPED_TRACE(testing::Message() << DTypeName(c.dtype) << " " << c.divisor << " " << form);
      if (form > 0 && c.divisor != root) continue;  // these have its inverse
      const Value x = InputValue({c.dtype, {4, 6}}, "x");
      const auto model = BuildModel({x}, {Gelu(x, c.divisor, form)});
      ASSERT_TRUE(model.ok()) << model.status();
      const auto session = Session::Create(*model);
      const auto program = (*session)->ProgramFor({{"x", Tensor(c.dtype, {4, 6})}});
      ASSERT_TRUE(program.ok()) << program.status();
      EXPECT_EQ((*program)->ToString().find("nn.Gelu") != std::string::npos, c.is_gelu)
          << (*program)->ToString();
    }
  }
}

}  // namespace
}  // namespace nomograph
