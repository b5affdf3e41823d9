#include "nomograph/ops/nn/activation/activation_gradients.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>
#include <vector>

#include "nomograph/core/numeric/exact_math.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/onednn/onednn_kernel.h"
#include "nomograph/core/op/elementwise.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/vector/row_sum.h"

namespace nomograph::nn {
namespace {

using FastTypes = TypeList<float, Half, BFloat16>;

double Sigmoid(double x) {
  const double e = exact::Exp(-std::abs(x));
  return (x >= 0 ? 1 : e) / (1 + e);
}

double Softplus(double x) { return std::max(x, 0.0) + exact::Log1p(exact::Exp(-std::abs(x))); }

// An op dx = f(dy, second). Left to add: Doc, attributes, Fast, Gradient, Examples.
template <typename F>
OpDef GradOp(std::string name, std::string second, F f) {
  OpDef op = ElementwiseOp(std::move(name), FloatTypes{}, std::move(f));
  op.inputs[0].name = "dy";
  op.inputs[1].name = std::move(second);
  op.outputs[0].name = "dx";
  return op;
}

// oneDNN's derivative of an activation from dy and x. It serves float32.
PrepareFn OneDnnBackward(std::function<Eltwise(const Attributes&)> eltwise) {
  return onednn::Prepare([eltwise = std::move(eltwise)](onednn::Builder& b) {
    const PrepareContext& context = b.context();
    const Shape& shape = context.outputs[0].shape;
    const Eltwise function = eltwise(context.attrs);
    if (context.inputs[0].dtype != DType::kFloat32 || context.inputs[0].shape != shape ||
        context.inputs[1].shape != shape) {
      return false;
    }
    const auto algorithm = static_cast<dnnl::algorithm>(function.algorithm);
    const onednn::Desc data = onednn::RowMajor(DType::kFloat32, {shape.num_elements()});
    const auto forward = onednn::Describe<dnnl::eltwise_forward>(
        dnnl::primitive_attr(), dnnl::prop_kind::forward_training, algorithm, data, data,
        function.alpha, function.beta);
    const auto pd = onednn::DescribeBackward<dnnl::eltwise_backward>(
        b.Attr(), forward, algorithm, data, data, data, function.alpha, function.beta);
    b.Add<dnnl::eltwise_backward>(pd, {{DNNL_ARG_DIFF_DST, b.Input(0, data)},
                                       {DNNL_ARG_SRC, b.Input(1, data)},
                                       {DNNL_ARG_DIFF_SRC, b.Output(0, data)}});
    return true;
  });
}

// Of an op that is linear in dy, f(dy, x) = dy f'(x): the gradient of dy is f(g, x), that of x is
// g dy f''(x).
GradientFn SecondDerivative(std::function<Value(const Value& x, const Attributes& attrs)> second) {
  return
      [second = std::move(second)](const GradientContext& g) -> absl::StatusOr<std::vector<Value>> {
        std::vector<Value> result(2);
        if (g.wants(0)) result[0] = Call(g.op().name, {g.gradient(0), g.input(1)}, g.attrs());
        if (g.wants(1)) result[1] = g.gradient(0) * g.input(0) * second(g.input(1), g.attrs());
        return result;
      };
}

Value SigmoidOf(const Value& x) { return Call("nn.Sigmoid", {x}); }

// --- ReluGrad ---------------------------------------------------------------------------------

// dx from dy and x. Infinity, where there is no limit, is not compared with: x itself may be it.
// (Nor would NaN do, by which a run is taken for one that lost a NaN: core/op/keep_nan.h.)
template <typename Number>  // of the constants
auto ReluSlope(const Attributes& attrs) {
  const bool limited = attrs.Has("limit");
  const auto limit = static_cast<Number>(limited ? attrs.Float("limit") : 0);
  return [alpha = static_cast<Number>(attrs.Float("alpha")), limited, limit](auto dy, auto x) {
    using T = decltype(x);
    const bool past = limited & (x >= static_cast<T>(limit));
    const T upper = past ? T{0} : dy;
    const T lower = alpha == 0 ? T{0} : static_cast<T>(alpha) * dy;
    return x <= 0 ? lower : upper;
  };
}

// Of float32 where nothing broadcasts.
absl::StatusOr<std::unique_ptr<Kernel>> PrepareReluGrad(const PrepareContext& context) {
  const Shape& shape = context.outputs[0].shape;
  if (context.inputs[0].dtype != DType::kFloat32 || context.inputs[0].shape != shape ||
      context.inputs[1].shape != shape) {
    return nullptr;
  }
  ReluSlopes slopes{.alpha = static_cast<float>(context.attrs.Float("alpha"))};
  slopes.limited = context.attrs.Has("limit");
  if (slopes.limited) slopes.limit = static_cast<float>(context.attrs.Float("limit"));
  return MakeComputeKernel(
      [slopes, count = shape.num_elements(), threads = context.threads](KernelContext& run) {
        const float *const dy = run.input<float>(0).data(), *const x = run.input<float>(1).data();
        float* const dx = run.output<float>(0).data();
        ParallelParts(threads, [&](int part, int parts) {
          const int64_t begin = count * part / parts, end = count * (part + 1) / parts;
          ReluGradOfRow(slopes, dy + begin, x + begin, dx + begin, end - begin);
        });
        return absl::OkStatus();
      },
      "vector loop");
}

absl::StatusOr<std::vector<Value>> ReluGradGradient(const GradientContext& g) {
  return std::vector<Value>{Call("nn.ReluGrad", {g.gradient(0), g.input(1)}, g.attrs()), Value()};
}

OpDef ReluGrad() {
  return GradOp("nn.ReluGrad", "x",
                [](const Attributes& attrs) { return ReluSlope<double>(attrs); })
      .Doc(
          "The gradient of nn.Relu and its kin: dx = dy where 0 < x < limit, alpha dy where x <= "
          "0, and 0 where x >= limit. x may also be their result, where it has x's sign.")
      .Attr("alpha", 0.0, "the slope below 0")
      .OptionalAttr("limit", AttrType::kFloat,
                    "from where on the activation rises no more; absent: "
                    "it always rises")
      .Gradient(ReluGradGradient)
      .Fast(PrepareReluGrad)
      .Fast(FastElementwise(FastTypes{},
                            [](const Attributes& attrs) { return ReluSlope<float>(attrs); }))
      .Examples(
          ExampleTable()
              .Rows(kFloats, {{3, 2, 3}, {3, -2, 0}, {3, 0, 0}, {-1, kInf, -1}})
              .Rows(kFloats, {{3, 2, 3}, {3, -2, 0.75}}, {{"alpha", 0.25}})
              .Rows(kFloats, {{3, 2, 3}, {3, -2, 0}, {3, 6, 0}, {3, 7, 0}}, {{"limit", 6.0}}));
}

// --- SigmoidGrad ------------------------------------------------------------------------------

OpDef SigmoidGrad() {
  return GradOp("nn.SigmoidGrad", "y", [](auto dy, auto y) { return dy * y * (1 - y); })
      .Doc("The gradient of nn.Sigmoid from its result: dx = dy y (1 - y).")
      .Gradient(SecondDerivative([](const Value& y, const Attributes&) { return 1 - 2 * y; }))
      .Fast(FastElementwise(FastTypes{}, [](float dy, float y) { return dy * y * (1.0f - y); }))
      .Examples(ExampleTable().Rows(kFloats, {{2, 0.5, 0.5}, {-1, 0.25, -0.1875}, {5, 1, 0}}));
}

// --- GeluGrad ---------------------------------------------------------------------------------

bool UsesTanh(const Attributes& attrs) { return attrs.String("approximate") == "tanh"; }

const double kDensity = 1 / std::sqrt(2 * std::numbers::pi);
const double kTanhFactor = std::sqrt(2 / std::numbers::pi);

double ExactGeluSlope(double x) {
  const double density = std::isinf(x) ? 0 : x * kDensity * exact::Exp(-0.5 * x * x);
  return 0.5 * exact::Erfc(-x / std::numbers::sqrt2) + density;
}

// y = x s with s = sigmoid(2 u).
double TanhGeluSlope(double x) {
  const double u = kTanhFactor * (x + 0.044715 * x * x * x);
  const double s = Sigmoid(2 * u), bend = s * (1 - s);
  return bend == 0 ? s : s + x * bend * 2 * kTanhFactor * (1 + 3 * 0.044715 * x * x);
}

Value GeluSecond(const Value& x, const Attributes& attrs) {
  const Value square = x * x;
  if (!UsesTanh(attrs)) return Call("math.Exp", {square * -0.5}) * (2 - square) * kDensity;
  const Value twice_u = x * (1 + 0.044715 * square) * (2 * kTanhFactor);
  const Value first = (1 + 3 * 0.044715 * square) * (2 * kTanhFactor);  // of 2 u
  const Value second = x * (6 * 0.044715 * 2 * kTanhFactor);
  const Value s = SigmoidOf(twice_u), bend = s * (1 - s);
  return bend * (2 * first + x * (second + first * first * (1 - 2 * s)));
}

OpDef GeluGrad() {
  return GradOp("nn.GeluGrad", "x",
                [](const Attributes& attrs) {
                  return [tanh = UsesTanh(attrs)](auto dy, auto x) {
                    return dy * (tanh ? TanhGeluSlope(x) : ExactGeluSlope(x));
                  };
                })
      .Doc(
          "The gradient of nn.Gelu: dx = dy (Phi(x) + x phi(x)), phi being the density of the "
          "standard normal distribution; or what follows from the approximation.")
      .Attr("approximate", "none", "as nn.Gelu has it")
      .Choices({"none", "tanh"})
      .Gradient(SecondDerivative(GeluSecond))
      .Fast(OneDnnBackward([](const Attributes& attrs) {
        return Eltwise{UsesTanh(attrs) ? dnnl_eltwise_gelu_tanh : dnnl_eltwise_gelu_erf};
      }))
      .Examples(ExampleTable()
                    .Rows(kFloats, {{2.0, 0.0, 1.0},
                                    {-1.5, 0.5, -1.3012426869842444},
                                    {2.0, -0.5, 0.26500975068767424},
                                    {-1.5, 3.0, -1.5179184708062758},
                                    {2.0, -3.0, -0.02389129440836784},
                                    {-1.5, -1.25, 0.18399237460413323},
                                    {2.0, 20.0, 2.0},
                                    {-1.5, -200.0, -0.0}})
                    .Rows(kFloats,
                          {{2.0, 0.0, 1.0},
                           {-1.5, 0.5, -1.3010548553019636},
                           {2.0, -0.5, 0.2652601929307153},
                           {-1.5, 3.0, -1.5173762499464543},
                           {2.0, -3.0, -0.023168333261939296},
                           {-1.5, -1.25, 0.18373894837447297},
                           {2.0, 20.0, 2.0},
                           {-1.5, -200.0, -0.0}},
                          {{"approximate", "tanh"}}));
}

// --- SwishGrad, MishGrad, HardSwishGrad
// -----------------------------------------------------------

Value SwishSecond(const Value& x, const Attributes& attrs) {
  const double alpha = attrs.Float("alpha");
  const Value s = SigmoidOf(x * alpha);
  return s * (1 - s) * alpha * (2 + x * alpha * (1 - 2 * s));
}

OpDef SwishGrad() {
  return GradOp("nn.SwishGrad", "x",
                [](const Attributes& attrs) {
                  return [alpha = attrs.Float("alpha")](auto dy, auto x) {
                    const double s = Sigmoid(alpha * x), bend = s * (1 - s);
                    return dy * (bend == 0 ? s : s + alpha * x * bend);
                  };
                })
      .Doc(
          "The gradient of nn.Swish: dx = dy (s + alpha x s (1 - s)) with s = 1 / (1 + e^(-alpha "
          "x)).")
      .Attr("alpha", 1.0, "as nn.Swish has it")
      .Gradient(SecondDerivative(SwishSecond))
      .Fast(OneDnnBackward([](const Attributes& attrs) {
        return Eltwise{dnnl_eltwise_swish, static_cast<float>(attrs.Float("alpha"))};
      }))
      .Examples(ExampleTable()
                    .Rows(kFloats, {{2.0, 0.0, 1.0},
                                    {-1.5, 0.5, -1.1099417809539778},
                                    {2.0, -0.5, 0.5200776253946964},
                                    {-1.5, 3.0, -1.632156159022754},
                                    {2.0, -3.0, -0.17620821203033923},
                                    {-1.5, -1.25, -0.009478732627031356},
                                    {2.0, 20.0, 2.0000000783238403},
                                    {-1.5, -200.0, 4.130931132309162e-85}})
                    .Rows(kFloats,
                          {{2.0, 0.0, 1.0},
                           {-1.5, 0.5, -1.3915057678072302},
                           {2.0, -0.5, 0.1446589762570265},
                           {-1.5, 3.0, -1.5184896488872874},
                           {2.0, -3.0, -0.024652865183051025},
                           {-1.5, -1.25, 0.14910166701229025}},
                          {{"alpha", 2.0}}));
}

double MishSlope(double x) {
  const double t = exact::Tanh(Softplus(x)), bend = (1 - t * t) * Sigmoid(x);
  return bend == 0 ? t : t + x * bend;
}

// The same with e = e^-|x|, of which nothing overflows: where x < 0, t = e (2 + e) / d and bend = 4
// e (1 + e) / d^2 with d = 2 + 2 e + e^2; above, all of it is divided by e^2x.
float FastMishGrad(float dy, float x) {
  const float e = std::exp(-std::abs(x));
  const bool below = x < 0;
  const float d = below ? 2.0f + (2.0f + e) * e : 1.0f + (2.0f + 2.0f * e) * e;
  const float t = (below ? e * (2.0f + e) : 1.0f + 2.0f * e) / d;
  const float bend = 4.0f * e * (1.0f + e) * (below ? 1.0f : e) / (d * d);
  const float slope = bend == 0 ? t : t + x * bend;
  // Far below 0 the slope is negative, but too small for a float.
  return slope == 0 && std::isinf(dy) && std::isfinite(x) ? -dy : dy * slope;
}

Value MishSecond(const Value& x, const Attributes&) {
  const Value t = Call("math.Tanh", {Call("nn.Softplus", {x})}), s = SigmoidOf(x);
  const Value bend = (1 - t * t) * s;
  return bend * (2 + x * (1 - s - 2 * t * s));
}

OpDef MishGrad() {
  return GradOp("nn.MishGrad", "x", [](auto dy, auto x) { return dy * MishSlope(x); })
      .Doc(
          "The gradient of nn.Mish: dx = dy (t + x (1 - t^2) / (1 + e^-x)) with t = tanh(ln(1 + "
          "e^x)).")
      .Gradient(SecondDerivative(MishSecond))
      // oneDNN's derivative is infinite where x is.
      .Fast(FastElementwise(FastTypes{}, FastMishGrad))
      .Examples(ExampleTable().Rows(kFloats, {{2.0, 0.0, 1.2},
                                              {-1.5, 0.5, -1.329636563036591},
                                              {2.0, -0.5, 0.5790213558270245},
                                              {-1.5, 3.0, -1.5316603663941653},
                                              {2.0, -3.0, -0.18678622906464168},
                                              {-1.5, -1.25, 0.022046343709529202},
                                              {2.0, 20.0, 2.0},
                                              {-1.5, -200.0, 4.1309311323091613e-85}}));
}

OpDef HardSwishGrad() {
  const auto slope = [](auto dy, auto x) {
    using T = decltype(x);
    const T inside = dy * (x / T{3} + T{0.5});
    return x <= T{-3} ? T{0} : x >= T{3} ? dy : inside;
  };
  return GradOp("nn.HardSwishGrad", "x", slope)
      .Doc(
          "The gradient of nn.HardSwish: dx = dy (x / 3 + 1 / 2) where -3 < x < 3, 0 below and dy "
          "above.")
      .Gradient(SecondDerivative([](const Value& x, const Attributes&) {
        return Call("nn.ReluGrad", {OnesLike(x) * (1.0 / 3), x + 3}, {{"limit", 6.0}});
      }))
      .Fast(FastElementwise(FastTypes{}, slope))
      .Examples(ExampleTable().Rows(kFloats, {{2.0, 0.0, 1.0},
                                              {-1.5, 0.5, -1.0},
                                              {2.0, -0.5, 0.6666666666666667},
                                              {-1.5, 2.75, -2.125},
                                              {2.0, -2.75, -0.8333333333333333},
                                              {-1.5, 4.0, -1.5},
                                              {2.0, -4.0, 0.0}}));
}

// --- EluGrad, PReluGrad -----------------------------------------------------------------------

absl::StatusOr<std::vector<Value>> EluGradGradient(const GradientContext& g) {
  const Value dy = g.input(0), x = g.input(1), dx = g.gradient(0);
  std::vector<Value> result(3);
  if (g.wants(0)) result[0] = Call("nn.EluGrad", {dx, x, g.input(2)}, g.attrs());
  if (g.wants(2)) result[2] = Call("nn.ReluGrad", {dx * dy * g.attrs().Float("factor"), -x});
  return result;
}

template <typename Number>  // of the constants
auto EluSlope(const Attributes& attrs) {
  return [above = static_cast<Number>(attrs.Float("above")),
          factor = static_cast<Number>(attrs.Float("factor")),
          offset = static_cast<Number>(attrs.Float("offset"))](auto dy, auto x, auto y) {
    using T = decltype(x);
    // Constants are chosen, not results, so that the loop has no branches; y may be infinite.
    const T slope = x < 0 ? static_cast<T>(factor) : T{0};
    const T rest = static_cast<T>(x < 0 ? offset : above);
    return dy * (slope * std::min(y, std::numeric_limits<T>::max()) + rest);
  };
}

OpDef EluGrad() {
  OpDef op =
      GradOp("nn.EluGrad", "x", [](const Attributes& attrs) { return EluSlope<double>(attrs); })
          .Doc(
              "The gradient of nn.Elu, nn.Selu and nn.Celu, whose derivative below 0 is a "
              "linear function of the result: dx = dy (factor y + offset) where x < 0, dy "
              "above where x >= 0.")
          .Attr("above", 1.0, "the slope from 0 on")
          .Attr("factor", 1.0, "see above")
          .Attr("offset", 1.0, "see above")
          .Gradient(EluGradGradient)
          .Fast(FastElementwise(FastTypes{},
                                [](const Attributes& attrs) { return EluSlope<float>(attrs); }))
          .Examples(ExampleTable()
                        .Rows(kFloats, {{2.0, 0.5, 0.5, 2.0},
                                        {-1.5, -0.5, -0.3934693402873666, -0.9097959895689501},
                                        {2.0, 3.0, 3.0, 2.0},
                                        {-1.5, -3.0, -0.950212931632136, -0.07468060255179591},
                                        {2.0, -1.25, -0.7134952031398099, 0.5730095937203802}})
                        .Rows(kFloats,
                              {{2.0, 0.5, 0.5, 2.0},
                               {-1.5, -0.5, -0.44239843385719024, -1.1682011746071073},
                               {2.0, 3.0, 3.0, 2.0},
                               {-1.5, -3.0, -1.5537396797031404, -0.33469524022264474},
                               {2.0, -1.25, -0.9294771429620194, 1.0705228570379806}},
                              {{"factor", 0.5}}));
  op.inputs[2].name = "y";
  return op;
}

absl::StatusOr<std::vector<Value>> PReluGradGradient(const GradientContext& g) {
  const Value dy = g.input(0), x = g.input(1), slope = g.input(2), dx = g.gradient(0);
  std::vector<Value> result(3);
  if (g.wants(0)) result[0] = Call("nn.PReluGrad", {dx, x, slope});
  if (g.wants(2)) result[2] = SumTo(Call("nn.ReluGrad", {dx * dy, -x}), slope);
  return result;
}

OpDef PReluGrad() {
  const auto slope = [](auto dy, auto x, auto slope) { return x < 0 ? slope * dy : dy; };
  OpDef op = GradOp("nn.PReluGrad", "x", slope)
                 .Doc(
                     "The gradient of nn.PRelu for x: dx = dy where x >= 0, slope dy where x < 0. "
                     "slope broadcasts to x.")
                 .Gradient(PReluGradGradient)
                 .Fast(FastElementwise(FastTypes{}, slope))
                 .Examples(ExampleTable().Rows(kFloats, {{3, 2, 0.25, 3}, {3, -2, 0.25, 0.75}}));
  op.inputs[2].name = "slope";
  return op;
}

}  // namespace

GradientFn GradientFromInput(std::string op) {
  return [op = std::move(op)](const GradientContext& g) -> absl::StatusOr<std::vector<Value>> {
    return std::vector<Value>{Call(op, {g.gradient(0), g.input(0)}, g.attrs())};
  };
}

GradientFn ReluGradient(GradientAttrs attrs) {
  return [attrs =
              std::move(attrs)](const GradientContext& g) -> absl::StatusOr<std::vector<Value>> {
    return std::vector<Value>{Call("nn.ReluGrad", {g.gradient(0), g.input(0)}, attrs(g.attrs()))};
  };
}

GradientFn EluGradient(GradientAttrs attrs) {
  return
      [attrs = std::move(attrs)](const GradientContext& g) -> absl::StatusOr<std::vector<Value>> {
        return std::vector<Value>{
            Call("nn.EluGrad", {g.gradient(0), g.input(0), g.output(0)}, attrs(g.attrs()))};
      };
}

NOMO_REGISTER_OP(ReluGrad());
NOMO_REGISTER_OP(SigmoidGrad());
NOMO_REGISTER_OP(GeluGrad());
NOMO_REGISTER_OP(SwishGrad());
NOMO_REGISTER_OP(MishGrad());
NOMO_REGISTER_OP(HardSwishGrad());
NOMO_REGISTER_OP(EluGrad());
NOMO_REGISTER_OP(PReluGrad());

}  // namespace nomograph::nn
