#include "nomograph/train/optimizer.h"

#include <map>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
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

}  // namespace optimizers

namespace {

// The options that a text gives, each of which must be used.
class TextOptions {
 public:
  static absl::StatusOr<TextOptions> Parse(absl::string_view text) {
    TextOptions options;
    for (const absl::string_view part : absl::StrSplit(text, ',', absl::SkipEmpty())) {
      const std::pair<absl::string_view, absl::string_view> field =
          absl::StrSplit(part, absl::MaxSplits('=', 1));
      double number = field.second == "true" ? 1 : 0;
      if (field.second != "true" && field.second != "false" &&
          !absl::SimpleAtod(field.second, &number)) {
        return InvalidArgument("expected NAME=NUMBER, found ", Quoted(part));
      }
      options.values_[std::string(field.first)] = number;
    }
    return options;
  }

  template <typename T>
  void Take(absl::string_view name, T& value) {
    names_.emplace_back(name);
    const auto found = values_.find(name);
    if (found == values_.end()) return;
    if constexpr (std::is_same_v<T, bool>) {
      value = found->second != 0;
    } else if constexpr (std::is_same_v<T, int64_t>) {
      value = static_cast<int64_t>(found->second);
    } else {
      value = found->second;
    }
    values_.erase(found);
  }

  absl::Status CheckAllTaken() const {
    if (values_.empty()) return absl::OkStatus();
    return InvalidArgument("there is no option ", Quoted(values_.begin()->first),
                           "; the options are ", absl::StrJoin(names_, ", "));
  }

 private:
  std::map<std::string, double, std::less<>> values_;
  std::vector<std::string> names_;
};

using MakeFn = Optimizer (*)(TextOptions& text, const OptimizerOptions& common);

Optimizer MakeSgd(TextOptions& text, const OptimizerOptions& common) {
  optimizers::SgdOptions o;
  text.Take("learning_rate", o.learning_rate);
  text.Take("momentum", o.momentum);
  text.Take("nesterov", o.nesterov);
  return optimizers::SGD(o, common);
}

template <Optimizer (*make)(const optimizers::AdamOptions&, const OptimizerOptions&)>
Optimizer MakeAdam(TextOptions& text, const OptimizerOptions& common) {
  optimizers::AdamOptions o;
  text.Take("learning_rate", o.learning_rate);
  text.Take("beta_1", o.beta_1);
  text.Take("beta_2", o.beta_2);
  text.Take("epsilon", o.epsilon);
  text.Take("amsgrad", o.amsgrad);
  return make(o, common);
}

template <Optimizer (*make)(const optimizers::AdamaxOptions&, const OptimizerOptions&)>
Optimizer MakeAdamax(TextOptions& text, const OptimizerOptions& common) {
  optimizers::AdamaxOptions o;
  text.Take("learning_rate", o.learning_rate);
  text.Take("beta_1", o.beta_1);
  text.Take("beta_2", o.beta_2);
  text.Take("epsilon", o.epsilon);
  return make(o, common);
}

Optimizer MakeRmsprop(TextOptions& text, const OptimizerOptions& common) {
  optimizers::RmspropOptions o;
  text.Take("learning_rate", o.learning_rate);
  text.Take("rho", o.rho);
  text.Take("momentum", o.momentum);
  text.Take("epsilon", o.epsilon);
  text.Take("centered", o.centered);
  return optimizers::RMSprop(o, common);
}

Optimizer MakeAdagrad(TextOptions& text, const OptimizerOptions& common) {
  optimizers::AdagradOptions o;
  text.Take("learning_rate", o.learning_rate);
  text.Take("initial_accumulator_value", o.initial_accumulator_value);
  text.Take("epsilon", o.epsilon);
  return optimizers::Adagrad(o, common);
}

Optimizer MakeAdadelta(TextOptions& text, const OptimizerOptions& common) {
  optimizers::AdadeltaOptions o;
  text.Take("learning_rate", o.learning_rate);
  text.Take("rho", o.rho);
  text.Take("epsilon", o.epsilon);
  return optimizers::Adadelta(o, common);
}

Optimizer MakeFtrl(TextOptions& text, const OptimizerOptions& common) {
  optimizers::FtrlOptions o;
  text.Take("learning_rate", o.learning_rate);
  text.Take("initial_accumulator_value", o.initial_accumulator_value);
  text.Take("l1_regularization_strength", o.l1_regularization_strength);
  text.Take("l2_regularization_strength", o.l2_regularization_strength);
  text.Take("l2_shrinkage_regularization_strength", o.l2_shrinkage_regularization_strength);
  text.Take("beta", o.beta);
  return optimizers::Ftrl(o, common);
}

Optimizer MakeLion(TextOptions& text, const OptimizerOptions& common) {
  optimizers::LionOptions o;
  text.Take("learning_rate", o.learning_rate);
  text.Take("beta_1", o.beta_1);
  text.Take("beta_2", o.beta_2);
  return optimizers::Lion(o, common);
}

Optimizer MakeAdafactor(TextOptions& text, const OptimizerOptions& common) {
  optimizers::AdafactorOptions o;
  text.Take("learning_rate", o.learning_rate);
  text.Take("beta_2_decay", o.beta_2_decay);
  text.Take("epsilon_1", o.epsilon_1);
  text.Take("epsilon_2", o.epsilon_2);
  text.Take("clip_threshold", o.clip_threshold);
  return optimizers::Adafactor(o, common);
}

Optimizer MakeMuon(TextOptions& text, const OptimizerOptions& common) {
  optimizers::MuonOptions o;
  text.Take("learning_rate", o.learning_rate);
  text.Take("adam_beta_1", o.adam_beta_1);
  text.Take("adam_beta_2", o.adam_beta_2);
  text.Take("epsilon", o.epsilon);
  text.Take("momentum", o.orthogonal.momentum);
  text.Take("nesterov", o.orthogonal.nesterov);
  text.Take("ns_steps", o.orthogonal.ns_steps);
  text.Take("adam_lr_ratio", o.orthogonal.adam_lr_ratio);
  text.Take("exclude_embeddings", o.orthogonal.exclude_embeddings);
  return optimizers::Muon(o, common);
}

constexpr std::pair<const char*, MakeFn> kOptimizers[] = {
    {"sgd", MakeSgd},
    {"adam", MakeAdam<optimizers::Adam>},
    {"adamw", MakeAdam<optimizers::AdamW>},
    {"adamax", MakeAdamax<optimizers::Adamax>},
    {"nadam", MakeAdamax<optimizers::Nadam>},
    {"rmsprop", MakeRmsprop},
    {"adagrad", MakeAdagrad},
    {"adadelta", MakeAdadelta},
    {"ftrl", MakeFtrl},
    {"lion", MakeLion},
    {"lamb", MakeAdamax<optimizers::Lamb>},
    {"adafactor", MakeAdafactor},
    {"muon", MakeMuon},
};

}  // namespace

std::vector<std::string> OptimizerNames() {
  std::vector<std::string> names;
  for (const auto& [name, make] : kOptimizers) names.emplace_back(name);
  return names;
}

absl::StatusOr<Optimizer> OptimizerFromText(absl::string_view text) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits(':', 1));
  for (const auto& [name, make] : kOptimizers) {
    if (parts.first != name) continue;
    const std::string place = absl::StrCat("optimizer ", name);
    auto options = TextOptions::Parse(parts.second);
    if (!options.ok()) return Annotate(options.status(), place);
    OptimizerOptions common;
    options->Take("weight_decay", common.weight_decay);
    options->Take("clipnorm", common.clipnorm);
    options->Take("global_clipnorm", common.global_clipnorm);
    options->Take("clipvalue", common.clipvalue);
    options->Take("gradient_accumulation_steps", common.gradient_accumulation_steps);
    options->Take("use_ema", common.use_ema);
    options->Take("ema_momentum", common.ema_momentum);
    Optimizer optimizer = make(*options, common);
    NOMO_RETURN_IF_ERROR(Annotate(options->CheckAllTaken(), place));
    NOMO_RETURN_IF_ERROR(CheckOptimizer(optimizer));
    return optimizer;
  }
  return InvalidArgument("there is no optimizer ", Quoted(parts.first), "; there are ",
                         absl::StrJoin(OptimizerNames(), ", "));
}

absl::Status CheckOptimizer(const Optimizer& optimizer) {
  const OptimizerOptions& o = optimizer.options;
  ErrorList errors;
  const std::string place = absl::StrCat("optimizer ", Quoted(optimizer.name));
  errors.Add(optimizer.learning_rate.status(), place);
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
