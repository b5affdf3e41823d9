// Sigmoid, LogSigmoid, Softplus, Swish, Mish, HardSigmoid, HardSwish.
#include <algorithm>
#include <cmath>

#include "nomograph/core/numeric/exact_math.h"
#include "nomograph/core/onednn/onednn.h"
#include "nomograph/core/op/elementwise.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/nn/activation/activation_gradients.h"

namespace nomograph::nn {
namespace {

// No exponential of a positive number, which could overflow.
double Sigmoid(double x) {
  const double e = exact::Exp(-std::abs(x));
  return (x >= 0 ? 1 : e) / (1 + e);
}

double Softplus(double x) { return std::max(x, 0.0) + exact::Log1p(exact::Exp(-std::abs(x))); }

// oneDNN's soft_relu and logsigmoid are off by 2e-6, which is more than the result itself where
// that is small.
float FastSoftplus(float x) { return std::max(x, 0.0f) + std::log1p(std::exp(-std::abs(x))); }

// x limited to [0, 1].
template <typename T>
T Unit(T x) {
  return x < 0 ? T{0} : x > 1 ? T{1} : x;
}

std::optional<Eltwise> OneDnnSwish(const Attributes& attrs) {
  return Eltwise{dnnl_eltwise_swish, static_cast<float>(attrs.Float("alpha"))};
}

OpDef Swish() {
  return ElementwiseOp("nn.Swish", FloatTypes{},
                       [](const Attributes& attrs) {
                         return [alpha = attrs.Float("alpha")](auto x) {
                           return x * Sigmoid(alpha * x);
                         };
                       })
      .Doc("y = x / (1 + e^(-alpha * x)); with alpha = 1 also called SiLU.")
      .Source(
          "ONNX Swish; Keras activation silu; Ramachandran et al., Searching for Activation "
          "Functions, 2017")
      .Known({.as = "python",
              .name = "{keras.ops,keras.activations,tf.nn}.{swish,silu}(x|features,beta=alpha)"})
      .Known({.as = "onnx", .name = "Swish", .since = 24})
      .Attr("alpha", 1.0, "how steep the sigmoid is")
      .Gradient(GradientFromInput("nn.SwishGrad"))
      .Fast(OneDnnEltwise(OneDnnSwish))
      .AsPostOp(EltwisePostOp(OneDnnSwish))
      .Written(Pattern::AnyOrder("math.Mul", Pattern::Input(0),
                                 Pattern::Op("nn.Sigmoid", {Pattern::Input(0)})))
      .Examples(ExampleTable()
                    .Rows(kFloats, {{0, 0},
                                    {0.5, 0.3112296656009273},
                                    {-0.5, -0.1887703343990727},
                                    {3, 2.8577223804672998},
                                    {-3, -0.14227761953270035},
                                    {20, 19.999999958776925},
                                    {-20, -4.122307236380407e-08},
                                    {-200, 0},
                                    {kInf, kInf},
                                    {kNaN, kNaN}})
                    .Rows(kFloats, {{0.5, 0.36552928931500245}, {-0.5, -0.13447071068499755}},
                          {{"alpha", 2.0}}));
}

std::optional<Eltwise> FastHardSigmoid(const Attributes& attrs) {
  return Eltwise{kEltwiseHardSigmoid, static_cast<float>(attrs.Float("alpha")),
                 static_cast<float>(attrs.Float("beta"))};
}

bool IsGateOfHardSwish(const InferContext& node, const TensorType&) {
  const double alpha = node.attrs().Float("alpha"), beta = node.attrs().Float("beta");
  return std::abs(alpha - 1.0 / 6) < 1e-6 && std::abs(beta - 0.5) < 1e-6;
}

OpDef HardSigmoid() {
  return ElementwiseOp("nn.HardSigmoid", FloatTypes{},
                       [](const Attributes& attrs) {
                         return [alpha = attrs.Float("alpha"), beta = attrs.Float("beta")](auto x) {
                           return Unit(alpha * x + beta);
                         };
                       })
      .Doc("y = min(max(alpha * x + beta, 0), 1)")
      .Source("ONNX HardSigmoid; Keras activation hard_sigmoid, whose alpha is 1 / 6")
      .Known({.as = "onnx", .name = "HardSigmoid"})
      .Attr("alpha", 0.2, "the slope at 0")
      .Attr("beta", 0.5, "the value at 0")
      .Gradient([](const GradientContext& g) -> absl::StatusOr<std::vector<Value>> {
        const Value inside = Call("nn.ReluGrad", {g.gradient(0), g.output(0)}, {{"limit", 1.0}});
        return std::vector<Value>{inside * g.attrs().Float("alpha")};
      })
      .Fast(OneDnnEltwise(FastHardSigmoid))
      .AsPostOp(EltwisePostOp(FastHardSigmoid))
      .Examples(ExampleTable()
                    .Rows(kFloats, {{0, 0.5},
                                    {0.5, 0.6},
                                    {-0.5, 0.4},
                                    {3, 1},
                                    {-3, 0},
                                    {kInf, 1},
                                    {-kInf, 0},
                                    {kNaN, kNaN}})
                    .Rows(kFloats, {{0, 0.25}, {1, 0.75}, {2, 1}, {-1, 0}},
                          {{"alpha", 0.5}, {"beta", 0.25}}));
}

}  // namespace

NOMO_REGISTER_OP(
    FloatFunctionOp("nn.Sigmoid", Sigmoid)
        .Doc("y = 1 / (1 + e^-x)")
        .Source("ONNX Sigmoid; Keras activation sigmoid")
        .Known({.as = "python",
                .name = "{keras.backend,keras.ops,keras.activations,tf,tf.math,tf.nn}.sigmoid(x)"})
        .Known({.as = "onnx", .name = "Sigmoid"})
        .Fast(OneDnnEltwise(dnnl_eltwise_logistic))
        .AsPostOp(EltwisePostOp(dnnl_eltwise_logistic))
        .Gradient([](const GradientContext& g) -> absl::StatusOr<std::vector<Value>> {
          return std::vector<Value>{Call("nn.SigmoidGrad", {g.gradient(0), g.output(0)})};
        })
        .Examples(ExampleTable().Rows(kFloats, {{0, 0.5},
                                                {0.5, 0.6224593312018546},
                                                {-0.5, 0.3775406687981454},
                                                {3, 0.9525741268224334},
                                                {-3, 0.04742587317756678},
                                                {20, 0.9999999979388463},
                                                {-20, 2.0611536181902037e-09},
                                                {-700, 9.85967654375977e-305},
                                                {kInf, 1},
                                                {-kInf, 0},
                                                {kNaN, kNaN}})));

NOMO_REGISTER_OP(
    VectorFunctionOp(
        "nn.LogSigmoid", [](double x) { return -Softplus(-x); }, Elementary::kLogSigmoid,
        [](float x) { return -FastSoftplus(-x); })
        .Doc("y = ln(1 / (1 + e^-x))")
        .Gradient(UnaryGradient([](const Value& x, const Value&, const Value& dy) {
          return Call("nn.Sigmoid", {-x}) * dy;
        }))
        .Source("Keras activation log_sigmoid")
        .Known({.as = "python",
                .name = "{keras.ops,keras.activations}.log_sigmoid,{tf.math,tf.nn}.log_sigmoid(x)"})
        .Examples(ExampleTable().Rows(kFloats, {{0, -0.6931471805599453},
                                                {0.5, -0.4740769841801067},
                                                {-0.5, -0.9740769841801067},
                                                {3, -0.04858735157374206},
                                                {-3, -3.048587351573742},
                                                {20, -2.061153620314381e-09},
                                                {-100, -100},
                                                {kInf, 0},
                                                {-kInf, -kInf},
                                                {kNaN, kNaN}})));

NOMO_REGISTER_OP(
    VectorFunctionOp("nn.Softplus", Softplus, Elementary::kSoftplus, FastSoftplus)
        .Doc("y = ln(1 + e^x)")
        .Gradient(UnaryGradient([](const Value& x, const Value&, const Value& dy) {
          return Call("nn.Sigmoid", {x}) * dy;
        }))
        .Source("ONNX Softplus; Keras activation softplus")
        .Known(
            {.as = "python",
             .name =
                 "{keras.backend,keras.ops,keras.activations,tf.math,tf.nn}.softplus(x|features)"})
        .Known({.as = "onnx", .name = "Softplus"})
        .Examples(ExampleTable().Rows(kFloats, {{0, 0.6931471805599453},
                                                {0.5, 0.9740769841801067},
                                                {-0.5, 0.4740769841801067},
                                                {3, 3.048587351573742},
                                                {-3, 0.04858735157374206},
                                                {20, 20.000000002061153},
                                                {-20, 2.061153620314381e-09},
                                                {100, 100},
                                                {kInf, kInf},
                                                {-kInf, 0},
                                                {kNaN, kNaN}})));

NOMO_REGISTER_OP(FloatFunctionOp("nn.Mish", [](double x) { return x * exact::Tanh(Softplus(x)); })
                     .Doc("y = x * tanh(ln(1 + e^x))")
                     .Source("ONNX Mish; Keras activation mish; Misra, Mish, 2019")
                     .Known({.as = "python", .name = "{keras.ops,keras.activations}.mish(x)"})
                     .Known({.as = "onnx", .name = "Mish", .since = 18})
                     .Fast(OneDnnEltwise(AlgorithmOf(Elementary::kMish)))
                     .AsPostOp(EltwisePostOp(AlgorithmOf(Elementary::kMish)))
                     .Gradient(GradientFromInput("nn.MishGrad"))
                     .Examples(ExampleTable().Rows(kFloats, {{0, 0},
                                                             {0.5, 0.3752452113048951},
                                                             {-0.5, -0.22074377465173},
                                                             {3, 2.9865350049679575},
                                                             {-3, -0.1456474612756246},
                                                             {20, 20},
                                                             {-20, -4.122307240628762e-08},
                                                             {-200, 0},
                                                             {kInf, kInf},
                                                             {kNaN, kNaN}})));

NOMO_REGISTER_OP(
    ElementwiseOp("nn.HardSwish", FloatTypes{}, [](auto x) { return x * Unit(x / 6.0 + 0.5); })
        .Doc("y = x * min(max(x / 6 + 1 / 2, 0), 1)")
        .Source("ONNX HardSwish; Keras activation hard_silu; Howard et al., Searching "
                "for MobileNetV3, 2019")
        .Known({.as = "python", .name = "{keras.ops,keras.activations}.{hard_swish,hard_silu}(x)"})
        .Known({.as = "onnx", .name = "HardSwish", .since = 14})
        .Fast(OneDnnEltwise(dnnl_eltwise_hardswish, 1.0f / 6, 0.5f))
        .AsPostOp(EltwisePostOp(dnnl_eltwise_hardswish, 1.0f / 6, 0.5f))
        .Gradient(GradientFromInput("nn.HardSwishGrad"))
        .Written(Pattern::AnyOrder(
            "math.Mul", Pattern::Input(0),
            Pattern::Op("nn.HardSigmoid", {Pattern::Input(0)}).Where(IsGateOfHardSwish)))
        .Examples(ExampleTable().Rows(kFloats, {{0, 0},
                                                {0.5, 0.2916666666666667},
                                                {-0.5, -0.20833333333333334},
                                                {3, 3},
                                                {-3, 0},
                                                {20, 20},
                                                {-20, 0},
                                                {kInf, kInf},
                                                {kNaN, kNaN}})));

NOMO_REGISTER_OP(Swish());
NOMO_REGISTER_OP(HardSigmoid());

}  // namespace nomograph::nn
