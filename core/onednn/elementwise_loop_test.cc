// Elementwise nodes as loops, against the same steps in double, for operands of all kinds.
#include "nomograph/core/onednn/elementwise_loop.h"

#include <cmath>
#include <functional>
#include <limits>
#include <numbers>

#include "gtest/gtest.h"
#include "nomograph/core/onednn/onednn.h"
#include "nomograph/core/op/eager.h"
#include "oneapi/dnnl/dnnl_types.h"

namespace nomograph {
namespace {

PostOp Unary(int algorithm, float alpha = 0, float beta = 0) {
  return {PostOp::Kind::kEltwise, algorithm, alpha, beta};
}
PostOp Binary(int algorithm, int input) {
  return {.kind = PostOp::Kind::kBinary, .algorithm = algorithm, .input = input};
}

Tensor Numbers(const Shape& shape, double phase) {
  Tensor tensor(DType::kFloat32, shape);
  int64_t i = 0;
  for (float& x : tensor.mutable_data<float>()) {
    x = static_cast<float>(3 * std::sin(0.7 * static_cast<double>(i++) + phase));
  }
  return tensor;
}

enum class Form { kLoop, kRows };

// The node's output, whose shape is that of the first input unless it is given; none where no loop
// serves the node.
std::optional<Tensor> RunLoop(const std::vector<Tensor>& inputs, const PostOp& op,
                              const std::vector<PostOp>& post_ops, int threads = 1,
                              Form form = Form::kLoop, std::optional<Shape> shape = {}) {
  std::vector<TensorSpec> specs;
  std::vector<TensorView> views;
  for (const Tensor& input : inputs) {
    specs.push_back({input.dtype(), input.shape()});
    views.push_back({input.dtype(), &input.shape(), const_cast<std::byte*>(input.raw_data())});
  }
  Tensor output(DType::kFloat32, shape.value_or(inputs[0].shape()));
  const std::vector<TensorSpec> output_specs = {{output.dtype(), output.shape()}};
  std::vector<TensorView> output_views = {
      {output.dtype(), &output.shape(), output.mutable_raw_data()}};
  const Attributes attrs;
  const std::vector<Tensor> constants(inputs.size());
  const PrepareContext prepare{attrs, specs, output_specs, constants, post_ops, threads};
  const std::unique_ptr<Kernel> kernel = form == Form::kLoop
                                             ? onednn::PrepareElementwiseLoop(prepare, 0, op)
                                             : onednn::PrepareElementwiseRows(prepare, 0, op);
  if (kernel != nullptr || form == Form::kRows) {
    EXPECT_EQ(kernel != nullptr, onednn::ElementwiseRowsServe(prepare, 0, op));
  }
  if (kernel == nullptr) return std::nullopt;
  const RunContext run;
  std::vector<Tensor> owned(1);
  KernelContextBuilder builder(views, absl::MakeSpan(output_views), absl::MakeSpan(owned), attrs,
                               run, 0);
  EXPECT_TRUE(RunKernel(*kernel, builder.context()).ok());
  return output;
}

// The element of `tensor` that broadcasting puts beside element `at` of an output of `shape`.
double Beside(const Tensor& tensor, const Shape& shape, int64_t at) {
  int64_t place = 0, stride = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    const int64_t index = at % shape[axis];
    at /= shape[axis];
    const int own = axis - (shape.rank() - tensor.shape().rank());
    if (own < 0) continue;
    if (tensor.shape()[own] != 1) place += index * stride;
    stride *= tensor.shape()[own];
  }
  return tensor.data<float>()[place];
}

TEST(ElementwiseLoop, UnaryStepsAreThoseOfTheFormulas) {
  if (!RunLoop({Numbers({4}, 0)}, Unary(dnnl_eltwise_abs), {})) GTEST_SKIP() << "no vectors here";
  const struct {
    PostOp op;
    std::function<double(double)> formula;
  } cases[] = {
      {Unary(dnnl_eltwise_relu), [](double x) { return std::max(x, 0.0); }},
      {Unary(dnnl_eltwise_relu, 0.1f), [](double x) { return x > 0 ? x : 0.1f * x; }},
      {Unary(dnnl_eltwise_clip, -1, 2), [](double x) { return std::clamp(x, -1.0, 2.0); }},
      {Unary(dnnl_eltwise_linear, 2, -1), [](double x) { return 2 * x - 1; }},
      {Unary(dnnl_eltwise_abs), [](double x) { return std::abs(x); }},
      {Unary(dnnl_eltwise_square), [](double x) { return x * x; }},
      {Unary(dnnl_eltwise_hardswish),
       [](double x) { return x * std::clamp(x / 6 + 0.5, 0.0, 1.0); }},
      {Unary(kEltwiseHardSigmoid, 0.2f, 0.4f),
       [](double x) { return std::clamp(0.2f * x + 0.4f, 0.0, 1.0); }},
      {Unary(dnnl_eltwise_swish, 1.5f), [](double x) { return x / (1 + std::exp(-1.5 * x)); }},
      {Unary(dnnl_eltwise_logistic), [](double x) { return 1 / (1 + std::exp(-x)); }},
      {Unary(dnnl_eltwise_gelu_erf),
       [](double x) { return x / 2 * (1 + std::erf(x / std::sqrt(2.0))); }},
      {Unary(dnnl_eltwise_gelu_tanh),
       [](double x) {
         return x / 2 *
                (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
       }},
      {Unary(dnnl_eltwise_tanh), [](double x) { return std::tanh(x); }},
      {Unary(kEltwisePower, 3), [](double x) { return x * x * x; }},
  };
  const float inf = std::numeric_limits<float>::infinity();
  for (const auto& c : cases) {
    for (const int64_t count : {1, 7, 8, 513, 100000}) {
      const Tensor x = Numbers({count}, 1);
      const std::optional<Tensor> y = RunLoop({x}, c.op, {}, 2);
      ASSERT_TRUE(y);
      for (int64_t i = 0; i < count; ++i) {
        const double right = c.formula(x.data<float>()[i]);
        ASSERT_NEAR(y->data<float>()[i], right, 1e-6 * std::max(1.0, std::abs(right) / 4))
            << c.op.algorithm << ": " << i << " of " << count;
      }
    }
    const std::optional<Tensor> special =
        RunLoop({Tensor::Vector<float>({std::nanf(""), inf})}, c.op, {});
    EXPECT_TRUE(std::isnan(special->data<float>()[0])) << c.op.algorithm;
    EXPECT_EQ(special->data<float>()[1], c.op.algorithm == dnnl_eltwise_clip       ? 2
                                         : c.op.algorithm == kEltwiseHardSigmoid   ? 1
                                         : c.op.algorithm == dnnl_eltwise_logistic ? 1
                                         : c.op.algorithm == dnnl_eltwise_tanh     ? 1
                                                                                   : inf);
  }
  const std::optional<Tensor> roots =
      RunLoop({Tensor::Vector<float>({0, 2, inf, std::nanf("")})}, Unary(dnnl_eltwise_sqrt), {});
  EXPECT_EQ(roots->data<float>()[1], std::sqrt(2.0f));
  EXPECT_EQ(roots->data<float>()[2], inf);
  EXPECT_TRUE(std::isnan(roots->data<float>()[3]));
}

TEST(ElementwiseLoop, OperandsBroadcastAsNumPysDo) {
  if (!RunLoop({Numbers({4}, 0)}, Unary(dnnl_eltwise_abs), {})) GTEST_SKIP() << "no vectors here";
  const Shape shape = {2, 3, 5, 20};
  const struct {
    Shape operand;
    bool served = true;
  } operands[] = {{shape},
                  {{}},
                  {{1}},
                  {{20}},
                  {{5, 20}},
                  {{2, 1, 1, 1}},
                  {{2, 3, 1, 1}},
                  {{2, 3, 5, 1}},
                  {{1, 1, 1, 1}},
                  {{3, 1, 1}, false},
                  {{1, 3, 1, 20}, false}};
  const struct {
    int algorithm;
    std::function<double(double, double)> formula;
  } cases[] = {
      {dnnl_binary_add, [](double a, double b) { return a + b; }},
      {dnnl_binary_sub, [](double a, double b) { return a - b; }},
      {dnnl_binary_mul, [](double a, double b) { return a * b; }},
      {dnnl_binary_div, [](double a, double b) { return a / b; }},
      {dnnl_binary_max, [](double a, double b) { return std::max(a, b); }},
      {dnnl_binary_min, [](double a, double b) { return std::min(a, b); }},
  };
  const Tensor x = Numbers(shape, 0);
  for (const auto& operand : operands) {
    const Tensor z = Numbers(operand.operand, 0.3);
    for (const auto& c : cases) {
      SCOPED_TRACE(testing::Message() << operand.operand.ToString() << ", " << c.algorithm);
      for (const Form form : {Form::kLoop, Form::kRows}) {
        const std::optional<Tensor> y =
            RunLoop({x, z}, Binary(c.algorithm, 1), {Unary(dnnl_eltwise_linear, 2, 1)}, 1, form);
        ASSERT_EQ(y.has_value(), operand.served || form == Form::kRows);
        if (!y) continue;
        for (int64_t i = 0; i < x.num_elements(); ++i) {
          const double right = 2 * c.formula(x.data<float>()[i], Beside(z, shape, i)) + 1;
          ASSERT_NEAR(y->data<float>()[i], right, 1e-6 * (1 + std::abs(right))) << i;
        }
      }
    }
  }
}

// Both operands are repeated, and those of the steps behind.
TEST(ElementwiseLoop, RowsBroadcastEachOperand) {
  if (!RunLoop({Numbers({4}, 0)}, Unary(dnnl_eltwise_abs), {})) GTEST_SKIP() << "no vectors here";
  const struct {
    Shape a, b, c, y;
  } cases[] = {{{40, 30, 9}, {30, 1}, {30, 1}, {40, 30, 9}},
               {{40, 1, 9}, {30, 1}, {9}, {40, 30, 9}},
               {{1, 9}, {40, 30, 1}, {40, 1, 1}, {40, 30, 9}},
               {{5, 1, 700}, {3, 1}, {3, 700}, {5, 3, 700}},
               {{3, 1, 1}, {5, 1, 2000}, {5, 3, 1, 1}, {5, 3, 3, 2000}}};
  for (const auto& one : cases) {
    SCOPED_TRACE(testing::Message() << one.a.ToString() << ", " << one.b.ToString());
    const Tensor a = Numbers(one.a, 0), b = Numbers(one.b, 0.3), c = Numbers(one.c, 1.3);
    for (const int threads : {1, 3}) {
      const std::optional<Tensor> y = RunLoop({a, b, c}, Binary(dnnl_binary_sub, 1),
                                              {Binary(dnnl_binary_mul, 2), Unary(dnnl_eltwise_abs)},
                                              threads, Form::kRows, one.y);
      ASSERT_TRUE(y);
      for (int64_t i = 0; i < y->num_elements(); ++i) {
        const double right =
            std::abs((Beside(a, one.y, i) - Beside(b, one.y, i)) * Beside(c, one.y, i));
        ASSERT_NEAR(y->data<float>()[i], right, 1e-6 * (1 + right)) << i;
      }
    }
  }
}

TEST(ElementwiseLoop, MaximaAndMinimaKeepNanOfEitherSide) {
  if (!RunLoop({Numbers({4}, 0)}, Unary(dnnl_eltwise_abs), {})) GTEST_SKIP() << "no vectors here";
  const float nan = std::nanf("");
  for (const int algorithm : {dnnl_binary_max, dnnl_binary_min}) {
    const std::optional<Tensor> y =
        RunLoop({Tensor::Vector<float>({nan, 1, nan}), Tensor::Vector<float>({1, nan, nan})},
                Binary(algorithm, 1), {});
    for (const float value : y->data<float>()) EXPECT_TRUE(std::isnan(value));
  }
}

TEST(ElementwiseLoop, OthersAreLeftToOthers) {
  EXPECT_FALSE(RunLoop({Numbers({4}, 0)}, Unary(dnnl_eltwise_log), {}));
  EXPECT_FALSE(RunLoop({Numbers({0}, 0)}, Unary(dnnl_eltwise_relu), {}));
  EXPECT_FALSE(RunLoop({Numbers({100, 3}, 0), Numbers({3}, 0)}, Binary(dnnl_binary_add, 1), {}));
}

}  // namespace
}  // namespace nomograph
