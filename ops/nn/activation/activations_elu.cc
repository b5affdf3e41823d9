// Elu, Selu, Celu.
#include <cmath>

#include "nomograph/core/numeric/exact_math.h"
#include "nomograph/core/onednn/onednn.h"
#include "nomograph/core/op/elementwise.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/nn/activation/activation_gradients.h"

namespace nomograph::nn {
namespace {

std::optional<Eltwise> EluFunction(const Attributes& attrs) {
  return Eltwise{AlgorithmOf(Elementary::kElu), static_cast<float>(attrs.Float("alpha")), 1};
}

std::optional<Eltwise> SeluFunction(const Attributes& attrs) {
  const double gamma = attrs.Float("gamma");
  return Eltwise{AlgorithmOf(Elementary::kElu), static_cast<float>(gamma * attrs.Float("alpha")),
                 static_cast<float>(gamma)};
}

std::optional<Eltwise> CeluFunction(const Attributes& attrs) {
  const double alpha = attrs.Float("alpha");
  return Eltwise{AlgorithmOf(Elementary::kCelu), static_cast<float>(alpha),
                 static_cast<float>(1 / alpha)};
}

OpDef Elu() {
  return ElementwiseOp("nn.Elu", FloatTypes{},
                       [](const Attributes& attrs) {
                         return [alpha = attrs.Float("alpha")](auto x) {
                           return x < 0 ? alpha * exact::Expm1(x) : x;
                         };
                       })
      .Doc("y = x where x >= 0, alpha * (e^x - 1) where x < 0.")
      .Source("ONNX Elu; Keras ELU; Clevert et al., Exponential Linear Units, 2015")
      .Known(
          {.as = "python",
           .name = "{keras.backend,keras.ops,keras.activations,tf.nn}.elu(x|features,alpha=alpha)"})
      .Known({.as = "onnx", .name = "Elu"})
      .Attr("alpha", 1.0, "what -y approaches as x falls")
      .Fast(OneDnnEltwise(EluFunction))
      .AsPostOp(EltwisePostOp(EluFunction))
      .Gradient(EluGradient([](const Attributes& attrs) {
        return Attributes{{"offset", attrs.Float("alpha")}};
      }))
      .Examples(ExampleTable()
                    .Rows(kFloats, {{0, 0},
                                    {0.5, 0.5},
                                    {-0.5, -0.3934693402873666},
                                    {3, 3},
                                    {-3, -0.950212931632136},
                                    {-20, -0.9999999979388464},
                                    {kInf, kInf},
                                    {-kInf, -1},
                                    {kNaN, kNaN}})
                    .Rows(kFloats, {{-1, -1.2642411176571153}, {1, 1}}, {{"alpha", 2.0}}));
}

OpDef Selu() {
  return ElementwiseOp("nn.Selu", FloatTypes{},
                       [](const Attributes& attrs) {
                         return
                             [alpha = attrs.Float("alpha"), gamma = attrs.Float("gamma")](auto x) {
                               return gamma * (x < 0 ? alpha * exact::Expm1(x) : x);
                             };
                       })
      .Doc(
          "y = gamma * x where x >= 0, gamma * alpha * (e^x - 1) where x < 0. With the defaults, "
          "layers keep a mean of 0 and a variance of 1.")
      .Source(
          "ONNX Selu; Keras activation selu; Klambauer et al., Self-Normalizing Neural Networks, "
          "2017")
      .Known({.as = "python", .name = "{keras.ops,keras.activations,tf.nn}.selu(x|features)"})
      .Known({.as = "onnx", .name = "Selu"})
      .Attr("alpha", 1.6732632423543772, "the scale below 0")
      .Attr("gamma", 1.0507009873554805, "the scale of all")
      .Gradient(EluGradient([](const Attributes& attrs) {
        const double gamma = attrs.Float("gamma");
        return Attributes{{"above", gamma}, {"offset", gamma * attrs.Float("alpha")}};
      }))
      .Fast(OneDnnEltwise(SeluFunction))
      .AsPostOp(EltwisePostOp(SeluFunction))
      .Fast(FastElementwise(
          TypeList<float, Half, BFloat16>{},
          [](const Attributes& attrs) {
            const auto gamma = static_cast<float>(attrs.Float("gamma"));
            const auto below = static_cast<float>(attrs.Float("gamma") * attrs.Float("alpha"));
            return [=](float x) { return x < 0 ? below * std::expm1(x) : gamma * x; };
          }))
      .Examples(
          ExampleTable()
              .Rows(kFloats, {{0, 0},
                              {0.5, 0.5253504936777402},
                              {-0.5, -0.6917581878028713},
                              {3, 3.1521029620664414},
                              {-3, -1.6705687287671118},
                              {kInf, kInf},
                              {-kInf, -1.7580993408473766},
                              {kNaN, kNaN}})
              .Rows(kFloats, {{-1, -3.792723352971346}, {1, 3}}, {{"alpha", 2.0}, {"gamma", 3.0}}));
}

absl::StatusOr<std::vector<TensorType>> InferCelu(const InferContext& context) {
  if (context.attrs().Float("alpha") == 0)
    return InvalidArgument("attribute alpha: expected a number other than 0");
  return SameAsInput(context);
}

OpDef Celu() {
  return ElementwiseOp("nn.Celu", FloatTypes{},
                       [](const Attributes& attrs) {
                         return [alpha = attrs.Float("alpha")](auto x) {
                           return x < 0 ? alpha * exact::Expm1(x / alpha) : x;
                         };
                       })
      .Doc(
          "y = x where x >= 0, alpha * (e^(x / alpha) - 1) where x < 0: like Elu, but smooth at 0 "
          "for every alpha.")
      .Source(
          "ONNX Celu; Keras activation celu; Barron, Continuously Differentiable Exponential "
          "Linear Units, 2017")
      .Known({.as = "python", .name = "{keras.ops,keras.activations}.celu(x,alpha=alpha)"})
      .Known({.as = "onnx", .name = "Celu"})
      .Attr("alpha", 1.0, "what -y approaches as x falls; not 0")
      .Infer(InferCelu)
      .Gradient(EluGradient([](const Attributes& attrs) {
        return Attributes{{"factor", 1 / attrs.Float("alpha")}};
      }))
      .Fast(OneDnnEltwise(CeluFunction))
      .AsPostOp(EltwisePostOp(CeluFunction))
      .Fast(FastElementwise(TypeList<float, Half, BFloat16>{},
                            [](const Attributes& attrs) {
                              const auto alpha = static_cast<float>(attrs.Float("alpha"));
                              return [=](float x) {
                                return x < 0 ? alpha * std::expm1(x / alpha) : x;
                              };
                            }))
      .Examples(ExampleTable()
                    .Rows(kFloats, {{0, 0},
                                    {0.5, 0.5},
                                    {-0.5, -0.3934693402873666},
                                    {3, 3},
                                    {-3, -0.950212931632136},
                                    {-20, -0.9999999979388464},
                                    {kInf, kInf},
                                    {-kInf, -1},
                                    {kNaN, kNaN}})
                    .Rows(kFloats, {{-1, -0.7869386805747332}, {1, 1}, {-8, -1.9633687222225316}},
                          {{"alpha", 2.0}}));
}

}  // namespace

NOMO_REGISTER_OP(Elu());
NOMO_REGISTER_OP(Selu());
NOMO_REGISTER_OP(Celu());

}  // namespace nomograph::nn
