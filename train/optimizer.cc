#include "nomograph/train/optimizer.h"

#include <cmath>
#include <utility>

#include "nomograph/core/op/registry.h"
#include "nomograph/core/types/escape.h"

namespace nomograph {
namespace optimizers {

Optimizer SGD(const SgdOptions& o, const OptimizerOptions& common) {
  Optimizer sgd{
      .name = "sgd", .learning_rate = o.learning_rate, .op = "train.SgdUpdate", .options = common};
  if (o.momentum != 0) {
    sgd.attrs = {{"momentum", o.momentum}, {"nesterov", o.nesterov}};
    sgd.slots = {{"momentum_slot"}};
  }
  return sgd;
}

Optimizer Adam(const AdamOptions& o, const OptimizerOptions& common) {
  Optimizer adam{.name = "adam",
                 .learning_rate = o.learning_rate,
                 .op = "train.AdamUpdate",
                 .attrs = {{"beta_1", o.beta_1}, {"beta_2", o.beta_2}, {"epsilon", o.epsilon}},
                 .slots = {{"m"}, {"v"}},
                 .options = common};
  if (o.amsgrad) adam.slots.push_back({"v_max"});
  return adam;
}

Optimizer AdamW(const AdamOptions& o, const OptimizerOptions& common) {
  Optimizer adam = Adam(o, common);
  adam.name = "adamw";
  if (!adam.options.weight_decay) adam.options.weight_decay = 0.004;
  return adam;
}

Optimizer Adamax(const AdamaxOptions& o, const OptimizerOptions& common) {
  return {.name = "adamax",
          .learning_rate = o.learning_rate,
          .op = "train.AdamaxUpdate",
          .attrs = {{"beta_1", o.beta_1}, {"beta_2", o.beta_2}, {"epsilon", o.epsilon}},
          .slots = {{"m"}, {"u"}},
          .options = common};
}

Optimizer Nadam(const AdamaxOptions& o, const OptimizerOptions& common) {
  return {.name = "nadam",
          .learning_rate = o.learning_rate,
          .op = "train.NadamUpdate",
          .attrs = {{"beta_1", o.beta_1}, {"beta_2", o.beta_2}, {"epsilon", o.epsilon}},
          .slots = {{"m"}, {"v"}, {"u_product", 1, Optimizer::Slot::Form::kScalar}},
          .options = common};
}

Optimizer RMSprop(const RmspropOptions& o, const OptimizerOptions& common) {
  Optimizer rmsprop{.name = "rmsprop",
                    .learning_rate = o.learning_rate,
                    .op = "train.RmspropUpdate",
                    .attrs = {{"rho", o.rho}, {"epsilon", o.epsilon}},
                    .slots = {{"v"}},
                    .options = common};
  if (o.centered) rmsprop.slots.push_back({"mean"});
  if (o.momentum != 0) {
    rmsprop.attrs.Set("momentum", o.momentum);
    rmsprop.slots.push_back({"momentum_slot"});
  }
  return rmsprop;
}

Optimizer Adagrad(const AdagradOptions& o, const OptimizerOptions& common) {
  return {.name = "adagrad",
          .learning_rate = o.learning_rate,
          .op = "train.AdagradUpdate",
          .attrs = {{"epsilon", o.epsilon}},
          .slots = {{"accumulator", o.initial_accumulator_value}},
          .options = common};
}

Optimizer Adadelta(const AdadeltaOptions& o, const OptimizerOptions& common) {
  return {.name = "adadelta",
          .learning_rate = o.learning_rate,
          .op = "train.AdadeltaUpdate",
          .attrs = {{"rho", o.rho}, {"epsilon", o.epsilon}},
          .slots = {{"accumulated_gradient"}, {"accumulated_delta"}},
          .options = common};
}

Optimizer Ftrl(const FtrlOptions& o, const OptimizerOptions& common) {
  return {
      .name = "ftrl",
      .learning_rate = o.learning_rate,
      .op = "train.FtrlUpdate",
      .attrs = {{"l1_regularization_strength", o.l1_regularization_strength},
                {"l2_regularization_strength", o.l2_regularization_strength},
                {"l2_shrinkage_regularization_strength", o.l2_shrinkage_regularization_strength},
                {"beta", o.beta}},
      .slots = {{"accumulator", o.initial_accumulator_value}, {"linear"}},
      .options = common};
}

Optimizer Lion(const LionOptions& o, const OptimizerOptions& common) {
  return {.name = "lion",
          .learning_rate = o.learning_rate,
          .op = "train.LionUpdate",
          .attrs = {{"beta_1", o.beta_1}, {"beta_2", o.beta_2}},
          .slots = {{"m"}},
          .options = common};
}

Optimizer Lamb(const AdamaxOptions& o, const OptimizerOptions& common) {
  return {.name = "lamb",
          .learning_rate = o.learning_rate,
          .op = "train.LambUpdate",
          .attrs = {{"beta_1", o.beta_1}, {"beta_2", o.beta_2}, {"epsilon", o.epsilon}},
          .slots = {{"m"}, {"v"}},
          .options = common};
}

Optimizer Adafactor(const AdafactorOptions& o, const OptimizerOptions& common) {
  using Form = Optimizer::Slot::Form;
  return {.name = "adafactor",
          .learning_rate = o.learning_rate,
          .op = "train.AdafactorUpdate",
          .attrs = {{"beta_2_decay", o.beta_2_decay},
                    {"epsilon_1", o.epsilon_1},
                    {"epsilon_2", o.epsilon_2},
                    {"clip_threshold", o.clip_threshold}},
          .slots = {{"r", 0, Form::kRows}, {"c", 0, Form::kColumns}, {"v", 0, Form::kVector}},
          .options = common};
}

Optimizer Muon(const MuonOptions& o, const OptimizerOptions& common) {
  Optimizer muon = Adam({.learning_rate = o.learning_rate,
                         .beta_1 = o.adam_beta_1,
                         .beta_2 = o.adam_beta_2,
                         .epsilon = o.epsilon},
                        common);
  muon.name = "muon";
  muon.orthogonal = o.orthogonal;
  if (!muon.options.weight_decay) muon.options.weight_decay = 0.1;
  return muon;
}

Optimizer ScheduleFreeAdamW(const ScheduleFreeAdamWOptions& o, const OptimizerOptions& common) {
  using Form = Optimizer::Slot::Form;
  return {.name = "schedule_free_adamw",
          .learning_rate = o.learning_rate,
          .op = "train.ScheduleFreeAdamWUpdate",
          .attrs = {{"beta_1", o.beta_1},
                    {"beta_2", o.beta_2},
                    {"epsilon", o.epsilon},
                    {"warmup_steps", o.warmup_steps}},
          .slots = {{"z", 0, Form::kCopy}, {"v"}, {"x", 0, Form::kCopy}},
          .options = common,
          .model_slot = "x"};
}

}  // namespace optimizers

absl::Status CheckOptimizer(const Optimizer& optimizer) {
  const OptimizerOptions& o = optimizer.options;
  ErrorList errors;
  const std::string place = absl::StrCat("optimizer ", Quoted(optimizer.name));
  errors.Add(optimizer.learning_rate.status(), place);
  const double rate = optimizer.learning_rate.At(0);
  if (optimizer.learning_rate.status().ok() && !(rate >= 0 && std::isfinite(rate))) {
    errors.Add(
        InvalidArgument("learning_rate: expected a number that is not negative, found ", rate),
        place);
  }
  const OpDef* op = OpRegistry::Default().Find(optimizer.op);
  if (op == nullptr) {
    errors.Add(InvalidArgument("no op ", Shown(optimizer.op), " is registered"), place);
  } else {
    Attributes attrs = optimizer.attrs;
    attrs.Set("variable", "w");
    for (const Optimizer::Slot& slot : optimizer.slots) attrs.Set(slot.attr, "s");
    errors.Add(ResolveAttributes(op->attrs, attrs).status(), place);
  }
  const auto positive = [&](absl::string_view name, std::optional<double> value) {
    if (value && !(*value > 0))
      errors.Add(InvalidArgument(name, ": expected a number greater than 0, found ", *value),
                 place);
  };
  positive("clipnorm", o.clipnorm);
  positive("global_clipnorm", o.global_clipnorm);
  positive("clipvalue", o.clipvalue);
  if (o.weight_decay && !(*o.weight_decay >= 0))
    errors.Add(InvalidArgument("weight_decay: expected at least 0, found ", *o.weight_decay),
               place);
  if (o.clipnorm.has_value() + o.global_clipnorm.has_value() + o.clipvalue.has_value() > 1)
    errors.Add(InvalidArgument("clipnorm, global_clipnorm, clipvalue: expected at most one"),
               place);
  if (o.gradient_accumulation_steps < 1) {
    errors.Add(InvalidArgument("gradient_accumulation_steps: expected at least 1, found ",
                               o.gradient_accumulation_steps),
               place);
  }
  if (!(o.ema_momentum >= 0 && o.ema_momentum <= 1))
    errors.Add(InvalidArgument("ema_momentum: expected 0 to 1, found ", o.ema_momentum), place);
  if (o.ema_overwrite_frequency && *o.ema_overwrite_frequency < 1) {
    errors.Add(InvalidArgument("ema_overwrite_frequency: expected at least 1, found ",
                               *o.ema_overwrite_frequency),
               place);
  }
  if (o.use_ema && !optimizer.model_slot.empty()) {
    errors.Add(InvalidArgument("use_ema: expected false, as it is a mean of the weights that the "
                               "optimizer keeps anyway"),
               place);
  }
  if (const auto& orthogonal = optimizer.orthogonal) {
    constexpr int64_t kMostSteps = 100;
    if (orthogonal->ns_steps < 0 || orthogonal->ns_steps > kMostSteps) {
      errors.Add(
          InvalidArgument("ns_steps: expected 0 to ", kMostSteps, ", found ", orthogonal->ns_steps),
          place);
    }
    positive("adam_lr_ratio", orthogonal->adam_lr_ratio);
  }
  return errors.ToStatus("the optimizer cannot be used");
}

}  // namespace nomograph
