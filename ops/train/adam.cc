// train.AdamUpdate, train.AdamaxUpdate, train.NadamUpdate: steps along a mean of the gradients,
// divided by a measure of their size (D. Kingma and J. Ba, "Adam", ICLR 2015).
#include <cmath>

#include "nomograph/core/numeric/exact_math.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/ops/train/update_op.h"

namespace nomograph::train {
namespace {

struct Betas {
  double beta_1, beta_2, epsilon;
  explicit Betas(const Attributes& attrs)
      : beta_1(attrs.Float("beta_1")),
        beta_2(attrs.Float("beta_2")),
        epsilon(attrs.Float("epsilon")) {}
};

absl::StatusOr<UpdatePlan> PlanAdam(const KernelContext& context, double learning_rate,
                                    double step) {
  const Betas b(context.attrs());
  const double correction =
      std::sqrt(1 - exact::Pow(b.beta_2, step)) / (1 - exact::Pow(b.beta_1, step));
  UpdatePlan plan{UpdateRule::kAdam,
                  {"m", "v"},
                  {learning_rate * correction, 1 - b.beta_1, 1 - b.beta_2, b.epsilon}};
  if (context.attrs().Has("v_max")) {
    plan.rule = UpdateRule::kAmsgrad;
    plan.slots.push_back("v_max");
  }
  return plan;
}

absl::StatusOr<UpdatePlan> PlanAdamax(const KernelContext& context, double learning_rate,
                                      double step) {
  const Betas b(context.attrs());
  return UpdatePlan{
      UpdateRule::kAdamax,
      {"m", "u"},
      {learning_rate / (1 - exact::Pow(b.beta_1, step)), 1 - b.beta_1, b.beta_2, b.epsilon}};
}

// The momentum of step t is beta_1 (1 - 0.96^t / 2), and the bias is corrected by the product of
// them all, which is a variable.
absl::StatusOr<UpdatePlan> PlanNadam(const KernelContext& context, double learning_rate,
                                     double step) {
  const Betas b(context.attrs());
  const auto momentum = [&](double t) { return b.beta_1 * (1 - 0.5 * exact::Pow(0.96, t)); };
  const std::string& name = context.attrs().String("u_product");
  NOMO_ASSIGN_OR_RETURN(Tensor product, context.run().variables->Edit(name));
  if (product.type() != TensorType{DType::kFloat64, Shape{}}) {
    return InvalidArgument("variable ", Quoted(name), ": expected float64[], found ",
                           product.type().ToString());
  }
  const double now = product.mutable_data<double>()[0] *= momentum(step);
  const double next = momentum(step + 1);
  return UpdatePlan{
      UpdateRule::kNadam,
      {"m", "v"},
      {learning_rate * next / (1 - now * next), 1 - b.beta_1, 1 - b.beta_2, b.epsilon,
       learning_rate * (1 - momentum(step)) / (1 - now), 1 / (1 - exact::Pow(b.beta_2, step))}};
}

const std::vector<double> kWeight = {1, -0.5, 0.25, 2, 0.75};
const std::vector<double> kM = {0.1, 0.2, -0.3, 0.4, 0.5}, kV = {0.3, 0.7, 0.4, 0.25, 2};
const std::vector<double> kMAfter = {0.14, 0.08, -0.27, 0.3725, 0.15};
const std::vector<double> kVAfter = {0.29995, 0.7003, 0.3996, 0.249765625, 2.007};

std::vector<Example> AdamExamples() {
  return UpdateExamples({
      {.name = "the third step",
       .attrs = {{"m", "m"}, {"v", "v"}},
       .iteration = 2,
       .variables = {{"w",
                      kWeight,
                      {0.9948361017499625, -0.5019311767535012, 0.2586282974554309,
                       1.98494315395061, 0.7478610940174227}},
                     {"m", kM, kMAfter},
                     {"v", kV, kVAfter}}},
      {.name = "amsgrad",
       .attrs = {{"m", "m"}, {"v", "v"}, {"v_max", "x"}},
       .iteration = 2,
       .variables = {{"w",
                      kWeight,
                      {0.9971718519186693, -0.5019311767535012, 0.2586282974554309,
                       1.996237552810822, 0.7478610940174227}},
                     {"m", kM, kMAfter},
                     {"v", kV, kVAfter},
                     {"x", {1, 0.25, 0.0625, 4, 0.5625}, {1, 0.7003, 0.3996, 4, 2.007}}}},
  });
}

std::vector<Example> AdamaxExamples() {
  return UpdateExamples({
      {.name = "the third step",
       .attrs = {{"m", "m"}, {"u", "u"}},
       .iteration = 2,
       .variables = {{"w",
                      kWeight,
                      {0.8966789874538703, -0.5295202922509228, 0.4993267551984175,
                       1.449634356347623, 0.7315498161131611}},
                     {"m", kM, kMAfter},
                     {"u", kV, {0.5, 1, 0.3996, 0.24975, 3}}}},
  });
}

std::vector<Example> NadamExamples() {
  return UpdateExamples({
      {.name = "the third step",
       .attrs = {{"m", "m"}, {"v", "v"}, {"u_product", "p"}},
       .iteration = 2,
       .variables = {{"w",
                      kWeight,
                      {0.9964682739383774, -0.4966635548240373, 0.2512771172843995,
                       1.997013187370479, 0.7561024877159149}},
                     {"m", kM, kMAfter},
                     {"v", kV, kVAfter},
                     {"p", {0.2}, {0.10037376}}}},
  });
}

// Those that the three share.
OpDef WithBetas(OpDef op) {
  op.RequiredAttr("m", AttrType::kString, "the name of the variable m, from 0");
  op.Attr("beta_1", 0.9, "what remains of m from step to step").Min(0).Max(1);
  op.Attr("beta_2", 0.999, "what remains of the measure of size").Min(0).Max(1);
  op.Attr("epsilon", 1e-7, "keeps the divisor from 0").Min(0);
  return op;
}

NOMO_REGISTER_OP(
    WithBetas(UpdateOp("train.AdamUpdate", PlanAdam))
        .Doc("A step of Adam: m += (1 - beta_1) (g - m), v += (1 - beta_2) (g² - v), w -= a m / "
             "(sqrt(v) + epsilon), where a = learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t) in "
             "step t from 1. Where v_max is named, the greatest v that there was stands for v "
             "(S. Reddi et al., \"On the Convergence of Adam and Beyond\", ICLR 2018).")
        .Source("Keras Adam, AdamW")
        .RequiredAttr("v", AttrType::kString, "the name of the variable v, from 0")
        .OptionalAttr("v_max", AttrType::kString,
                      "the name of the variable of the greatest v, from 0: AMSGrad")
        .Examples(AdamExamples));

NOMO_REGISTER_OP(
    WithBetas(UpdateOp("train.AdamaxUpdate", PlanAdamax))
        .Doc("A step of Adamax: m += (1 - beta_1) (g - m), u = max(beta_2 u, |g|), w -= "
             "learning_rate / (1 - beta_1^t) m / (u + epsilon) in step t from 1.")
        .Source("Keras Adamax")
        .RequiredAttr("u", AttrType::kString, "the name of the variable u, from 0")
        .Examples(AdamaxExamples));

NOMO_REGISTER_OP(
    WithBetas(UpdateOp("train.NadamUpdate", PlanNadam))
        .Doc("A step of Nadam: m and v as train.AdamUpdate has them; with b(t) = beta_1 (1 - "
             "0.96^t / 2) and p the "
             "product of b(1) to b(t), w -= learning_rate (b(t+1) m / (1 - p b(t+1)) + (1 - b(t)) "
             "g / (1 - p)) / (sqrt(v / (1 - beta_2^t)) + epsilon).")
        .Source("T. Dozat, \"Incorporating Nesterov Momentum into Adam\", 2016; Keras Nadam")
        .RequiredAttr("v", AttrType::kString, "the name of the variable v, from 0")
        .RequiredAttr("u_product", AttrType::kString,
                      "the name of the variable p, a scalar float64, from 1")
        .Examples(NadamExamples));

}  // namespace
}  // namespace nomograph::train
