// train.RmspropUpdate, train.AdagradUpdate, train.AdadeltaUpdate, train.FtrlUpdate: steps whose
// length each element has from the squares of its gradients.
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/train/update_op.h"

namespace nomograph::train {
namespace {

absl::StatusOr<UpdatePlan> PlanRmsprop(const KernelContext& context, double learning_rate, double) {
  const Attributes& attrs = context.attrs();
  const double rho = attrs.Float("rho");
  const bool centered = attrs.Has("mean"), momentum = attrs.Has("momentum_slot");
  UpdatePlan plan{UpdateRule::kRmsprop,
                  {"v"},
                  {learning_rate, rho, 1 - rho, attrs.Float("epsilon"), attrs.Float("momentum")}};
  if (centered) plan.slots.push_back("mean");
  if (momentum) plan.slots.push_back("momentum_slot");
  if (centered) plan.rule = UpdateRule::kCentered;
  if (momentum) plan.rule = centered ? UpdateRule::kCenteredMomentum : UpdateRule::kRmspropMomentum;
  return plan;
}

absl::StatusOr<UpdatePlan> PlanAdagrad(const KernelContext& context, double learning_rate, double) {
  return UpdatePlan{
      UpdateRule::kAdagrad, {"accumulator"}, {learning_rate, context.attrs().Float("epsilon")}};
}

absl::StatusOr<UpdatePlan> PlanAdadelta(const KernelContext& context, double learning_rate,
                                        double) {
  const double rho = context.attrs().Float("rho");
  return UpdatePlan{UpdateRule::kAdadelta,
                    {"accumulated_gradient", "accumulated_delta"},
                    {learning_rate, rho, 1 - rho, context.attrs().Float("epsilon")}};
}

absl::StatusOr<UpdatePlan> PlanFtrl(const KernelContext& context, double learning_rate, double) {
  const Attributes& attrs = context.attrs();
  if (learning_rate == 0) {
    return InvalidArgument(
        "the learning rate: expected a number other than 0, by which FTRL "
        "divides");
  }
  return UpdatePlan{
      UpdateRule::kFtrl,
      {"accumulator", "linear"},
      {learning_rate, 2 * attrs.Float("l2_shrinkage_regularization_strength"),
       attrs.Float("l1_regularization_strength"),
       2 * attrs.Float("l2_regularization_strength") + attrs.Float("beta") / learning_rate}};
}

const std::vector<double> kWeight = {1, -0.5, 0.25, 2, 0.75};
const std::vector<double> kSigned = {0.1, 0.2, -0.3, 0.4, 0.5}, kSquares = {0.3, 0.7, 0.4, 0.25, 2};

std::vector<Example> RmspropExamples() {
  const std::vector<double> v = {0.295, 0.73, 0.36, 0.2265625, 2.7};
  const std::vector<double> mean = {0.14, 0.08, -0.27, 0.3725, 0.15};
  return UpdateExamples({
      {.name = "plain",
       .attrs = {{"v", "v"}},
       .variables = {{"w",
                      kWeight,
                      {0.9079425538131234, -0.3829588608203855, 0.25, 1.973738719223648,
                       0.9325741824540521}},
                     {"v", kSquares, v}}},
      {.name = "centered",
       .attrs = {{"v", "v"}, {"mean", "a"}},
       .variables = {{"w",
                      kWeight,
                      {0.9047230255520858, -0.3824424054800063, 0.25, 1.957816068724977,
                       0.9333396959819319}},
                     {"v", kSquares, v},
                     {"a", kSigned, mean}}},
      {.name = "momentum",
       .attrs = {{"v", "v"}, {"momentum", 0.8}, {"momentum_slot", "s"}},
       .variables = {{"w",
                      kWeight,
                      {0.8279425538131233, -0.5429588608203856, 0.49, 1.653738719223648,
                       0.5325741824540521}},
                     {"v", kSquares, v},
                     {"s",
                      kSigned,
                      {0.1720574461868767, 0.04295886082038557, -0.24, 0.3462612807763522,
                       0.2174258175459479}}}},
      {.name = "centered, momentum",
       .attrs = {{"v", "v"}, {"mean", "a"}, {"momentum", 0.8}, {"momentum_slot", "s"}},
       .variables = {{"w",
                      kWeight,
                      {0.1047230255520858, 0.01755759451999372, 0.05, 0.357816068724977,
                       0.3333396959819318}},
                     {"v", kSquares, v},
                     {"a", kSigned, mean},
                     {"s",
                      kWeight,
                      {0.8952769744479142, -0.5175575945199937, 0.2, 1.642183931275023,
                       0.4166603040180682}}}},
  });
}

std::vector<Example> AdagradExamples() {
  return UpdateExamples({
      {.name = "a step",
       .attrs = {{"accumulator", "a"}},
       .variables = {{"w",
                      kWeight,
                      {0.9325800198827646, -0.4233035033710422, 0.25, 1.975746442061742,
                       0.8404534029621773}},
                     {"a", kSquares, {0.55, 1.7, 0.4, 0.265625, 11}}}},
  });
}

std::vector<Example> AdadeltaExamples() {
  return UpdateExamples({
      {.name = "a step",
       .attrs = {{"accumulated_gradient", "g"}, {"accumulated_delta", "d"}},
       .variables = {{"w",
                      kWeight,
                      {0.9710114385951321, -0.4471114019415632, 0.25, 1.983804474770386,
                       0.8883796920980515}},
                     {"g", kSquares, {0.2975, 0.715, 0.38, 0.23828125, 2.35}},
                     {"d",
                      {0.1, 0.2, 0.3, 0.4, 0.5},
                      {0.09920168346161901, 0.2039860190229344, 0.285, 0.3813114751873153,
                       0.5707446959257576}}}},
  });
}

std::vector<Example> FtrlExamples() {
  const std::vector<double> sums = {0.55, 1.7, 0.4, 0.265625, 11};
  return UpdateExamples({
      {.name = "without penalties",
       .attrs = {{"accumulator", "a"}, {"linear", "l"}},
       .variables = {{"w",
                      kWeight,
                      {0.1805470706284147, -0.1177983269323364, 0.04743416490252569,
                       -0.04214996280592363, 0.5055767616110253}},
                     {"a", kSquares, sums},
                     {"l",
                      kSigned,
                      {-1.338972912044003, 1.535902272532271, -0.3, 0.2172359359558486,
                       -16.76808420986729}}}},
      {.name = "with all penalties",
       .attrs = {{"accumulator", "a"},
                 {"linear", "l"},
                 {"l1_regularization_strength", 0.25},
                 {"l2_regularization_strength", 0.5},
                 {"l2_shrinkage_regularization_strength", 0.125},
                 {"beta", 0.2}},
       .variables = {{"w",
                      kWeight,
                      {0.08054501967136884, -0.0723826519068223, 0, -0.05730226830863028,
                       0.4515421188677554}},
                     {"a", kSquares, sums},
                     {"l",
                      kSigned,
                      {-1.088972912044003, 1.410902272532271, -0.2375, 0.7172359359558484,
                       -16.58058420986729}}}},
  });
}

NOMO_REGISTER_OP(
    UpdateOp("train.RmspropUpdate", PlanRmsprop)
        .Doc("A step of RMSprop: v = rho v + (1 - rho) g², d = "
             "learning_rate g / sqrt(v + epsilon), w -= d. Where mean is named: mean = rho mean + "
             "(1 - rho) g, and v - mean² stands for v. With momentum: s = momentum s + d, w -= s.")
        .Source("T. Tieleman and G. Hinton, 2012; Keras RMSprop")
        .RequiredAttr("v", AttrType::kString, "the name of the variable v, from 0")
        .OptionalAttr("mean", AttrType::kString,
                      "the name of the variable of the mean gradient, from 0: centered")
        .OptionalAttr("momentum_slot", AttrType::kString,
                      "the name of the variable s, from 0; absent: no momentum")
        .Attr("rho", 0.9, "what remains of v and mean from step to step")
        .Min(0)
        .Max(1)
        .Attr("momentum", 0.0, "what remains of s from step to step")
        .Min(0)
        .Max(1)
        .Attr("epsilon", 1e-7, "keeps the divisor from 0")
        .Min(0)
        .Examples(RmspropExamples));

NOMO_REGISTER_OP(UpdateOp("train.AdagradUpdate", PlanAdagrad)
                     .Doc("A step of Adagrad: a += g², w -= learning_rate g / "
                          "sqrt(a + epsilon).")
                     .Source("J. Duchi et al., JMLR 12, 2011; Keras Adagrad")
                     .RequiredAttr("accumulator", AttrType::kString,
                                   "the name of the variable a, from 0.1")
                     .Attr("epsilon", 1e-7, "keeps the divisor from 0")
                     .Min(0)
                     .Examples(AdagradExamples));

NOMO_REGISTER_OP(
    UpdateOp("train.AdadeltaUpdate", PlanAdadelta)
        .Doc("A step of Adadelta: v = rho v + (1 - rho) g², d = g sqrt(u + "
             "epsilon) / sqrt(v + epsilon), u = rho u + (1 - rho) d², w -= learning_rate d.")
        .Source("M. Zeiler, 2012; Keras Adadelta")
        .RequiredAttr("accumulated_gradient", AttrType::kString,
                      "the name of the variable v, from 0")
        .RequiredAttr("accumulated_delta", AttrType::kString, "the name of the variable u, from 0")
        .Attr("rho", 0.95, "what remains of v and u from step to step")
        .Min(0)
        .Max(1)
        .Attr("epsilon", 1e-7, "keeps the roots from 0")
        .Min(0)
        .Examples(AdadeltaExamples));

NOMO_REGISTER_OP(
    UpdateOp("train.FtrlUpdate", PlanFtrl)
        .Doc("A step of FTRL-Proximal, where r is the learning rate: l += g + 2 l2_shrinkage w - "
             "(sqrt(a + g²) - sqrt(a)) / "
             "r w, a += g², w = (clip(l, -l1, l1) - l) / (sqrt(a) / r + 2 l2 + beta / r). "
             "Sufficiently weak weights become 0.")
        .Source("H. McMahan et al., \"Ad Click Prediction\", KDD 2013; Keras Ftrl, with the "
                "learning_rate_power -0.5")
        .RequiredAttr("accumulator", AttrType::kString, "the name of the variable a, from 0.1")
        .RequiredAttr("linear", AttrType::kString, "the name of the variable l, from 0")
        .Attr("l1_regularization_strength", 0.0, "l1")
        .Min(0)
        .Attr("l2_regularization_strength", 0.0, "l2")
        .Min(0)
        .Attr("l2_shrinkage_regularization_strength", 0.0,
              "l2_shrinkage: a penalty on the size of weights that the gradient has, too")
        .Min(0)
        .Attr("beta", 0.0, "what is added to the root of a")
        .Min(0)
        .Examples(FtrlExamples));

}  // namespace
}  // namespace nomograph::train
