// Add, Sub, Mul, Div.
#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/onednn/onednn.h"
#include "nomograph/core/op/elementwise.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/math/integer.h"

namespace nomograph {
namespace {

constexpr double kInt32Min = -2147483648.0, kInt32Max = 2147483647.0;

ExampleTable Broadcasting(std::initializer_list<float> expected, float six_and_two) {
  const auto full = [](const Shape& shape, double value) {
    return Tensor::Full(DType::kFloat32, shape, value);
  };
  return ExampleTable()
      .Add({.name = "both broadcast",
            .inputs = {Tensor::Of<float>({2, 1, 3}, {1, 2, 3, 4, 5, 6}),
                       Tensor::Of<float>({2, 1}, {2, 4})},
            .outputs = {Tensor::Of<float>({2, 2, 3}, expected)}})
      .Add({.name = "channels",
            .inputs = {full({200, 3}, 6), full({3}, 2)},
            .outputs = {full({200, 3}, six_and_two)}})
      .Add({.name = "features",
            .inputs = {full({3, 80}, 6), full({80}, 2)},
            .outputs = {full({3, 80}, six_and_two)}})
      .Add({.name = "a number",
            .inputs = {full({600}, 6), full({}, 2)},
            .outputs = {full({600}, six_and_two)}})
      .Add({.name = "empty",
            .inputs = {full({0, 3}, 6), full({3}, 2)},
            .outputs = {full({0, 3}, 0)}});
}

struct Coefficients {
  double factor, offset;
};

// For OpDef::AsAffine: a constant operand with a value for each index of one axis, or for all
// elements; `map` says what a value does. Unless `commutative`, it is b.
auto ByOperand(bool commutative, Coefficients (*map)(double)) {
  return [=](const FusionQuery& query) -> std::optional<ChannelAffine> {
    const int other = 1 - query.fused_input;
    const Tensor& operand = query.constants[other];
    if (!operand.valid() || operand.dtype() != DType::kFloat32 || (other == 0 && !commutative)) {
      return std::nullopt;
    }
    const Shape& shape = operand.shape();
    ChannelAffine affine{.axis = 0, .factors = {}, .offsets = {}};
    for (int i = 0; i < shape.rank(); ++i) {
      if (shape[i] == 1) continue;
      if (shape[i] != operand.num_elements()) return std::nullopt;
      affine.axis = query.output.shape.rank() - shape.rank() + i;
    }
    for (const float value : operand.data<float>()) {
      const Coefficients c = map(value);
      affine.factors.push_back(c.factor);
      affine.offsets.push_back(c.offset);
    }
    return affine;
  };
}

std::optional<QuantizedInputs> QuantizedSum(const InferContext& node) {
  if (node.shape(0) != node.shape(1)) return std::nullopt;
  return QuantizedInputs{.activations = {0, 1}, .only_between = true};
}

}  // namespace

NOMO_REGISTER_OP(
    ElementwiseOp("math.Add", NumberTypes{}, [](auto a, auto b) { return math::Add(a, b); })
        .Doc("y = a + b, with NumPy broadcasting. Integers wrap around.")
        .Source("ONNX Add; NumPy add; Keras Add")
        .Known({.as = "python", .name = "{keras.ops,tf,tf.math,np}.add(x|x1,y|x2)"})
        .Known({.as = "onnx", .name = "Add", .since = 7})
        .Fast(FastBinary(dnnl_binary_add))
        .AsPostOp(BinaryPostOp(dnnl_binary_add, /*commutative=*/true))
        .AsAffine(ByOperand(/*commutative=*/true,
                            [](double v) {
                              return Coefficients{1, v};
                            }))
        .Quantizes(QuantizedSum)
        .Gradient(BroadcastGradient([](auto&, auto&, auto&, auto& dy) { return dy; },
                                    [](auto&, auto&, auto&, auto& dy) { return dy; }))
        .Examples(Broadcasting({3, 4, 5, 5, 6, 7, 6, 7, 8, 8, 9, 10}, 8)
                      .Rows(kNumbers,
                            {{1, 2, 3}, {-7, 3, -4}, {0.5, 0.25, 0.75}, {kInf, -kInf, kNaN}})
                      .Rows({DType::kInt32}, {{kInt32Max, 1, kInt32Min}})
                      .Rows({DType::kInt8}, {{127, 2, -127}, {-128, -1, 127}})
                      .Rows({DType::kUInt8}, {{255, 2, 1}})));

NOMO_REGISTER_OP(
    ElementwiseOp("math.Sub", NumberTypes{}, [](auto a, auto b) { return math::Sub(a, b); })
        .Doc("y = a - b, with NumPy broadcasting. Integers wrap around.")
        .Source("ONNX Sub; NumPy subtract; Keras Subtract")
        .Known({.as = "python", .name = "{keras.ops,tf,tf.math,np}.subtract,tf.sub(x|x1,y|x2)"})
        .Known({.as = "onnx", .name = "Sub", .since = 7})
        .Fast(FastBinary(dnnl_binary_sub))
        .AsPostOp(BinaryPostOp(dnnl_binary_sub, /*commutative=*/false))
        .AsAffine(ByOperand(/*commutative=*/false,
                            [](double v) {
                              return Coefficients{1, -v};
                            }))
        .Gradient(BroadcastGradient([](auto&, auto&, auto&, auto& dy) { return dy; },
                                    [](auto&, auto&, auto&, auto& dy) { return -dy; }))
        .Examples(Broadcasting({-1, 0, 1, -3, -2, -1, 2, 3, 4, 0, 1, 2}, 4)
                      .Rows(kNumbers,
                            {{5, 2, 3}, {-7, 3, -10}, {0.5, 0.25, 0.25}, {kInf, kInf, kNaN}})
                      .Rows({DType::kInt32}, {{kInt32Min, 1, kInt32Max}})
                      .Rows({DType::kUInt16}, {{1, 2, 65535}})));

NOMO_REGISTER_OP(
    ElementwiseOp("math.Mul", NumberTypes{}, [](auto a, auto b) { return math::Mul(a, b); })
        .Doc("y = a * b, with NumPy broadcasting. Integers wrap around.")
        .Source("ONNX Mul; NumPy multiply; Keras Multiply")
        .Known({.as = "python",
                .name = "{keras.ops,tf,tf.math,np}.multiply,tf.mul,tf.math.scalar_mul,tf.scalar_"
                        "mul(x|x1|scalar,y|x2)"})
        .Known({.as = "onnx", .name = "Mul", .since = 7})
        .Fast(FastBinary(dnnl_binary_mul))
        .AsPostOp(BinaryPostOp(dnnl_binary_mul, /*commutative=*/true))
        .AsAffine(ByOperand(/*commutative=*/true,
                            [](double v) {
                              return Coefficients{v, 0};
                            }))
        .Gradient(BroadcastGradient([](auto&, auto& b, auto&, auto& dy) { return dy * b; },
                                    [](auto& a, auto&, auto&, auto& dy) { return dy * a; }))
        .Examples(Broadcasting({2, 4, 6, 4, 8, 12, 8, 10, 12, 16, 20, 24}, 12)
                      .Rows(kNumbers,
                            {{5, 2, 10}, {-7, 3, -21}, {0.5, 0.25, 0.125}, {kInf, 0, kNaN}})
                      .Rows({DType::kInt32}, {{65536, 65537, 65536}, {kInt32Min, -1, kInt32Min}})
                      .Rows({DType::kUInt16}, {{65535, 65535, 1}})));

NOMO_REGISTER_OP(
    ElementwiseOp("math.Div", NumberTypes{}, [](auto a, auto b) { return math::Div(a, b); })
        .Doc("y = a / b, with NumPy broadcasting. Integers are rounded toward zero; an integer "
             "divided by zero is zero, and the least integer divided by -1 is itself.")
        .Source("ONNX Div; NumPy true_divide for floats")
        .Known({.as = "onnx", .name = "Div", .since = 7})
        .Fast(FastBinary(dnnl_binary_div))
        .AsPostOp(BinaryPostOp(dnnl_binary_div, /*commutative=*/false))
        .AsAffine(ByOperand(/*commutative=*/false,
                            [](double v) {
                              return Coefficients{1 / v, 0};
                            }))
        .Gradient(BroadcastGradient([](auto&, auto& b, auto&, auto& dy) { return dy / b; },
                                    [](auto&, auto& b, auto& y, auto& dy) {
                                      return -(dy / b) * y;
                                    }))
        .Examples(
            Broadcasting({0.5, 1, 1.5, 0.25, 0.5, 0.75, 2, 2.5, 3, 1, 1.25, 1.5}, 3)
                .Rows(kNumbers, {{6, 2, 3}, {-8, 2, -4}})
                .Rows(kFloats,
                      {{1, 4, 0.25}, {-7, 2, -3.5}, {1, 0, kInf}, {-1, 0, -kInf}, {0, 0, kNaN}})
                .Rows(kInts,
                      {{7, 2, 3}, {-7, 2, -3}, {7, -2, -3}, {-7, -2, 3}, {5, 0, 0}, {0, 0, 0}})
                .Rows({DType::kInt32}, {{kInt32Min, -1, kInt32Min}, {kInt32Max, -1, -kInt32Max}})
                .Rows({DType::kInt8}, {{-128, -1, -128}})));

}  // namespace nomograph
