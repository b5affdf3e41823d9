// Gelu, Softsign, Shrink, TanhShrink, SquarePlus.
#include <cmath>
#include <numbers>

#include "nomograph/core/numeric/exact_math.h"
#include "nomograph/core/onednn/onednn.h"
#include "nomograph/core/op/elementwise.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/nn/activation/activation_gradients.h"

namespace nomograph::nn {
namespace {

bool UsesTanh(const Attributes& attrs) { return attrs.String("approximate") == "tanh"; }

// Phi(x) = (1 + erf(x / sqrt(2))) / 2, without the cancellation of that formula for negative x.
double ExactGelu(double x) { return 0.5 * x * exact::Erfc(-x / std::numbers::sqrt2); }

// (1 + tanh(u)) / 2 = 1 / (1 + e^(-2u)), again without cancellation.
double TanhGelu(double x) {
  const double u = std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x);
  return x / (1 + exact::Exp(-2 * u));
}

std::optional<Eltwise> OneDnnGelu(const Attributes& attrs) {
  return Eltwise{UsesTanh(attrs) ? dnnl_eltwise_gelu_tanh : dnnl_eltwise_gelu_erf};
}

// x / 2 * (1 + erf(x / sqrt(2))) as exporters write it: the factors in any order, the division as a
// product.
std::vector<Pattern> GeluPatterns() {
  const Pattern x = Pattern::Input(0), half = Pattern::Number(0.5);
  const auto product = [](const Pattern& a, const Pattern& b) {
    return Pattern::AnyOrder("math.Mul", a, b);
  };
  std::vector<Pattern> patterns;
  for (const Pattern& scaled : {Pattern::Op("math.Div", {x, Pattern::Number(std::sqrt(2.0))}),
                                product(x, Pattern::Number(std::sqrt(0.5)))}) {
    const Pattern sum =
        Pattern::AnyOrder("math.Add", Pattern::Op("math.Erf", {scaled}), Pattern::Number(1));
    patterns.push_back(product(product(x, sum), half));
    patterns.push_back(product(product(x, half), sum));
    patterns.push_back(product(product(sum, half), x));
  }
  return patterns;
}

// x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) as exporters write it: the power as one
// or as products, and x before the sum or within it.
std::vector<Pattern> TanhGeluPatterns() {
  const Pattern x = Pattern::Input(0), half = Pattern::Number(0.5);
  const Pattern third = Pattern::Number(0.044715);
  const Pattern slope = Pattern::Number(std::sqrt(2 / std::numbers::pi));
  const auto product = [](const Pattern& a, const Pattern& b) {
    return Pattern::AnyOrder("math.Mul", a, b);
  };
  const auto sum = [](const Pattern& a, const Pattern& b) {
    return Pattern::AnyOrder("math.Add", a, b);
  };
  const Pattern square = Pattern::Either({Pattern::Op("math.Pow", {x, Pattern::Number(2)}),
                                          Pattern::Op("math.Square", {x}), product(x, x)});
  const Pattern cube =
      Pattern::Either({Pattern::Op("math.Pow", {x, Pattern::Number(3)}), product(square, x)});
  const Pattern cubic =
      Pattern::Either({product(third, cube), product(product(product(third, x), x), x)});
  const Pattern growth = sum(
      Pattern::Number(1), Pattern::Either({product(product(third, x), x), product(third, square)}));
  const Pattern inner =
      Pattern::Either({product(slope, sum(x, cubic)), product(product(slope, x), growth),
                       product(slope, product(x, growth))});
  const Pattern grown = sum(Pattern::Op("math.Tanh", {inner}), Pattern::Number(1))
                            .SetsAttribute("approximate", std::string("tanh"));
  return {product(product(x, grown), half), product(product(x, half), grown),
          product(product(grown, half), x)};
}

OpDef Gelu() {
  OpDef op = ElementwiseOp("nn.Gelu", FloatTypes{},
                           [](const Attributes& attrs) {
                             return [tanh = UsesTanh(attrs)](auto x) {
                               return tanh ? TanhGelu(x) : ExactGelu(x);
                             };
                           })
                 .Doc(
                     "y = x * Phi(x), where Phi(x) = (1 + erf(x / sqrt(2))) / 2 is the "
                     "distribution function "
                     "of the standard normal distribution; or, approximately, y = x / 2 * (1 + "
                     "tanh(sqrt(2 / "
                     "pi) * (x + 0.044715 * x^3))).")
                 .Source(
                     "ONNX Gelu; Keras activation gelu; Hendrycks and Gimpel, Gaussian Error "
                     "Linear Units, "
                     "2016")
                 .Known({.as = "onnx", .name = "Gelu", .since = 20})
                 .Known({.as = "com.microsoft", .name = "Gelu"})
                 .Attr("approximate", "none", "none for the exact form, tanh for the approximation")
                 .Choices({"none", "tanh"})
                 .Fast(OneDnnEltwise(OneDnnGelu))
                 .AsPostOp(EltwisePostOp(OneDnnGelu))
                 .Gradient(GradientFromInput("nn.GeluGrad"))
                 .Examples(ExampleTable()
                               .Rows(kFloats, {{0, 0},
                                               {0.5, 0.34573123063700656},
                                               {-0.5, -0.15426876936299344},
                                               {3, 2.99595030590511},
                                               {-3, -0.004049694094890287},
                                               {20, 20},
                                               {-200, 0},
                                               {kInf, kInf},
                                               {kNaN, kNaN}})
                               .Rows(kFloats,
                                     {{0, 0},
                                      {0.5, 0.34571400982514394},
                                      {-0.5, -0.15428599017485606},
                                      {3, 2.996362607918227},
                                      {-3, -0.003637392081773019},
                                      {20, 20},
                                      {-200, 0},
                                      {kInf, kInf},
                                      {kNaN, kNaN}},
                                     {{"approximate", "tanh"}}));
  for (Pattern& pattern : GeluPatterns()) op.Written(std::move(pattern));
  for (Pattern& pattern : TanhGeluPatterns()) op.Written(std::move(pattern));
  return op;
}

OpDef Shrink() {
  return ElementwiseOp("nn.Shrink", FloatTypes{},
                       [](const Attributes& attrs) {
                         return [lambd = attrs.Float("lambd"), bias = attrs.Float("bias")](auto x) {
                           return x < -lambd ? x + bias : x > lambd ? x - bias : 0.0;
                         };
                       })
      .Doc(
          "y = x + bias where x < -lambd, x - bias where x > lambd, else 0. It is the hard shrink "
          "for bias = 0 and the soft one for bias = lambd.")
      .Source("ONNX Shrink; Keras activations hard_shrink and soft_shrink")
      .Known({.as = "onnx", .name = "Shrink"})
      .Attr("lambd", 0.5, "what |x| must pass; at least 0")
      .Min(0)
      .Attr("bias", 0.0, "what is taken from |x|")
      .Gradient([](const GradientContext& g) -> absl::StatusOr<std::vector<Value>> {
        const Value past = Call("math.Abs", {g.input(0)}) - g.attrs().Float("lambd");
        return std::vector<Value>{Call("nn.ReluGrad", {g.gradient(0), past})};
      })
      .Examples(ExampleTable()
                    .Rows(kFloats, {{0, 0}, {0.5, 0}, {-0.5, 0}, {2, 2}, {-2, -2}, {kInf, kInf}})
                    .Rows(kFloats, {{0, 0}, {0.5, 0}, {2, 1.5}, {-2, -1.5}}, {{"bias", 0.5}})
                    .Rows(kFloats, {{1, 0}, {2, 1}, {-2, -1}}, {{"lambd", 1.0}, {"bias", 1.0}}));
}

// Below 0 the sum would cancel, and is expanded by the difference.
double PlusSquare(double x, double b) {
  const double root = std::sqrt(x * x + b);
  return x < 0 ? b / 2 / (root - x) : (x + root) / 2;
}

// dy y / root, and root = 2 y - x is 0 where b and x are.
Value SquarePlusGradient(const Value& x, const Value& y, const Value& dy) {
  const Value root = y + y - x;
  const Value divisor = Call("array.Where", {root > 0, root, ConstantLike(1, x)});
  return dy * (y / divisor);
}

OpDef SquarePlus() {
  return ElementwiseOp("nn.SquarePlus", FloatTypes{},
                       [](const Attributes& attrs) {
                         return [b = attrs.Float("b")](auto x) { return PlusSquare(x, b); };
                       })
      .Doc("y = (x + sqrt(x^2 + b)) / 2, which resembles Softplus and needs no exponential.")
      .Source("Keras activation squareplus; Barron, Squareplus, 2021")
      .Known({.as = "python", .name = "{keras.ops,keras.activations}.squareplus(x)"})
      .Attr("b", 4.0, "the size of the bend at 0")
      .Min(0)
      .Gradient(UnaryGradient(SquarePlusGradient))
      .Examples(
          ExampleTable()
              .Rows(kFloats,
                    {{0, 1}, {1.5, 2}, {-1.5, 0.5}, {-0x1p40, 0x1p-40}, {kInf, kInf}, {kNaN, kNaN}})
              .Rows(kFloats, {{0, 0}, {3, 3}, {-3, 0}}, {{"b", 0.0}}));
}

}  // namespace

NOMO_REGISTER_OP(
    ElementwiseOp("nn.Softsign", FloatTypes{}, [](auto x) { return x / (1 + std::abs(x)); })
        .Doc("y = x / (1 + |x|)")
        .Gradient(UnaryGradient([](const Value&, const Value& y, const Value& dy) {
          return Call("math.Square", {1 - Call("math.Abs", {y})}) * dy;
        }))
        .Source("ONNX Softsign; Keras activation softsign")
        .Known(
            {.as = "python",
             .name =
                 "{keras.backend,keras.ops,keras.activations,tf.math,tf.nn}.softsign(x|features)"})
        .Known({.as = "onnx", .name = "Softsign"})
        .Examples(ExampleTable().Rows(kFloats, {{0, 0},
                                                {0.5, 0.3333333333333333},
                                                {-0.5, -0.3333333333333333},
                                                {3, 0.75},
                                                {-3, -0.75},
                                                {1000, 0.999000999000999},
                                                {kNaN, kNaN}})));

NOMO_REGISTER_OP(FloatFunctionOp(
                     "nn.TanhShrink", [](double x) { return x - exact::Tanh(x); },
                     [](float x) { return x - std::tanh(x); })
                     .Doc("y = x - tanh(x)")
                     .Gradient(UnaryGradient([](const Value& x, const Value& y, const Value& dy) {
                       return Call("math.Square", {x - y}) * dy;  // tanh(x)^2
                     }))
                     .Source("Keras activation tanh_shrink")
                     .Known({.as = "python",
                             .name = "{keras.ops,keras.activations}.tanh_shrink(x)"})
                     .Examples(ExampleTable().Rows(kFloats, {{0, 0},
                                                             {0.5, 0.03788284273999026},
                                                             {-0.5, -0.03788284273999026},
                                                             {3, 2.0049452463132695},
                                                             {-3, -2.0049452463132695},
                                                             {kInf, kInf},
                                                             {kNaN, kNaN}})));

NOMO_REGISTER_OP(Gelu());
NOMO_REGISTER_OP(Shrink());
NOMO_REGISTER_OP(SquarePlus());

}  // namespace nomograph::nn
