// train.ScheduleFreeAdamWUpdate: Adam's steps of a point z, of which x is the mean; the weight,
// where gradients are taken, lies between them (A. Defazio et al., "The Road Less Scheduled",
// NeurIPS 2024).
#include <algorithm>

#include "nomograph/core/numeric/exact_math.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/train/update_op.h"

namespace nomograph::train {
namespace {

absl::StatusOr<UpdatePlan> Plan(const KernelContext& context, double learning_rate, double step) {
  const Attributes& attrs = context.attrs();
  const double beta_2 = attrs.Float("beta_2");
  const auto warmup = static_cast<double>(attrs.Int("warmup_steps"));
  const double part = warmup > 0 ? std::min(step / warmup, 1.0) : 1;
  return UpdatePlan{UpdateRule::kScheduleFree,
                    {"z", "v", "x"},
                    {learning_rate * part, 1 - beta_2, 1 / (1 - exact::Pow(beta_2, step)),
                     attrs.Float("epsilon"), 1 / step, attrs.Float("beta_1")}};
}

// From NumPy, by Keras' formula in float64.
std::vector<Example> Examples() {
  const std::vector<double> w = {1, -0.5, 0.25, 2, 0.75}, z = {1.1, -0.25, 0.5, 1.5, 0.5},
                            v = {0.3, 0.7, 0.4, 0.25, 2}, x = {0, 0, 0, 0, 0};
  return UpdateExamples({
      {.name = "the third step",
       .attrs = {{"z", "z"}, {"v", "v"}, {"x", "x"}},
       .iteration = 2,
       .variables = {{"w",
                      w,
                      {1.0313341666477907, -0.4140499218546906, 0.3333333333333333,
                       1.8327856278177121, 0.6713038151624259}},
                     {"z",
                      z,
                      {1.0950020832861431, -0.2434581379700597, 0.5, 1.4986307362109468,
                       0.511592871239398}},
                     {"v", v, {0.29995, 0.7002999999999999, 0.3996, 0.249765625, 2.007}},
                     {"x",
                      x,
                      {1.0242599536879737, -0.43300456450853847, 0.3148148148148148,
                       1.8699139491073529, 0.6890494755983179}}}},
      {.name = "with warmup and weight decay",
       .attrs = {{"z", "z"}, {"v", "v"}, {"x", "x"}, {"warmup_steps", 10}, {"weight_decay", 0.5}},
       .iteration = 2,
       .variables = {{"w",
                      w,
                      {0.9994002499943373, -0.39921497655640714, 0.325, 1.7665023550119805,
                       0.6430578112153945}},
                     {"z",
                      z,
                      {1.098500624985843, -0.2480374413910179, 0.5, 1.499589220863284,
                       0.5034778613718194}},
                     {"v", v, {0.29995, 0.7002999999999999, 0.3996, 0.249765625, 2.007}},
                     {"x",
                      x,
                      {0.9883890972175033, -0.4160124804636726, 0.3055555555555556,
                       1.7961593699173912, 0.6585666945313473}}}},
  });
}

OpDef Op() {
  OpDef op = UpdateOp("train.ScheduleFreeAdamWUpdate", Plan);
  op.RequiredAttr("z", AttrType::kString, "the name of the variable z, from the weight's value");
  op.RequiredAttr("v", AttrType::kString, "the name of the variable v, from 0");
  op.RequiredAttr("x", AttrType::kString,
                  "the name of the variable x, which is written and not read: what the model's "
                  "weight is when it is used");
  op.Attr("beta_1", 0.9, "how near the weight is to x").Min(1e-6).Max(1);
  op.Attr("beta_2", 0.999, "what remains of the measure of size").Min(0).Max(1);
  op.Attr("epsilon", 1e-8, "keeps the divisor from 0").Min(0);
  op.Attr("warmup_steps", 0, "in which the learning rate grows to its value").Min(0);
  return op;
}

NOMO_REGISTER_OP(
    Op().Doc("A step of Schedule-Free AdamW, t from 1: v += (1 - beta_2) (g² - v), x = (w - (1 - "
             "beta_1) z) / beta_1, z -= learning_rate g / (sqrt(v / (1 - beta_2^t)) + epsilon), x "
             "+= (z - x) / t, w = (1 - beta_1) z + beta_1 x.")
        .Source("Keras ScheduleFreeAdamW")
        .Examples(Examples));

}  // namespace
}  // namespace nomograph::train
