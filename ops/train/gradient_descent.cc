// train.SgdUpdate, train.LionUpdate: steps along the gradient, or its sign.
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/train/update_op.h"

namespace nomograph::train {
namespace {

absl::StatusOr<UpdatePlan> PlanSgd(const KernelContext& context, double learning_rate, double) {
  const Attributes& attrs = context.attrs();
  if (!attrs.Has("momentum_slot")) return UpdatePlan{UpdateRule::kSgd, {}, {learning_rate}};
  return UpdatePlan{attrs.Bool("nesterov") ? UpdateRule::kNesterov : UpdateRule::kMomentum,
                    {"momentum_slot"},
                    {learning_rate, attrs.Float("momentum")}};
}

absl::StatusOr<UpdatePlan> PlanLion(const KernelContext& context, double learning_rate, double) {
  const double beta_1 = context.attrs().Float("beta_1"), beta_2 = context.attrs().Float("beta_2");
  return UpdatePlan{
      UpdateRule::kLion, {"m"}, {learning_rate, beta_1, 1 - beta_1, beta_2, 1 - beta_2}};
}

const std::vector<double> kWeight = {1, -0.5, 0.25, 2, 0.75};
const std::vector<double> kSlot = {0.1, 0.2, -0.3, 0.4, 0.5};

std::vector<Example> SgdExamples() {
  const std::vector<double> slot = {0.04, 0.28, -0.27, 0.3475, 0.75};
  const Attributes momentum = {{"momentum", 0.9}, {"momentum_slot", "s"}};
  Attributes nesterov = momentum;
  nesterov.Set("nesterov", true);
  return UpdateExamples({
      {.name = "plain", .variables = {{"w", kWeight, {0.95, -0.4, 0.25, 1.9875, 1.05}}}},
      {.name = "weight decay",
       .attrs = {{"weight_decay", 0.5}},
       .variables = {{"w", kWeight, {0.9, -0.375, 0.2375, 1.8875, 1.0125}}}},
      {.name = "momentum",
       .attrs = momentum,
       .variables = {{"w", kWeight, {1.04, -0.22, -0.02, 2.3475, 1.5}}, {"s", kSlot, slot}}},
      {.name = "nesterov",
       .attrs = nesterov,
       .variables = {{"w", kWeight, {0.986, -0.148, 0.007, 2.30025, 1.725}}, {"s", kSlot, slot}}},
  });
}

std::vector<Example> LionExamples() {
  return UpdateExamples({
      {.name = "a step",
       .attrs = {{"m", "s"}},
       .variables = {{"w", kWeight, {0.9, -0.6, 0.35, 1.9, 0.65}},
                     {"s", kSlot, {0.104, 0.188, -0.297, 0.39725, 0.465}}}},
  });
}

NOMO_REGISTER_OP(
    UpdateOp("train.SgdUpdate", PlanSgd)
        .Doc("A step of gradient descent: w -= learning_rate g. With momentum: s = momentum s - "
             "learning_rate g, then w += s, or with Nesterov's w += momentum s - learning_rate g.")
        .Source("Keras SGD; torch.optim.SGD")
        .OptionalAttr("momentum_slot", AttrType::kString,
                      "the name of the variable s, from 0; absent: no momentum")
        .Attr("momentum", 0.0, "what remains of s from step to step")
        .Min(0)
        .Max(1)
        .Attr("nesterov", false, "whether the step looks ahead (Y. Nesterov, 1983)")
        .Examples(SgdExamples));

NOMO_REGISTER_OP(
    UpdateOp("train.LionUpdate", PlanLion)
        .Doc("A step of Lion: w -= learning_rate sign(beta_1 m + (1 - beta_1) g), then m = beta_2 "
             "m + (1 - beta_2) g.")
        .Source(
            "X. Chen et al., \"Symbolic Discovery of Optimization Algorithms\", 2023; Keras Lion")
        .RequiredAttr("m", AttrType::kString, "the name of the variable m, from 0")
        .Attr("beta_1", 0.9, "the share of m in the direction")
        .Min(0)
        .Max(1)
        .Attr("beta_2", 0.99, "what remains of m from step to step")
        .Min(0)
        .Max(1)
        .Examples(LionExamples));

}  // namespace
}  // namespace nomograph::train
